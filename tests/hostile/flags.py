"""Numbers of flags that no command can take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.hostile.harness import Call, Case
from tests.hostile.stage import Stage, copy_of

_NO_NUMBERS: Final = ("", "x", "nan", "inf", "-1e300", "1e300", "9" * 30, "0x10", "1,x,")
_FLAGS: Final[Mapping[str, Sequence[str]]] = {
    "train": ("--epochs", "--batch-size", "--base-learning-rate", "--num-workers", "--gpu-num"),
    "eval": ("--num-workers", "--tolerance"),
    "calibrate": ("--false-alarm-rate", "--num-workers"),
    "compress": ("--max-drop", "--num-folds", "--calibration-clips", "--max-clips"),
    "demo": ("--stride", "--threads", "--max-persons", "--serve", "--box"),
    "predict": ("--threads", "--square"),
    "check": ("--jobs",),
    "extract": ("--max-image-size", "--jobs"),
    "split": ("--fractions",),
    "make_negatives": ("--ratio", "--length-s", "--margin-s"),
    "make_shards": ("--shard-mb",),
    "import_clips": ("--frame-rate", "--fractions", "--jobs", "--num-classes"),
    "serve": ("--port",),
    "benchmark": ("--threads", "--rounds"),
}


def cases(stage: Stage) -> Iterator[Case]:
    """Type each number at each flag. All other flags are right."""
    for command, flags in _FLAGS.items():
        for flag in flags:
            for number in _NO_NUMBERS:
                # "-1e300" would look like a flag of its own.
                yield _case(stage, command, f"{flag}={number}")


def _case(stage: Stage, command: str, flag: str) -> Case:
    def make(folder: Path) -> Call:
        output = folder / "output"
        script, arguments = _right_call(stage, command, output)
        if command == "train":
            script = copy_of(stage.fresh_work_dir, folder / "work") / "train.py"
        return Call(script, [*arguments, flag], [output])

    return Case("flags", f"{command} {flag}", make, "refused")


def _right_call(stage: Stage, command: str, output: Path) -> tuple[str | Path, list[object]]:
    """Return a script and arguments with which it would work."""
    train, val = stage.files("train"), stage.files("val")
    data = ["--ann-files", stage.data / "val.txt", "--data-roots", stage.data]
    weights = ["--load-weights", stage.weights]
    model = ["--model", stage.export / "model.xml"]
    calls: dict[str, tuple[str | Path, list[object]]] = {
        "train": (stage.work_dir / "train.py", [*train, *val]),
        "eval": (
            stage.work_dir / "eval.py",
            [*weights, *stage.files("val", "test"), "--save-metrics-to", output],
        ),
        "calibrate": (stage.work_dir / "calibrate.py", [*weights, *val, "--save-to", output]),
        "compress": (
            stage.work_dir / "compress.py",
            [*weights, *train, *val, "--save-model-to", output],
        ),
        "demo": (
            stage.work_dir / "demo.py",
            [*model, "--input", stage.clip, "--output", output.with_suffix(".mp4"), "--no-show"],
        ),
        "predict": (stage.work_dir / "predict.py", [*model, stage.clip]),
        "check": ("tools/data/check.py", data),
        "extract": ("tools/data/extract.py", [*data, "--output", output]),
        "split": ("tools/data/split.py", [*data, "--output", output]),
        "make_negatives": ("tools/data/make_negatives.py", [*data, "--output", output]),
        "make_shards": ("tools/data/make_shards.py", [*data, "--output", output]),
        "import_clips": ("tools/data/import_clips.py", [stage.data, "--output", output]),
        "serve": ("tools/serve.py", [stage.photos, "--model", stage.photos / "model.xml"]),
        "benchmark": ("tools/benchmark.py", [stage.export / "model.xml"]),
    }
    return calls[command]

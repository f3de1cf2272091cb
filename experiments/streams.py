"""Compare causal networks with a sliding window on streams of people whom neither has seen.

    python experiments/streams.py --data-root ../shared/data --out runs \\
        --start runs/smarthome_gestures/modern-0/outputs/latest.pth

Every step is a command that a user would type. The data sets are smarthome_gestures, and asl_words
for people who do other things. A step whose result exists is left out, so an interrupted run
continues where it stopped.

1. Every training clip becomes a separate stream, with rest before and behind it. So do negatives.
2. All networks train on the same lines: see `training_lines`.
3. The rows of experiments/smarthome_streams.yaml train from the clip model, and are exported.
4. Streams of val and of test people are composed. The rules of decision are chosen on those of val.
   The test people's are scored once with them. OUT/streams/table.md and curves.png have the result.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python experiments/streams.py` without an installed package

from action_recognition.data.annotation_lines import annotation_line
from action_recognition.plots import draw_false_alarms
from experiments.run import REPOSITORY, Row, prepare, read_table

TABLE = REPOSITORY / "experiments" / "smarthome_streams.yaml"
DATA, OTHERS, PERSON = "smarthome_gestures", "asl_words", r"/(p\d+)_"
NO_GESTURE = "no gesture"
RATE_FPS = 30
ONSET_S, LEAD_S = 1.6, 2.0
"""An onset is shorter than any window, so that windows over it begin in the rest before it."""
ONSET_EVERY, REST_EVERY = 2, 4


def training_lines(streams: Sequence[dict[str, Any]], classes: Sequence[str]) -> list[str]:
    """Return lines over streams of one clip each, as `streams.json` has them.

    - Every gesture as a whole.
    - Of every second one its beginning, whose windows reach into the rest before it. A network with
      a label for every step learns there when a gesture begins.
    - Of every fourth one the rest before it, as a clip without a gesture.
    - Streams of people who do other things as a whole, without a gesture.
    """
    lines, negative = [], str(len(classes))
    for number, stream in enumerate(streams):
        end = _frames(stream["duration_s"])
        spans = [(negative, 0, end, 0, end)]
        for event in stream["events"]:
            label, start, stop = (
                str(classes.index(event["label"])),
                _frames(event["start_s"]),
                _frames(event["end_s"]),
            )
            spans = [(label, start, stop, start, stop)]
            if number % ONSET_EVERY == 0:
                begun = min(stop, start + _frames(ONSET_S))
                spans.append((label, start, begun, max(0, start - _frames(LEAD_S)), stop))
            if number % REST_EVERY == 1:
                spans.append((negative, 0, start, 0, start))
        lines += [
            annotation_line(stream["path"], span[0], (*span[1:], float(RATE_FPS))) or ""
            for span in spans
        ]
    return lines


def _frames(seconds: float) -> int:
    return round(seconds * RATE_FPS)


def make_training_set(root: Path, folder: Path, options: argparse.Namespace) -> None:
    """`train.txt` and `val.txt` over streams of one clip each, `classes.json`, `dataset.json`."""
    classes = json.loads((root / DATA / "classes.json").read_text(encoding="utf-8"))
    for split in ("train", "val"):
        flags = ["--max-clips", "1", "--gap-s", "1.5", "--seed", "1"]
        streams = _composed(root, split, folder / split, flags, options)
        lines = training_lines(
            [item | {"path": f"{split}/{item['path']}"} for item in streams], classes
        )
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "classes.json").write_text(
        json.dumps([*classes, NO_GESTURE]) + "\n", encoding="utf-8"
    )
    (folder / "dataset.json").write_text(
        json.dumps({"negative_label": NO_GESTURE}) + "\n", encoding="utf-8"
    )


def _composed(
    root: Path, split: str, folder: Path, flags: Sequence[str], options: argparse.Namespace
) -> list[dict[str, Any]]:
    if not (folder / "streams.json").exists():
        files = [
            "--ann-files",
            str(root / DATA / f"{split}.txt"),
            "--data-roots",
            str(root / DATA),
            "--person-regex",
            PERSON,
        ]
        others = [
            "--negative-ann-files",
            str(root / OTHERS / f"{split}.txt"),
            "--negative-data-roots",
            str(root / OTHERS),
        ]
        folder.mkdir(parents=True, exist_ok=True)
        _call(
            [
                REPOSITORY / "tools/data/compose_streams.py",
                *files,
                *others,
                *flags,
                "--output",
                folder,
            ],
            folder / "compose.log",
            options,
        )
    return list(json.loads((folder / "streams.json").read_text(encoding="utf-8"))["streams"])


def train_and_export(row: Row, data: Path, folder: Path, options: argparse.Namespace) -> Path:
    """The IR for streams: with a state where the network keeps one."""
    latest = folder / "outputs" / "latest.pth"
    if not (folder / "trained").exists():
        if not latest.exists():
            prepare(row, folder)
        flags = [
            item
            for split in ("train", "val")
            for item in (
                f"--{split}-ann-files",
                data / f"{split}.txt",
                f"--{split}-data-roots",
                data,
            )
        ]
        start = (
            ["--load-weights", options.start.resolve(), "--resume-from", "auto"]
            if not latest.exists()
            else ["--resume-from", "auto"]
        )
        machine = [
            "--gpu-num",
            "0",
            "--num-workers",
            str(options.num_workers),
            "--frame-cache",
            data / "cache",
        ]
        _call([folder / "train.py", *flags, *start, *machine], folder / "train.log", options)
        (folder / "trained").touch()
    if not (folder / "export" / "model.xml").exists():
        _call(
            [folder / "export.py", "--load-weights", latest, "--save-model-to", folder / "export"],
            folder / "export.log",
            options,
        )
    return next(
        iter(sorted((folder / "export").glob("model_stream?.xml"))), folder / "export" / "model.xml"
    )


def measure(
    model: Path, folder: Path, streams: Path, options: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Metrics of both splits by key; rules are chosen on val."""
    found: dict[str, dict[str, Any]] = {}
    for split, decision in (("val", "--choose-decision"), ("test", "--decision")):
        metrics = folder / f"streams_{split}" / "metrics.yaml"
        if not metrics.exists():
            metrics.parent.mkdir(parents=True, exist_ok=True)
            files = [
                "--test-ann-files",
                streams / split / "streams.json",
                "--test-data-roots",
                streams / split,
            ]
            flags = [
                "--stream",
                "--load-weights",
                model,
                *files,
                "--save-metrics-to",
                metrics,
                decision,
                folder / "decision.json",
            ]
            _call([folder / "eval.py", *flags], folder / "streams.log", options)
        found[split] = {
            item["key"]: item["value"]
            for item in yaml.safe_load(metrics.read_text(encoding="utf-8"))["metrics"]
        }
    return found


def _call(command: Sequence[object], log: Path, options: argparse.Namespace) -> None:
    environment = os.environ | {
        "OMP_NUM_THREADS": str(options.threads),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    with log.open("a", encoding="utf-8") as file:
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            env=environment,
            stdout=file,
            stderr=file,
            check=False,
        )
    if done.returncode:
        raise SystemExit(
            f"{Path(str(command[0])).name} ended with exit code {done.returncode}, see {log}"
        )


def table_lines(results: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """Markdown: a line a metric, a column a network and split."""
    columns = [(row, split) for row in results for split in ("val", "test")]
    lines = [
        f"| | {' | '.join(f'{row}, {split}' for row, split in columns)} |",
        "|---|" + "---|" * len(columns),
    ]
    keys = list(
        dict.fromkeys(
            key
            for row, split in columns
            for key in results[row][split]
            if key.startswith("stream_")
        )
    )
    return [
        *lines,
        *(
            f"| {key} | "
            + " | ".join(str(results[row][split].get(key, "")) for row, split in columns)
            + " |"
            for key in keys
        ),
    ]


def curves_of_test(folders: Sequence[Path]) -> dict[str, list[tuple[float, float]]]:
    """Return (recall, false alarms an hour) of every onset on the test streams, by network."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for folder in folders:
        rules = json.loads((folder / "decision.json").read_text(encoding="utf-8"))
        share = round(rules["release"] / rules["onset"], 2)
        with (folder / "streams_test" / "stream_curve.csv").open(
            newline="", encoding="utf-8"
        ) as file:
            lines[folder.name] = [
                (float(row["recall"]), float(row["false_alarms_per_hour"]))
                for row in csv.DictReader(file)
                if float(row["smoothing_s"]) == rules["smoothing_s"]
                and round(float(row["release"]) / float(row["onset"]), 2) == share
            ]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-root", type=Path, required=True, help="holds the folders of both data sets"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="gets a folder streams with everything"
    )
    parser.add_argument(
        "--start",
        type=Path,
        required=True,
        help="the checkpoint of the clip model that all rows start from",
    )
    parser.add_argument("--rows", help="only these, separated by commas")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--num-workers", type=int, default=1, help="decoding processes of a training"
    )
    options = parser.parse_args(arguments)
    root, out = options.data_root.resolve(), options.out.resolve() / "streams"
    if not (out / "data" / "dataset.json").exists():
        make_training_set(root, out / "data", options)
    for split in ("val", "test"):
        _composed(root, split, out / "measured" / split, [], options)
    results = {}
    for row in read_table(TABLE):
        if options.rows is None or row.name in options.rows.split(","):
            folder = out / row.name
            model = train_and_export(row, out / "data", folder, options)
            results[row.name] = measure(model, folder, out / "measured", options)
            print("\n".join(table_lines(results)), flush=True)
    draw_false_alarms(out / "curves.png", curves_of_test([out / name for name in results]))
    (out / "table.md").write_text("\n".join(table_lines(results)) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Our templates over landmarks, by the commands that a user types."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml

from action_recognition.download.cache import CACHE_VARIABLE
from action_recognition.training.studies.subsets import nested_subset, write_annotations
from benchmarks.harness import REPOSITORY
from benchmarks.peers.clips import listed
from benchmarks.peers.results import Result

TEMPLATES: Final = REPOSITORY / "model_templates" / "hand_landmarks"


def train_and_evaluate(
    template: str, data_root: Path, name: str, size: int | None, seed: int, folder: Path
) -> Result:
    """Train a template on a draw, and evaluate its last weights on val and test.

    `folder` becomes the work dir. Hands are tracked already, in the cache folder that the
    environment names. The CPU time is that of the whole command, with imports and validation.
    """
    assert CACHE_VARIABLE in os.environ, "the store of landmarks is the cache folder's"
    shutil.rmtree(folder, ignore_errors=True)
    _run(REPOSITORY / "tools/instantiate_template.py", [str(TEMPLATES / template), str(folder)])

    # The draw of `train.py --learning-curve`, as an annotation file of its own.
    clips = listed(data_root, name, ["train"])
    labels = [clip.record.label for clip in clips]
    part = [clips[place] for place in nested_subset(labels, size, seed)]
    files, roots = write_annotations(part, folder / "draw", "train")
    root = data_root / name

    flags = ["--train-ann-files", str(files[0]), "--train-data-roots", str(roots[0])]
    flags += ["--val-ann-files", str(root / "val.txt"), "--val-data-roots", str(root)]
    before = _cpu_of_children()
    _run(folder / "train.py", [*flags, "--seed", str(seed), "--gpu-num", "0"])
    cpu_s = _cpu_of_children() - before

    val, test = (_top1(folder, root, split) for split in ("val", "test"))
    num_val, num_test = (len(listed(data_root, name, [split])) for split in ("val", "test"))
    return Result(name, template, size, seed, val, test, num_val, num_test, cpu_s)


def _top1(folder: Path, root: Path, split: str) -> float:
    metrics = folder / f"{split}.yaml"
    flags = ["--test-ann-files", str(root / f"{split}.txt"), "--test-data-roots", str(root)]
    flags += ["--load-weights", str(folder / "outputs/latest.pth")]
    flags += ["--save-output-to", str(folder / split), "--save-metrics-to", str(metrics)]
    _run(folder / "eval.py", flags)
    document = yaml.safe_load(metrics.read_text(encoding="utf-8"))
    values = {metric["key"]: metric["value"] for metric in document["metrics"]}
    return float(values["top1_of_clips"])


def _run(script: Path, flags: Sequence[str]) -> None:
    """Run a command on one thread. Raises RuntimeError with the end of what it said."""
    done = subprocess.run(
        [sys.executable, str(script), *flags],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{script.name}: {done.stderr[-2000:] or done.stdout[-2000:]}")


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

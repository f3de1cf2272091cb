#!/usr/bin/env python3
"""Score the clips of val and test by every form of a delivered model.

    python experiments/deploy_forms.py --checkpoint outputs/latest.pth --export export \\
        --data DATA/smarthome_gestures --json forms.json

The tables "accuracy of all forms" of docs/results/deploy.md come from here. Nothing is chosen here:
forms, thresholds and weights are made before, and test is only reported. Every clip is decoded
once.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from action_recognition.compression.accuracy_gate import accuracy_drop
from action_recognition.compression.clip_store import StoredClips, store_clips
from action_recognition.data.annotations import read_annotations
from action_recognition.deploy.backends import Backend, Precision, load_backend
from action_recognition.errors import run_command
from action_recognition.evaluation.result import difference
from action_recognition.metrics import wilson_interval

SPLITS = ("val", "test")
FORMS: tuple[tuple[str, Precision], ...] = (
    ("model.onnx", "f32"),
    ("model.xml", "f32"),
    ("model.xml", "default"),
    ("model_fp16.xml", "f32"),
    ("model_int8.xml", "f32"),
    ("model_int8.xml", "default"),
)


def forms(checkpoint: Path, export: Path) -> Iterator[tuple[str, Backend]]:
    """Every form that is there, the trained network first."""
    yield checkpoint.name, load_backend(checkpoint)
    for name, precision in FORMS:
        if (export / name).is_file():
            yield name, load_backend(export / name, precision=precision)


def measure(
    clips: StoredClips, num_val: int, found: Iterator[tuple[str, Backend]]
) -> list[dict[str, Any]]:
    """A row for each form; all but the first are compared with it."""
    rows: list[dict[str, Any]] = []
    truth, first, expected = clips.labels, None, None
    for name, backend in found:
        scores = backend.scores(clips.pixels)
        if first is None or expected is None:
            first, expected = backend, scores
        right = scores.argmax(axis=1) == truth
        compared, drop = (
            difference(backend, scores, first, expected),
            accuracy_drop(truth, expected, scores),
        )
        low, high = wilson_interval(float(right.mean()), len(right))
        rows.append(
            {
                "form": name,
                "runs_as": backend.runs_as,
                "val": 100 * float(right[:num_val].mean()),
                "test": 100 * float(right[num_val:].mean()),
                "both": 100 * float(right.mean()),
                "interval": [100 * low, 100 * high],
                "drop": [drop.points, drop.low, drop.high],
                "agreement": drop.agreement,
                "max_probability_difference": float(compared.probability.max()),
            }
        )
        print(
            f"{name}, {backend.runs_as}: {rows[-1]['both']:.2f} %, "
            f"same answer {drop.agreement:.1f} %",
            flush=True,
        )
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, decode, score, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        metavar="FILE",
        help="of train.py, which everything is compared with",
    )
    parser.add_argument(
        "--export",
        type=Path,
        required=True,
        metavar="DIR",
        help="of export.py --fp16 and compress.py",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="val.txt and test.txt of other people than train.txt",
    )
    parser.add_argument(
        "--hand-detector",
        type=Path,
        metavar="FILE",
        help="for a network that was trained with --crop hand",
    )
    parser.add_argument("--num-workers", type=int, default=0, metavar="N")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(argv)
    metadata = load_backend(options.checkpoint).metadata
    val, test = (
        read_annotations([options.data / f"{split}.txt"], [options.data], list(metadata.labels))
        for split in SPLITS
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clips"
        clips = store_clips(
            file,
            [*val, *test],
            metadata,
            options.num_workers,
            True,
            "--data",
            options.hand_detector,
        )
        rows = measure(clips, len(val), forms(options.checkpoint, options.export))
    found = {
        "name": metadata.template,
        "data": options.data.name,
        "num_clips": {"val": len(val), "test": len(test)},
        "forms": rows,
    }
    found["num_classes"] = int(np.unique(clips.labels).size)
    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    run_command(main)

"""evaluation.json, which model cards and plots read, and what another form of the same model answers, clip by clip."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from action_recognition.data.annotations import ClipRecord
from action_recognition.deploy.backends import Backend, Scores
from action_recognition.deploy.scores import probabilities
from action_recognition.errors import user_error
from action_recognition.evaluation.report import Metric
from action_recognition.metrics import mean_top_k_accuracy, top_k_accuracy, wilson_interval

RESULT_FILE: Final = "evaluation.json"
DIFFERENCES_FILE: Final = "differences.csv"
_Z_DIGITS = 4


@dataclass(frozen=True)
class Difference:
    """Two models on the same N clips: the largest difference of a cosine and of a probability in each (N,), and whether they agree (N,)."""

    cosine: npt.NDArray[np.floating]
    probability: npt.NDArray[np.floating]
    same_answer: npt.NDArray[np.bool_]

    def metrics(self) -> list[Metric]:
        return [
            Metric(
                "agreement",
                "Same top-1 as the compared model",
                "%",
                round(100.0 * float(self.same_answer.mean()), 3),
            ),
            Metric(
                "max_cosine_difference",
                "Largest difference of a cosine",
                "",
                float(self.cosine.max()),
            ),
            Metric(
                "max_probability_difference",
                "Largest difference of a probability",
                "",
                float(self.probability.max()),
            ),
        ]


def difference(
    backend: Backend, scores: Scores, other: Backend, other_scores: Scores
) -> Difference:
    """Scores (N, C) of both. Errors: their labels differ."""
    if backend.metadata.labels != other.metadata.labels:
        raise user_error(
            "--compare-to",
            "has other labels than --load-weights",
            ", ".join(backend.metadata.labels[:8]),
        )
    shares = [
        np.array([probabilities(row, model.metadata) for row in table])
        for table, model in ((scores, backend), (other_scores, other))
    ]
    return Difference(
        np.abs(scores - other_scores).max(axis=1),
        np.abs(shares[0] - shares[1]).max(axis=1),
        scores.argmax(axis=1) == other_scores.argmax(axis=1),
    )


def write_differences(path: Path, records: Sequence[ClipRecord], found: Difference) -> None:
    """A CSV with one row per clip."""
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "path",
                "clip_start",
                "clip_end",
                "cosine_difference",
                "probability_difference",
                "same_answer",
            ]
        )
        for record, cosine, share, same in zip(
            records, found.cosine, found.probability, found.same_answer, strict=True
        ):
            writer.writerow(
                [
                    record.path,
                    record.clip_start,
                    record.clip_end,
                    f"{cosine:.2e}",
                    f"{share:.2e}",
                    int(same),
                ]
            )
    partial.replace(path)


def write_evaluation(
    path: Path,
    model: Path,
    backend: Backend,
    ann_files: Sequence[Path],
    scores: Scores,
    truth: npt.NDArray[np.integer],
) -> None:
    """What was measured, of which file, on which clips: for `export.py --evaluations` and `tools/benchmark.py --evaluations`."""
    labels, right = backend.metadata.labels, scores.argmax(axis=1) == truth
    top1 = top_k_accuracy(scores, truth, 1)
    low, high = wilson_interval(top1, len(truth))
    found: dict[str, Any] = {
        "model": model.name,
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "weights_sha256": backend.metadata.weights_sha256,
        "runs_as": backend.runs_as,
        "annotation_sha256": {
            item.name: hashlib.sha256(item.read_bytes()).hexdigest() for item in ann_files
        },
        "num_clips": len(truth),
        "accuracy": round(100.0 * mean_top_k_accuracy(scores, truth, 1), _Z_DIGITS),
        "top1_of_clips": round(100.0 * top1, _Z_DIGITS),
        "interval": [round(100.0 * low, _Z_DIGITS), round(100.0 * high, _Z_DIGITS)],
        "per_class": [
            {
                "label": label,
                "num_clips": int((truth == index).sum()),
                "right": int(right[truth == index].sum()),
            }
            for index, label in enumerate(labels)
        ],
    }
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)

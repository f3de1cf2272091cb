"""evaluation.json, and the differences between two forms of one model.

Model cards and plots read evaluation.json. The differences are measured clip by clip.
"""

from __future__ import annotations

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
from action_recognition.evaluation.clip_scores import ScoredClips
from action_recognition.evaluation.report import Metric
from action_recognition.files import sha256_of, write_csv, write_json
from action_recognition.metrics import mean_top_k_accuracy, top_k_accuracy, wilson_interval

RESULT_FILE: Final = "evaluation.json"
DIFFERENCES_FILE: Final = "differences.csv"
_DIFFERENCE_COLUMNS = [
    "path",
    "clip_start",
    "clip_end",
    "cosine_difference",
    "probability_difference",
    "same_answer",
]
# Digits after the point of a percentage.
_PERCENT_DIGITS = 4


@dataclass(frozen=True)
class Difference:
    """The differences between two models on the same N clips.

    `cosine` and `probability` (N,) are the largest differences in each clip. `same_answer` (N,) is
    True where both have the same top-1.
    """

    cosine: npt.NDArray[np.floating]
    probability: npt.NDArray[np.floating]
    same_answer: npt.NDArray[np.bool_]

    def metrics(self) -> list[Metric]:
        """Return the share of equal answers, and the largest differences of all clips."""
        agreement = round(100.0 * float(self.same_answer.mean()), 3)
        cosine, probability = float(self.cosine.max()), float(self.probability.max())
        probability_title = "Largest difference of a probability"
        return [
            Metric("agreement", "Same top-1 as the compared model", "%", agreement),
            Metric("max_cosine_difference", "Largest difference of a cosine", "", cosine),
            Metric("max_probability_difference", probability_title, "", probability),
        ]


def difference(
    backend: Backend, scores: Scores, other: Backend, other_scores: Scores
) -> Difference:
    """Compare the scores (N, C) of two models. Errors: their labels differ."""
    labels, other_labels = backend.metadata.labels, other.metadata.labels
    if labels != other_labels:
        found, allowed = "has other labels than --load-weights", ", ".join(labels[:8])
        raise user_error("--compare-to", found, allowed)

    # Probabilities by the metadata of each model.
    shares, other_shares = (
        np.array([probabilities(row, model.metadata) for row in table])
        for table, model in ((scores, backend), (other_scores, other))
    )
    return Difference(
        np.abs(scores - other_scores).max(axis=1),
        np.abs(shares - other_shares).max(axis=1),
        scores.argmax(axis=1) == other_scores.argmax(axis=1),
    )


def write_differences(path: Path, records: Sequence[ClipRecord], found: Difference) -> None:
    """Write a CSV with the differences of each clip, one row per clip."""
    columns = zip(records, found.cosine, found.probability, found.same_answer, strict=True)
    rows: list[list[Any]] = []
    for record, cosine, share, same in columns:
        clip = [record.path, record.clip_start, record.clip_end]
        rows.append([*clip, f"{cosine:.2e}", f"{share:.2e}", int(same)])
    write_csv(path, [_DIFFERENCE_COLUMNS, *rows])


@dataclass(frozen=True)
class Measured:
    """The clips that were measured: their annotation files, and the people in them.

    `people` are empty where they are not known. With `num_folds` the clips were measured by the
    models of so many folds, and the file's own model has seen all of them.
    """

    ann_files: Sequence[Path]
    people: Sequence[str] = ()
    num_folds: int = 0

    def as_plain(self) -> dict[str, Any]:
        """Return the facts for evaluation.json."""
        # The lists of folds have one name.
        has_folds = self.num_folds > 0
        names = [f"{f.parent.name}/{f.name}" if has_folds else f.name for f in self.ann_files]
        sums = dict(zip(names, map(sha256_of, self.ann_files), strict=True))
        facts: dict[str, Any] = {"annotation_sha256": sums}
        if self.people:
            facts |= {"num_people": len(self.people), "people": list(self.people)}
        return facts | ({"num_folds": self.num_folds} if has_folds else {})


def write_evaluation(
    path: Path, model: Path, backend: Backend, measured: Measured, scored: ScoredClips
) -> None:
    """Write the measured figures with the sums of the model's file and of the annotation files.

    `export.py --evaluations` and `tools/benchmark.py --evaluations` read it.
    """
    # The files and the device, so that a reader can tell what was measured.
    origin: dict[str, Any] = {
        "model": model.name,
        "model_sha256": sha256_of(model),
        "weights_sha256": backend.metadata.weights_sha256,
        "runs_as": backend.runs_as,
        **measured.as_plain(),
    }

    # The figures over all clips, and those of each class.
    figures = _figures(scored.scores, scored.truth)
    per_class = _per_class(scored.scores, scored.truth, backend.metadata.labels)
    write_json(path, origin | figures | {"per_class": per_class})


def _figures(scores: Scores, truth: npt.NDArray[np.integer]) -> dict[str, Any]:
    top1 = top_k_accuracy(scores, truth, 1)
    return {
        "num_clips": len(truth),
        "accuracy": _percent(mean_top_k_accuracy(scores, truth, 1)),
        "top1_of_clips": _percent(top1),
        "interval": [_percent(bound) for bound in wilson_interval(top1, len(truth))],
    }


def _per_class(
    scores: Scores, truth: npt.NDArray[np.integer], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the number of clips of each class, and how many of them are right."""
    # One bool for each clip.
    right = scores.argmax(axis=1) == truth
    return [
        {
            "label": label,
            "num_clips": int((truth == index).sum()),
            "right": int(right[truth == index].sum()),
        }
        for index, label in enumerate(labels)
    ]


def _percent(share: float) -> float:
    return round(100.0 * share, _PERCENT_DIGITS)

"""Metrics against the original's stored values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from action_recognition.metrics import (
    confusion_matrix,
    mean_class_accuracy,
    mean_top_k_accuracy,
    most_confused,
    ranking_mean_average_precision,
    top_k_accuracy,
    wilson_interval,
)


@pytest.mark.parametrize("case", ["full", "missing", "perfect", "ties"])
def test_every_measure_equals_the_originals(case: str, reference: Path) -> None:
    expected = json.loads((reference / "metrics.json").read_text())[case]
    with np.load(reference / "metrics.npz") as stored:
        scores, labels = stored[f"{case}_scores"], stored[f"{case}_labels"]
    assert mean_top_k_accuracy(scores, labels, 1) == pytest.approx(expected["mean_top1"], abs=1e-12)
    assert mean_top_k_accuracy(scores, labels, 5) == pytest.approx(expected["mean_top5"], abs=1e-12)
    assert [top_k_accuracy(scores, labels, k) for k in (1, 5)] == pytest.approx(
        expected["top1_top5"], abs=1e-12
    )
    assert mean_class_accuracy(scores, labels) == pytest.approx(
        expected["mean_class_accuracy"], abs=1e-12
    )
    precision = ranking_mean_average_precision(scores, labels)
    # The original sums precisions in single precision, which is worth up to 4e-8 here.
    assert precision["all_classes"] == pytest.approx(expected["ranking_mAP"], abs=1e-7)
    share = expected["classes_present"] / expected["num_classes"]
    assert precision["present_classes"] == pytest.approx(expected["ranking_mAP"] / share, abs=1e-6)


def test_confusion_matrix_counts_labels_in_rows() -> None:
    scores = np.eye(3, dtype=np.float32)[[0, 1, 1, 2]]
    counts = confusion_matrix(scores, np.array([0, 0, 1, 2]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert most_confused(counts, ["a", "b", "c"]) == [("a", "b", 1)]


def test_interval_holds_the_share_and_shrinks_with_the_count() -> None:
    low, high = wilson_interval(0.8, 50)
    assert low < 0.8 < high
    lower, higher = wilson_interval(0.8, 5000)
    assert low < lower < 0.8 < higher < high
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1.0)

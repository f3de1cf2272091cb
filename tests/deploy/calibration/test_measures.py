"""Measures of probabilities: tables worked out by hand, a well-kept library, and what intervals
have to cover.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from action_recognition.deploy.calibration.measures import (
    bootstrap_interval,
    brier_scores,
    calibration_error_by_chance,
    confidence_and_hits,
    expected_calibration_error,
    log_losses,
    reliability_bins,
    softmax,
)

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5], [0.9, 0.05, 0.05]])
LABELS = np.array([0, 2, 2, 1])


def made(num_clips: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, 5) and labels drawn from softmax(logits / temperature): calibrated at that
    temperature.
    """
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (num_clips, 5))
    labels = (softmax(logits / temperature).cumsum(axis=1) < rng.random((num_clips, 1))).sum(axis=1)
    return logits, labels


def test_a_table_by_hand() -> None:
    assert log_losses(PROBABILITIES, LABELS) == pytest.approx(-np.log([0.7, 0.3, 0.5, 0.05]))
    assert brier_scores(PROBABILITIES, LABELS) == pytest.approx(
        [0.09 + 0.04 + 0.01, 0.01 + 0.36 + 0.49, 0.0625 + 0.0625 + 0.25, 0.81 + 0.9025 + 0.0025]
    )
    confidence, hits = confidence_and_hits(PROBABILITIES, LABELS)
    assert confidence.tolist() == [0.7, 0.6, 0.5, 0.9] and hits.tolist() == [
        True,
        False,
        True,
        False,
    ]
    # Two bins: (0, 0.5] holds 0.5, right; (0.5, 1] the others, mean 2.2 / 3, one of three right.
    bins = reliability_bins(confidence, hits, 2)
    assert bins.count.tolist() == [1, 3]
    assert bins.confidence == pytest.approx([0.5, 2.2 / 3]) and bins.accuracy == pytest.approx(
        [1.0, 1 / 3]
    )
    assert expected_calibration_error(confidence, hits, 2) == pytest.approx(
        0.25 * 0.5 + 0.75 * (2.2 / 3 - 1 / 3)
    )


def test_an_empty_bin_has_no_accuracy_and_a_certain_miss_a_finite_loss() -> None:
    bins = reliability_bins(np.array([0.95]), np.array([True]))
    assert bins.count.tolist() == [0] * 9 + [1] and np.isnan(bins.accuracy[:9]).all()
    assert np.isfinite(log_losses(np.array([[1.0, 0.0]]), np.array([1]))).all()


def test_the_error_is_that_of_torchmetrics() -> None:
    logits, labels = made(300, 2.0)
    table = softmax(logits)
    theirs = multiclass_calibration_error(
        torch.from_numpy(table), torch.from_numpy(labels), num_classes=5, n_bins=10, norm="l1"
    )
    assert expected_calibration_error(*confidence_and_hits(table, labels)) == pytest.approx(
        float(theirs), abs=1e-6
    )


def test_a_calibrated_model_lies_within_the_interval_and_an_overconfident_one_above() -> None:
    inside = 0
    for seed in range(40):
        logits, labels = made(70, 1.0, seed)
        confidence, hits = confidence_and_hits(softmax(logits), labels)
        low, high = calibration_error_by_chance(confidence, seed)
        inside += low <= expected_calibration_error(confidence, hits) <= high
    assert inside >= 34  # 95 % of 40 are 38; fewer than 34 has a probability of 0.3 %
    logits, labels = made(70, 3.0)
    confidence, hits = confidence_and_hits(softmax(logits), labels)
    assert expected_calibration_error(confidence, hits) > calibration_error_by_chance(confidence)[1]


def test_an_interval_over_people_is_wider_where_their_clips_are_alike() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=20), 10)
    by_clip = bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(200))
    by_person = bootstrap_interval(
        lambda rows: float(values[rows].mean()), np.repeat(np.arange(20), 10)
    )
    theory = 2 * 1.96 * values.std() / np.sqrt(200)
    assert by_clip[1] - by_clip[0] == pytest.approx(theory, rel=0.1)
    assert by_person[1] - by_person[0] == pytest.approx(theory * np.sqrt(10), rel=0.1)


def test_whole_people_are_drawn() -> None:
    groups = np.array([3, 0, 3, 5, 0, 3])
    sizes = {0: 2, 3: 3, 5: 1}

    def check(rows: np.ndarray) -> float:
        drawn, counts = np.unique(groups[rows], return_counts=True)
        assert all(
            count % sizes[int(group)] == 0 for group, count in zip(drawn, counts, strict=True)
        )
        assert all(
            (rows == row).sum() == (groups[rows] == groups[row]).sum() / sizes[int(groups[row])]
            for row in rows
        )
        return 0.0

    bootstrap_interval(check, groups, num_resamples=50)

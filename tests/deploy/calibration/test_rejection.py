"""Rejection: curves worked out by hand, and thresholds that keep the rate that they promise."""

from __future__ import annotations

import numpy as np
import pytest

from action_recognition.deploy.calibration.measures import softmax
from action_recognition.deploy.calibration.rejection import (
    accepted,
    false_alarms_at_recall,
    fit_spread_threshold,
    fit_thresholds,
    leave_one_class_out,
    risk_coverage,
    spread,
)


def table(top: list[int], score: list[float], num_labels: int = 3) -> np.ndarray:
    """Probabilities whose highest is `score` at `top`."""
    rest = (1 - np.array(score)) / (num_labels - 1)
    made = np.repeat(rest[:, None], num_labels, axis=1)
    made[np.arange(len(top)), top] = score
    return made


def test_risk_and_coverage_by_hand() -> None:
    curve = risk_coverage(np.array([0.5, 0.9, 0.8, 0.8]), np.array([False, True, True, False]))
    assert curve.coverage.tolist() == [0.25, 0.75, 1.0]  # the two of 0.8 come together
    assert curve.risk == pytest.approx([0.0, 1 / 3, 0.5])
    assert curve.area == pytest.approx((0.0 + 2 * 1 / 3 + 0.5) / 4)


def test_false_alarms_by_hand() -> None:
    gestures, negatives = np.linspace(0.05, 1.0, 20), np.array([0.04, 0.06, 0.1, 0.5])
    assert false_alarms_at_recall(gestures, negatives) == (
        pytest.approx(0.5),
        pytest.approx(0.1),
    )  # 19 of 20 reach 0.1
    assert false_alarms_at_recall(gestures, negatives, 1.0)[0] == 0.75


def test_a_common_threshold_by_hand() -> None:
    negatives = table(
        [0, 1, 2, 0, 1, 2, 0, 1, 2], [0.90, 0.8, 0.7, 0.6, 0.5, 0.45, 0.44, 0.43, 0.42]
    )
    fitted = fit_thresholds(negatives, 0.2)  # 0.2 * 10 - 1 = 1 negative may pass
    assert fitted.values == pytest.approx([0.8] * 3, abs=2e-6) and fitted.shared.all()
    assert fitted.kept_rate == pytest.approx(0.2)
    assert accepted(negatives, fitted.values).sum() == 1
    few = fit_thresholds(negatives, 0.01)
    assert few.values == pytest.approx([0.9] * 3, abs=2e-6) and few.kept_rate == pytest.approx(0.1)
    assert not accepted(negatives, few.values).any()


def test_a_label_with_negatives_enough_gets_its_own_threshold() -> None:
    negatives = table([0] * 9 + [1, 2] * 5, [0.9] * 9 + [0.5] * 10)
    fitted = fit_thresholds(negatives, 0.1)
    assert fitted.values == pytest.approx([0.9, 0.5, 0.5], abs=2e-6)
    assert fitted.shared.tolist() == [False, True, True]
    # With too few for the others, the first joins them: their rate could not be kept alone.
    joined = fit_thresholds(table([0] * 9 + [1, 2], [0.9] * 9 + [0.5] * 2), 0.1)
    assert joined.shared.all() and joined.values == pytest.approx([0.9] * 3, abs=2e-6)


def test_what_is_taken_for_no_gesture_is_no_alarm() -> None:
    negatives = table([2] * 15 + [0] * 4, [0.99] * 15 + [0.5, 0.6, 0.7, 0.8])
    fitted = fit_thresholds(negatives, 0.1, negative_label=2)
    assert np.isnan(fitted.values[2])
    assert fitted.values[:2] == pytest.approx([0.7] * 2, abs=2e-6)  # 0.1 * 20 - 1 = 1 may pass
    assert accepted(negatives, fitted.values).sum() == 1
    assert not accepted(table([2], [1.0]), fitted.values).any()


def test_other_negatives_keep_the_rate_on_average() -> None:
    rng = np.random.default_rng(0)

    def negatives(number: int) -> np.ndarray:
        return softmax(rng.normal(0, 2, (number, 4)) + np.array([1.5, 0, 0, 0]))

    rates = []
    for _ in range(200):
        fitted = fit_thresholds(negatives(120), 0.05)
        assert not fitted.shared[0]
        rates.append(accepted(negatives(500), fitted.values).mean())
    assert 0.03 < np.mean(rates) <= 0.052


def test_no_negatives_promise_nothing() -> None:
    fitted = fit_thresholds(np.zeros((0, 3)), 0.1)
    assert fitted.kept_rate == 1.0 and accepted(table([0], [0.4]), fitted.values).all()


def test_leaving_a_label_out_leaves_the_others() -> None:
    cosines = np.log([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]]) / 2
    spreads = leave_one_class_out(cosines, np.array([0, 0]))
    assert spreads == pytest.approx(np.log(3) / 4)  # half the distance of the two that are left
    assert leave_one_class_out(cosines, np.array([0, 2]), negative_label=2).shape == (1,)


def test_the_spread_tells_what_no_probability_shows() -> None:
    # Unit directions in the first two axes; an embedding along one of them, and one of the same
    # differences far outside.
    directions = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    gesture, other = np.array([1.0, 0, 0]), np.array([0.1, 0, np.sqrt(0.99)])
    assert spread(gesture @ directions.T) == pytest.approx(10 * spread(other @ directions.T))


def test_a_least_spread_loses_at_most_one_gesture_in_twenty() -> None:
    assert fit_spread_threshold(np.linspace(0.1, 1.9, 19)) == pytest.approx(0.1)
    assert fit_spread_threshold(np.linspace(0.1, 3.9, 39)) == pytest.approx(0.2)
    assert fit_spread_threshold(np.linspace(0.1, 1.8, 18)) == 0.0
    rng = np.random.default_rng(0)
    lost = [(rng.random(200) < fit_spread_threshold(rng.random(79))).mean() for _ in range(300)]
    assert 0.045 < np.mean(lost) < 0.055


def test_what_the_spread_rejects_needs_no_threshold() -> None:
    negatives = table([0] * 9 + [1] * 10, [0.9] * 9 + [0.5] * 10)
    passing = np.array([False] * 9 + [True] * 10)
    fitted = fit_thresholds(negatives, 0.1, passing=passing)
    assert fitted.values == pytest.approx(
        [0.0, 0.5, 0.0], abs=2e-6
    )  # the third shares the first's: it has no negatives

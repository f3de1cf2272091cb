"""The whole fit: what it improves, and the sentences on what is not certain."""

from __future__ import annotations

import numpy as np
import pytest

from action_recognition.deploy.calibration.fit import (
    CalibrationRules,
    ScoredVal,
    fit_calibration,
)
from action_recognition.deploy.calibration.rejection import spread
from tests.deploy.calibration.test_measures import made

LABELS = ("a", "b", "c", "d", "none")
SCALE = 10.0


def val(num_clips: int, temperature: float = 2.5, clips_each: int = 1) -> ScoredVal:
    logits, labels = made(num_clips, temperature)
    return ScoredVal(logits / SCALE, labels, np.arange(num_clips) // clips_each)


def rules(**changes: object) -> CalibrationRules:
    return CalibrationRules(**({"labels": LABELS, "logit_scale": SCALE} | changes))  # type: ignore[arg-type]


def negatives(number: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, (number, 5))


def test_an_overconfident_model_gets_better_on_clips_that_were_held_out() -> None:
    fit = fit_calibration(val(400), negatives(300), rules(false_alarm_rate=0.2))
    assert fit.calibration.temperature == pytest.approx(2.5, rel=0.2)
    low, high = fit.calibration.summary["temperature_interval"]
    assert low < fit.calibration.temperature < high
    stated = fit.calibration.summary["validation"]
    before, after = stated["before"], stated["after_held_out"]
    assert (
        after["nll"] < before["nll"]
        and after["brier"] < before["brier"]
        and after["ece"] < before["ece"]
    )
    assert before["ece"] > before["ece_by_chance"][1]
    assert after["ece_by_chance"][0] <= after["ece"] <= after["ece_by_chance"][1]
    assert stated["nll_change_interval"][1] < 0
    assert fit.notes == [
        "the rate holds for negatives like those given: other people, rooms and movements can "
        "give more"
    ]


def test_a_small_val_set_says_so_with_the_interval() -> None:
    fit = fit_calibration(val(16, 1.0, clips_each=8), negatives(300), rules())
    notes = " ".join(fit.notes)
    assert (
        "16 clips are too few for a temperature, or the model needs none: it stays 1" in notes
        and "95 % interval" in notes
    )
    assert fit.calibration.temperature == 1.0 != fit.calibration.summary["temperature_fitted"]
    assert "2 people (clips, where people are not named) are too few" in notes
    alone = fit_calibration(val(8, clips_each=8), None, rules())
    assert "all clips are of one person" in " ".join(alone.notes)
    single = fit_calibration(val(1), None, rules())
    assert "nothing could be held out" in " ".join(single.notes) and "it stays 1" in " ".join(
        single.notes
    )


def test_too_few_negatives_say_what_is_kept_and_how_many_are_needed() -> None:
    fit = fit_calibration(val(100), negatives(24), rules(false_alarm_rate=0.01))
    assert fit.calibration.summary["thresholds"]["kept_rate"] == pytest.approx(1 / 25)
    assert "24 negatives are too few for a false-alarm rate of 1 %" in fit.notes[0]
    assert "99 are needed" in fit.notes[0] and "up to 13.8 %" in fit.notes[0]


def test_without_negatives_no_rate_is_promised() -> None:
    fit = fit_calibration(val(100), None, rules(false_alarm_rate=0.1))
    described = fit.calibration.summary["thresholds"]
    assert described["source"] == "leave_one_class_out" and described["kept_rate"] is None
    assert 0 < described["kept_stand_ins"] < 1 and fit.calibration.thresholds == {}
    assert fit.calibration.spread_threshold > 0 and "it promises no rate" in " ".join(fit.notes)
    assert described["accepted_gestures"] > 0.9  # no more than the least spread costs
    two = ScoredVal(np.array([[0.5, 0.1], [0.2, 0.3]]), np.array([0, 0]), np.arange(2))
    none = fit_calibration(two, None, rules(labels=("a", "b")))
    assert none.calibration.thresholds == {} and "no thresholds" in " ".join(none.notes)


def test_clips_of_the_negative_label_are_negatives() -> None:
    fit = fit_calibration(val(200), None, rules(negative_label="none", false_alarm_rate=0.1))
    described = fit.calibration.summary["thresholds"]
    assert (
        described["source"] == "negatives"
        and described["num_negatives"] == (val(200).labels == 4).sum()
    )
    assert set(fit.calibration.thresholds) == set(LABELS[:4])


def test_thresholds_that_reject_most_gestures_are_named() -> None:
    sure = np.eye(5)[np.zeros(200, int)]
    assert "accept only" in " ".join(fit_calibration(val(100), sure, rules()).notes)


def test_clips_without_the_spread_of_gestures_are_rejected_by_it_alone() -> None:
    alike = negatives(300) / 50
    fit = fit_calibration(val(100), alike, rules())
    spreads = spread(val(100).cosines)
    assert np.sort(spreads)[4] == fit.calibration.spread_threshold  # 5 % of 101
    assert fit.calibration.summary["thresholds"]["accepted_gestures"] == 0.96
    assert (
        max(fit.calibration.thresholds.values(), default=0.0) <= 1e-6
        and not (spread(alike) >= fit.calibration.spread_threshold).any()
    )


def test_a_higher_spread_replaces_thresholds_that_cost_more_gestures() -> None:
    # Negatives that are surer of a label than any gesture, but of a smaller spread than the
    # stronger of them.
    sure = np.zeros((120, 5))
    sure[:, 0] = np.linspace(0.8, 2.0, 120)
    strong = ScoredVal(val(100).cosines * 3, val(100).labels, np.arange(100))
    fit = fit_calibration(strong, sure, rules(false_alarm_rate=0.05))
    allowed = np.sort(spread(sure))[-6]  # 0.05 * 121 - 1 = 5 of them may have more
    assert fit.calibration.thresholds == {} and fit.calibration.spread_threshold == pytest.approx(
        allowed, abs=2e-6
    )
    assert (spread(sure) >= fit.calibration.spread_threshold).sum() == 5
    assert fit.calibration.summary["thresholds"]["kept_rate"] == pytest.approx(6 / 121)

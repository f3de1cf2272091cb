"""Thresholds for one person, on numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_recognition.deploy.metadata import DeployMetadata, example
from action_recognition.evaluation.personal.fitting import (
    Outcome,
    fit_threshold,
    held_peaks,
    smoothed,
)
from action_recognition.evaluation.personal.playing import Played, with_rest
from action_recognition.evaluation.personal.thresholds import Evidence, fit_person
from action_recognition.live.decision import DecisionState, step
from action_recognition.live.decision_rules import DecisionRules, Vocabulary
from action_recognition.live.frame_times import TimedFrame

LABELS = ("wave", "rest")
METADATA: DeployMetadata = replace(
    example(), labels=LABELS, negative_label="rest", thresholds={}, label_swaps={}
)
RULES = DecisionRules(smoothing_s=0.0)


@pytest.mark.parametrize(
    ("examples", "film_peak", "value", "outcome"),
    [
        # The floor is 0.6 + 0.05 * 0.4 = 0.62. 0.4 of the way to 0.9 is 0.732, and (2 * 0.732 +
        # 0.6) / 3 = 0.688.
        ([0.9, 0.95], 0.6, 0.688, Outcome.FITTED),
        # The film shows nothing like it: 0.4 + 0.4 * 0.1 = 0.44, and (3 * 0.44 + 0.6) / 4 = 0.48.
        ([0.5, 0.5, 0.5], 0.0, 0.48, Outcome.FITTED),
        # (0.826 + 0.6) / 2 is below the floor of 0.8 + 0.05 * 0.2.
        ([0.85], 0.8, 0.81, Outcome.HELD_BY_FILM),
        # 0.905 would cost two of three.
        ([0.5, 0.6, 0.95], 0.9, 0.6, Outcome.FILM_TOO_ALIKE),
        ([], 0.9, 0.6, Outcome.NO_EXAMPLE),
        ([0.0, 0.0], 0.2, 0.6, Outcome.NOT_RECOGNISED),
        # The first one is taken for something else: (0.56 + 0.6) / 2.
        ([0.0, 0.8], 0.2, 0.58, Outcome.FITTED),
    ],
)
def test_threshold(examples: list[float], film_peak: float, value: float, outcome: Outcome) -> None:
    found = fit_threshold(examples, film_peak, own=0.6, lowest=0.4)
    assert found.value == pytest.approx(value, abs=1e-4)
    assert found.outcome is outcome


def test_threshold_is_never_below_what_the_film_allows() -> None:
    rng = np.random.default_rng(3)
    for film, own, *examples in rng.uniform(0.01, 1.0, (500, 5)):
        found = fit_threshold(examples, film, own)
        assert found.value > film or found.value == own or film > 0.999


def test_peaks_are_what_an_onset_would_need() -> None:
    times_s = np.array([0.0, 0.1, 0.2, 0.3])
    chances = np.array([[0.7, 0.3], [0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    assert held_peaks(times_s, chances, np.zeros(2)).tolist() == [0.9, 0.8]
    # For 0.1 s: two rows, of which the lower one counts. Label 1 is there for one row only.
    assert held_peaks(times_s, chances, np.full(2, 0.1)).tolist() == [0.7, 0.0]
    assert held_peaks(times_s[:0], chances[:0], np.zeros(2)).tolist() == [0.0, 0.0]


def test_smoothing_is_that_of_the_decision() -> None:
    rng = np.random.default_rng(0)
    # The fifth row comes after a gap.
    times_s = np.cumsum([0.0, 0.1, 0.2, 0.1, 5.0, 0.1])
    chances = rng.dirichlet([1, 1], 6)
    rules, state, rows = DecisionRules(), DecisionState(), []
    for time_s, row in zip(times_s.tolist(), chances, strict=True):
        state, _ = step(state, time_s, row, Vocabulary(LABELS), rules)
        assert state.smoothed is not None
        rows.append(state.smoothed)
    found = smoothed(times_s, chances, rules.smoothing_s, rules.gap_s)
    np.testing.assert_allclose(found, np.array(rows))


def played(wave: list[float], rate: float = 10.0) -> Played:
    """A film in which the probability of `wave` is that, and of rest the remainder."""
    chances = np.array([[chance, 1 - chance] for chance in wave])
    return Played(Path("film.mp4"), len(wave) / rate, np.arange(len(wave)) / rate, chances, True)


def test_person_who_looks_like_a_gesture_once() -> None:
    # One minute, in which the hand looks like a wave at 10 s.
    film = played([0.9 if row == 100 else 0.2 for row in range(600)])
    examples = [played([0.1, peak, 0.1]) for peak in (0.95, 0.96, 0.97)]
    fit = fit_person(Evidence({"wave": examples}, [film]), METADATA, RULES)

    # The floor is 0.905. What the examples ask for, (3 * 0.923 + 0.6) / 4, is below it.
    assert fit.rules.onsets == {"wave": 0.905}
    assert fit.onsets["wave"].outcome is Outcome.HELD_BY_FILM
    assert fit.recognised == {"wave": (3, 3)}
    # The half with it, by thresholds of the other half, has the false alarm still.
    alarms = fit.alarms
    assert (alarms.before, alarms.after, alarms.held_out) == (1, 0, 1)
    # Garwood's interval of one event, 0.0253 to 5.572, in a sixtieth of an hour.
    assert alarms.per_hour == pytest.approx((1.519, 334.3), rel=1e-3)
    # The model has no threshold for clips: (3 * 0.923 + 0) / 4 is below the floor as well.
    assert fit.thresholds == {"wave": 0.905}


def test_faint_gesture_of_a_person_gets_a_lower_onset_and_a_model_threshold_counts() -> None:
    calm, faint = played([0.2] * 600), [played([0.1, 0.55, 0.1])] * 3
    fit = fit_person(Evidence({"wave": faint}, [calm]), METADATA, RULES)
    # 0.4 + 0.4 * 0.15 = 0.46, and (3 * 0.46 + 0.6) / 4.
    assert fit.rules.onsets["wave"] == pytest.approx(0.495)
    assert fit.recognised == {"wave": (0, 3)}

    # The model's own threshold of 0.8 is what is drawn to: (3 * 0.46 + 0.8) / 4.
    strict = replace(METADATA, thresholds={"wave": 0.8})
    again = fit_person(Evidence({"wave": faint}, [calm]), strict, RULES)
    assert again.rules.onsets["wave"] == pytest.approx(0.545)
    kept = fit_person(Evidence({}, [calm]), strict, RULES)
    assert kept.rules.onsets == {"wave": 0.8} and kept.thresholds == {"wave": 0.8}


def test_rest_goes_over_into_the_clip() -> None:
    clip = [TimedFrame(i / 10, np.full((2, 2, 3), i, np.uint8)) for i in range(6)]
    shown = list(with_rest(clip, 10.0, 0.6))
    numbers = [int(frame.picture[0, 0, 0]) for frame in shown]
    assert numbers == [2, 3, 4, 3, 2, 1, *range(6), 4, 3, 2, 1, 2, 3]
    assert [frame.time_s for frame in shown] == pytest.approx([i / 10 for i in range(18)])
    still = list(with_rest(clip[:1], 10.0, 0.2))
    assert [frame.time_s for frame in still] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])

"""Hands as they are shown: without jitter, and never blended with another hand."""

from __future__ import annotations

import numpy as np
import pytest

from action_recognition.hands.steady_hands import HandSmoother, SteadyHands
from tests.hands.test_identities import hand


def xs(hands: list) -> list[float]:
    return [float(found.landmarks_px[0, 0]) for found in hands]


def test_a_hand_at_rest_trembles_less_and_stays_where_it_is() -> None:
    rng, smoother = np.random.default_rng(0), HandSmoother()
    raw = 100 + rng.normal(0, 1, 60)
    shown = [
        xs(smoother.smoothed([hand(0, x)], frame / 30))[0] for frame, x in enumerate(raw.tolist())
    ]
    assert np.diff(shown[10:]).std() < 0.6 * np.diff(raw[10:]).std()
    assert np.mean(shown[10:]) == pytest.approx(100, abs=0.5)


def test_a_hand_that_moves_is_close_behind() -> None:
    smoother = HandSmoother()
    for frame in range(30):
        (shown,) = xs(smoother.smoothed([hand(0, 100 + 10 * frame)], frame / 30))
    # A quarter of a palm, which is 42 pixels here, at 7 palms a second.
    assert 0 <= 390 - shown < 11


def test_another_hand_and_one_that_was_long_away_begin_anew() -> None:
    smoother = HandSmoother()
    assert xs(smoother.smoothed([hand(0, 100), hand(1, 300)], 0.0)) == [100, 300]
    assert xs(smoother.smoothed([hand(2, 100)], 0.1)) == [100]
    assert xs(smoother.smoothed([hand(1, 500)], 1.0)) == [500]


def test_frames_between_those_of_the_tracker_change_nothing() -> None:
    steady = SteadyHands()
    steady.update([hand(0, 100)], 0.0)
    tracked = [hand(0, 104)]
    first = steady.update(tracked, 0.1)
    assert 100 < xs(first)[0] < 104
    assert xs(steady.update(tracked, 0.13)) == xs(steady.update(tracked, 0.16)) == xs(first)


def test_a_cut_forgets() -> None:
    steady = SteadyHands()
    steady.update([hand(0, 100)], 0.0)
    steady.clear()
    assert steady.hands == []
    (found,) = steady.update([hand(0, 300)], 0.1)
    assert (found.hand_id, xs([found])) == (1, [300])

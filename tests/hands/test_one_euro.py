"""The One-Euro filter on numbers worked out by hand, at even and at uneven times."""

from __future__ import annotations

import math

import numpy as np
import pytest

from action_recognition.hands.one_euro import OneEuroFilter, OneEuroSettings

# With a cutoff of 1 / (2 pi) Hz a new value after s seconds weighs s / (s + 1).
SLOW_HZ = 1.0 / (2.0 * math.pi)
STILL = OneEuroSettings(SLOW_HZ, 0.0)


def filtered(settings: OneEuroSettings, steps: list[tuple[float, float]]) -> list[float]:
    """Return the smoothed values of (time in seconds, value)."""
    smoother = OneEuroFilter(settings)
    return [float(smoother.filtered(np.array([value]), time)[0]) for time, value in steps]


def test_a_new_value_weighs_by_the_time_since_the_last() -> None:
    # 1 s: half of the way. 3 s: three quarters of the rest.
    assert filtered(STILL, [(0, 0), (1, 8), (4, 8)]) == pytest.approx([0, 4, 7])


def test_speed_opens_the_filter() -> None:
    # Speed 8 a second, of which 2 pi / (2 pi + 1) at a cutoff of 1 Hz.
    speed = 8 * 2 * math.pi / (2 * math.pi + 1)
    cutoff_hz = SLOW_HZ + 0.5 * speed
    share = 2 * math.pi * cutoff_hz / (2 * math.pi * cutoff_hz + 1)
    found = filtered(OneEuroSettings(SLOW_HZ, 0.5), [(0, 0), (1, 8)])
    assert found == pytest.approx([0, 8 * share])
    assert found[1] > 7.6


def test_speeds_count_in_their_unit() -> None:
    near, far = OneEuroFilter(OneEuroSettings(1, 1)), OneEuroFilter(OneEuroSettings(1, 1))
    for time_s, value in ((0.0, 0.0), (0.1, 3.0), (0.2, 4.0)):
        small = near.filtered(np.array([value]), time_s)
        large = far.filtered(np.array([10 * value]), time_s, unit=10.0)
        assert large == pytest.approx(10 * small)


@pytest.mark.parametrize("rate_fps", [5, 15, 60])
def test_at_any_rate_a_step_is_followed_alike(rate_fps: int) -> None:
    steps = [(0.0, 0.0), *((frame / rate_fps, 1.0) for frame in range(1, 2 * rate_fps))]
    after_1_s = filtered(OneEuroSettings(0.5, 0.0), steps)[rate_fps]
    # A first-order low-pass in discrete steps: a little slower at few of them.
    assert after_1_s == pytest.approx(1 - math.exp(-math.pi), abs=0.055)


def test_the_same_time_again_begins_anew() -> None:
    assert filtered(STILL, [(1, 0), (2, 8), (2, 5), (0, 7)]) == pytest.approx([0, 4, 5, 7])


def test_values_are_smoothed_each_on_its_own() -> None:
    smoother = OneEuroFilter(OneEuroSettings(1.0, 10.0))
    smoother.filtered(np.zeros((2, 3)), 0.0)
    moved = np.zeros((2, 3))
    moved[1, 2] = 1.0
    found = smoother.filtered(moved, 0.1)
    assert found.shape == (2, 3) and np.count_nonzero(found) == 1


@pytest.mark.parametrize(("rest", "factor"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -0.1)])
def test_impossible_settings_are_refused(rest: float, factor: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        OneEuroSettings(rest, factor)

"""The frames of a landmark clip: spread evenly over the tracked frames, whatever their number."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from action_recognition.hands.slots import HandArray

_WAVES = 4  # sine waves of a time warp


def frames_of_clip(tracked: NDArray[np.int64], start: int, end: int) -> NDArray[np.int64]:
    """Return the tracked frames from `start` to `end` (exclusive), at least one.

    A clip shorter than a step has the last frame that was tracked before it.

    >>> tracked = np.array([0, 3, 6, 9])
    >>> frames_of_clip(tracked, 3, 9).tolist(), frames_of_clip(tracked, 4, 6).tolist()
    ([3, 6], [3])
    """
    inside: NDArray[np.int64] = tracked[(tracked >= start) & (tracked < end)]
    return inside if len(inside) else tracked[tracked <= start][-1:]


def spread_clip(hands: HandArray, clip_len: int) -> HandArray:
    """Return the clip of evaluation and of deployment: hands (F, 2, 21, 4), spread evenly."""
    return hands[spread_places(len(hands), clip_len)]


def as_network_input(clip: HandArray) -> HandArray:
    """Return a clip (T, 2, 21, 4) as the network takes it: (4, T, 2, 21)."""
    return np.ascontiguousarray(clip.transpose(3, 0, 1, 2))


def spread_places(num_tracked: int, clip_len: int) -> NDArray[np.int64]:
    """Return `clip_len` places among `num_tracked` frames, from the first to the last.

    A single one is the middle frame. Halves round to even.

    >>> spread_places(9, 5).tolist(), spread_places(2, 4).tolist(), spread_places(9, 1).tolist()
    ([0, 2, 4, 6, 8], [0, 0, 1, 1], [4])
    """
    if clip_len == 1:
        return np.array([(num_tracked - 1) // 2], np.int64)
    places: NDArray[np.int64] = np.rint(np.linspace(0, num_tracked - 1, clip_len)).astype(np.int64)
    return places


def warped_places(
    num_tracked: int, clip_len: int, time_warp: float, cut_ends: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return random places for training, ascending: ends are cut off, and time is warped.

    Up to the share `cut_ends` goes at each end. The warp is a sum of sine waves, the i-th with a
    standard deviation of `time_warp` / i, as a share of what is left.

    >>> warped_places(9, 5, 0.0, 0.0, np.random.default_rng(0)).tolist()
    [0, 2, 4, 6, 8]
    """
    last = num_tracked - 1
    first, end = rng.uniform(0, cut_ends) * last, last * (1 - rng.uniform(0, cut_ends))
    if clip_len == 1:
        return np.array([round(rng.uniform(first, end))], np.int64)

    time, waves = _time_and_waves(clip_len)
    warped = time + waves @ (rng.normal(0.0, 1.0, _WAVES) * time_warp)
    # Time never runs backwards.
    warped = np.maximum.accumulate(np.minimum(np.maximum(warped, 0.0), 1.0))
    places: NDArray[np.int64] = np.rint(first + warped * (end - first)).astype(np.int64)
    return places


@functools.cache
def _time_and_waves(clip_len: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times (T) from 0 to 1, and sine waves (T, waves) at them, the i-th of height 1 / i."""
    time = np.linspace(0.0, 1.0, clip_len)
    numbers = np.arange(1, _WAVES + 1)
    return time, np.sin(math.pi * time[:, None] * numbers) / numbers

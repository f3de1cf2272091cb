"""The landmarks of a clip as one array: the left hand in the first place, the right in the second.

A track is one hand for as long as it lasts, so its side is decided once, from all its frames. Where
two hands are seen, one of them is the left: the one that looks less like a right hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from action_recognition.hands.landmark_file import HandLandmarks

LEFT, RIGHT = 0, 1
NUM_HANDS: Final = 2
NUM_POINTS: Final = 21
CHANNELS: Final = ("x_px", "y_px", "z_px", "seen")
"""The values of a point: its place in pixels of the picture, and 1 where the hand was seen."""

PALM_BONES: Final = ((0, 5), (0, 9), (0, 17), (5, 17))
"""Bones of a palm, as pairs of points. Their mean length is the unit of a hand's features."""

HandArray = NDArray[np.float32]
"""(T, 2, 21, 4): frames, hands, points, `CHANNELS`. All values of a hand that is not seen are 0."""


def hand_array(landmarks: HandLandmarks, frames: NDArray[np.int64]) -> HandArray:
    """Return the hands of those frames, which are ascending numbers out of `tracked_frames`."""
    array = np.zeros((len(frames), NUM_HANDS, NUM_POINTS, len(CHANNELS)), np.float32)
    rows = np.flatnonzero(np.isin(landmarks.frame_index, frames))
    if not len(rows):
        return array

    right = mean_of_tracks(landmarks.right[rows], landmarks.hand_id[rows])
    places = np.searchsorted(frames, landmarks.frame_index[rows])
    for place in np.unique(places):
        here = np.flatnonzero(places == place)
        # The surest two, the more left one first.
        surest = here[np.argsort(-landmarks.presence[rows[here]], kind="stable")][:NUM_HANDS]
        hands = surest[np.argsort(right[surest], kind="stable")]
        slots = [LEFT, RIGHT] if len(hands) > 1 else [RIGHT if right[hands[0]] >= 0.5 else LEFT]

        array[place, slots, :, :3] = landmarks.landmarks_px[rows[hands]]
        array[place, slots, :, 3] = 1.0
    return array


def while_seen(hands: HandArray) -> HandArray:
    """Return the frames (T, 2, 21, 4) from the first to the last that shows a hand.

    A gesture begins when a hand comes, wherever a clip was cut. Without any hand all frames stay.
    """
    shown = np.flatnonzero(hands[:, :, 0, -1].any(axis=1))
    return hands[shown[0] : shown[-1] + 1] if len(shown) else hands


def mean_of_tracks(values: NDArray[np.float32], hand_ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for each row the mean value over all rows of its track.

    >>> mean_of_tracks(np.array([0.0, 1.0, 0.5], np.float32), np.array([7, 7, 9])).tolist()
    [0.5, 0.5, 0.5]
    """
    _, track = np.unique(hand_ids, return_inverse=True)
    sums = np.bincount(track, weights=values.astype(np.float64))
    means: NDArray[np.float64] = (sums / np.bincount(track))[track]
    return means

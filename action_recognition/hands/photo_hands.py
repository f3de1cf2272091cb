"""The hands of a single photo, which can take its time: it is looked at in several views.

The palm detector misses hands that fill the picture, and small ones. In a larger black frame, or in
a part of the picture, it finds most of them. The landmark network then says whether it is a hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from action_recognition.hands.geometry import Square, whole_square
from action_recognition.hands.landmark_file import HandLandmarks, landmarks_of
from action_recognition.hands.networks import Picture
from action_recognition.hands.tracker import HandTracker, Networks, TrackedHand

_UNSURE: Final = 0.3
# Of the squares of a view, those with the highest scores.
_SQUARES_TRIED: Final = 6


class View(NamedTuple):
    """Squares of the picture that are looked at together, and the least score of a palm."""

    squares: list[Square]
    min_score: float


def hands_of_photo(
    networks: Networks, picture_rgb: Picture, max_hands: int = 2
) -> list[TrackedHand]:
    """Return the hands of a photo (H, W, 3) uint8 RGB, from the first view that shows any."""
    found = HandTracker(networks, max_hands).track(picture_rgb, 0.0)
    if found:
        return found

    height, width = picture_rgb.shape[:2]
    for view in _views(height, width):
        squares = [
            square
            for part in view.squares
            for square in networks.palms(picture_rgb, part, view.min_score)
        ]
        tracker = HandTracker(networks, max_hands)
        found = tracker.hands_in(picture_rgb, squares[:_SQUARES_TRIED])
        if found:
            return found
    return []


def photo_landmarks(networks: Networks, picture_rgb: Picture) -> HandLandmarks:
    """Return the hands of a photo as landmarks of its only frame."""
    rows = [(0, 0.0, hand) for hand in hands_of_photo(networks, picture_rgb)]
    return landmarks_of(rows, np.zeros(1, np.int64), picture_rgb.shape[:2])


def _views(height: int, width: int) -> Iterator[View]:
    """Yield the views in the order in which they find most hands for their time."""
    whole = whole_square(height, width)
    yield View([whole], _UNSURE)
    yield View([whole._replace(side=1.5 * whole.side)], _UNSURE)
    # Four overlapping parts and the middle.
    centres = [(x, y) for x in (0.3, 0.7) for y in (0.3, 0.7)] + [(0.5, 0.5)]
    parts = [Square(x * width, y * height, 0.6 * whole.side) for x, y in centres]
    yield View(parts, _UNSURE)
    yield View([whole._replace(side=2.5 * whole.side)], _UNSURE)

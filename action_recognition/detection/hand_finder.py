"""The hand in a photo and the hands of a clip, found by a detector, as a square to cut out.

A network then sees them large wherever they are.

Measured on 380 HaGRID photos with the detector of HaGRID's authors, which scales every picture to
320x240: it finds a hand in 66 % of the pictures as they are. With a black margin that makes them
4:3 and half as large again it finds one in 85 %. It misses hands that fill a photo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from action_recognition.detection.person_boxes import PersonDetector

HAND_MARGIN = 1.4
"""Side of the square in units of the box's longer side: fingers reach out of the box."""
CLIP_HAND_MARGIN = 1.6
"""The same around every hand of a clip: it moves, and the other one may have been missed."""
MIN_CONFIDENCE = 0.5
# Black margins that are tried, by how much larger they make the picture.
_CANVAS_SHARES = (1.5, 2.0, 1.0)
_ASPECT = 4 / 3  # of the detector's input

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""


class Square(NamedTuple):
    """Corners in pixels, inside the picture. Not square where the picture has no room."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(self, frames_thwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return that part of every frame, (T, H, W, 3)."""
        return frames_thwc[:, self.top : self.bottom, self.left : self.right]


class HandFinder:
    """Finds the surest hand of a picture, by a detector in an ONNX file or IR.

    Raises UserError: the file is no detector.
    """

    def __init__(self, detector_file: Path, num_threads: int | None = None) -> None:
        self._detector = PersonDetector(detector_file, num_threads=num_threads)

    def square(self, picture_rgb: Picture) -> Square | None:
        """Return the square around the hand of which the detector is surest, None without one."""
        # The first margin with which a hand is found decides.
        boxes = next((found for found in self._by_margin(picture_rgb) if len(found)), None)
        if boxes is None:
            return None
        surest = boxes[int(np.argmax(boxes[:, 4])), :4]
        return square_around(surest, HAND_MARGIN, *picture_rgb.shape[:2])

    def square_of_clip(self, frames_thwc: NDArray[np.uint8]) -> Square | None:
        """Return the square around all hands of all frames, (T, H, W, 3) RGB, None without any."""
        boxes = np.concatenate([self.boxes(frame) for frame in frames_thwc])
        return square_around_hands(boxes, *frames_thwc.shape[1:3])

    def boxes(self, picture_rgb: Picture) -> NDArray[np.float64]:
        """Return (N, 5) corners in the picture's pixels and confidence, with every margin.

        A hand may come twice.
        """
        return np.concatenate(list(self._by_margin(picture_rgb)))

    def _by_margin(self, picture_rgb: Picture) -> Iterator[NDArray[np.float64]]:
        """Yield the sure boxes, (N, 5) in the picture's pixels, of each black margin."""
        for share in _CANVAS_SHARES:
            canvas, left, top = _on_black(picture_rgb, share)
            boxes = self._detector.boxes(canvas)
            yield boxes[boxes[:, 4] >= MIN_CONFIDENCE] - (left, top, left, top, 0)

    def cut(self, picture_rgb: Picture) -> Picture:
        """Return the hand's square, or the whole picture where no hand is found."""
        found = self.square(picture_rgb)
        if found is None:
            return picture_rgb
        return np.ascontiguousarray(found.cut(picture_rgb[None])[0])


def square_around(
    corners: Sequence[float] | NDArray[np.float64], margin: float, height: int, width: int
) -> Square:
    """Return the square around the centre of a box (x_min, y_min, x_max, y_max) in pixels.

    It is moved into the picture, and cut where it does not fit. Its side is the box's longer side
    times `margin`.

    >>> square_around((40, 40, 60, 50), 1.5, 100, 200)
    Square(left=35, top=30, right=65, bottom=60)
    >>> square_around((0, 0, 20, 20), 2.0, 100, 30)
    Square(left=0, top=0, right=30, bottom=40)
    """
    x_min, y_min, x_max, y_max = (float(value) for value in corners)
    side = margin * max(x_max - x_min, y_max - y_min)
    left, right = _placed(x_min + x_max, side, width)
    top, bottom = _placed(y_min + y_max, side, height)
    return Square(left, top, right, bottom)


def _placed(twice_the_centre: float, side: float, limit: int) -> tuple[int, int]:
    """Return first and end of a span inside 0..`limit`, at least one pixel long."""
    length = min(side, limit)
    first = min(max(0.0, (twice_the_centre - length) / 2), limit - length)
    return round(first), max(round(first) + 1, round(first + length))


def square_around_hands(boxes: NDArray[np.float64], height: int, width: int) -> Square | None:
    """Return the square around all of (N, 5) boxes, None for N = 0.

    Each box has its own margin, so that a small hand brings a small one.

    >>> square_around_hands(np.array([[40, 40, 50, 50, 0.9], [70, 40, 80, 50, 0.8]]), 200, 200)
    Square(left=37, top=22, right=83, bottom=68)
    """
    if not len(boxes):
        return None
    first_corners, last_corners = boxes[:, :2], boxes[:, 2:4]

    centres = (first_corners + last_corners) / 2
    sides = (last_corners - first_corners).max(axis=1, keepdims=True)

    reach = CLIP_HAND_MARGIN * sides / 2
    corners = [(centres - reach).min(axis=0), (centres + reach).max(axis=0)]
    return square_around(np.concatenate(corners), 1.0, height, width)


def _on_black(picture_rgb: Picture, share: float) -> tuple[Picture, int, int]:
    """Put the picture in the middle of a black 4:3 canvas.

    Returns the canvas, and left and top of the picture in it.
    """
    height, width = picture_rgb.shape[:2]
    high = round(share * max(height, width / _ASPECT))
    wide = round(high * _ASPECT)
    # Rounding must not make the canvas smaller than the picture.
    canvas = np.zeros((max(high, height), max(wide, width), 3), np.uint8)
    top, left = (canvas.shape[0] - height) // 2, (canvas.shape[1] - width) // 2
    canvas[top : top + height, left : left + width] = picture_rgb
    return canvas, left, top

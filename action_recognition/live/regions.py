"""Regions: the part of a picture that the network sees.

It is the whole picture, a fixed box, or a box around every hand or person that is found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from action_recognition.data.transforms import fitted_clip
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.stream_models import Picture
from action_recognition.errors import user_error
from action_recognition.live.frame_times import TimedFrame

# A decimal number below 2, without a sign or an exponent. Numbers above 1 are refused later.
_SHARE = re.compile(r"\s*(0?\.\d+|[01](\.\d*)?)\s*")
WHOLE = 0
"""Number of the only person if people are not told apart."""


class Box(NamedTuple):
    """Corners as fractions of the width and height of the picture, 0..1."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Person:
    """A person or a hand with a number that stays the same while it is followed.

    `box` None is the whole picture.
    """

    number: int
    box: Box | None


class Region(Protocol):
    """The part of each frame of one stream that the network sees."""

    def persons(self, frame: TimedFrame) -> list[Person]:
        """Return everybody in the frame in order of number.

        It is called for every frame that the network gets.
        """
        ...

    def reset(self) -> None:
        """Follow nobody any more, after a discontinuity."""
        ...


class FixedRegion:
    """A region that is the same box in every frame, or the whole picture for None."""

    def __init__(self, box: Box | None = None) -> None:
        self.box = box

    def persons(self, frame: TimedFrame) -> list[Person]:
        """Return one person with the box."""
        return [Person(WHOLE, self.box)]

    def reset(self) -> None:
        """Do nothing: nobody is followed."""


def parse_box(text: str, where: str = "--box") -> Box:
    """Parse left, top, right and bottom as fractions of the picture. Raises UserError: other text.

    >>> parse_box("0.25,0,0.75,1")
    Box(left=0.25, top=0.0, right=0.75, bottom=1.0)
    """
    parts = text.split(",")
    if len(parts) == 4 and all(_SHARE.fullmatch(part) for part in parts):
        box = Box(*map(float, parts))
        if box.left < box.right <= 1 and box.top < box.bottom <= 1:
            return box
    allowed = "left,top,right,bottom as fractions of the picture, such as 0.25,0,0.75,1"
    raise user_error(where, f"found {text!r}", allowed)


def cut(picture: Picture, box: Box | None) -> Picture:
    """Return the part (h, w, 3) of a picture that lies in a box, as a view of at least one pixel.

    >>> cut(np.zeros((100, 200, 3), np.uint8), Box(0.25, 0.5, 0.5, 2.0)).shape
    (50, 50, 3)
    """
    if box is None:
        return picture
    height, width = picture.shape[:2]
    top, bottom = _pixels(box.top, box.bottom, height)
    left, right = _pixels(box.left, box.right, width)
    return picture[top:bottom, left:right]


def _pixels(start: float, end: float, size: int) -> tuple[int, int]:
    """Return first pixel and end of a stretch (0..1) of `size` pixels, at least one pixel long."""
    # A stretch outside the picture still gives its nearest pixel.
    first = min(max(0, round(start * size)), size - 1)
    return first, max(first + 1, min(size, round(end * size)))


def network_frame(picture: Picture, box: Box | None, spec: DeployMetadata) -> Picture:
    """Return the box at the size of the network, resized and cropped as in evaluation.

    The result is (crop_size, crop_size, 3) uint8 RGB. Hands are tracked in the box as it is.
    """
    region = np.ascontiguousarray(cut(picture, box))
    if spec.landmarks is not None:
        return region
    frames = fitted_clip(region[None], spec.resize.short_side, spec.resize.crop_size, spec.mean_rgb)
    return np.asarray(frames[0])


def square_around(box: Box, margin: float, height: int, width: int) -> Box:
    """Return the square around a box enlarged by `margin`, moved into the picture if it fits.

    It is a square in pixels of a picture of `height` x `width`.

    >>> square_around(Box(0.4, 0.4, 0.5, 0.6), 1.0, 100, 200)
    Box(left=0.4, top=0.4, right=0.5, bottom=0.6)
    >>> square_around(Box(0.0, 0.4, 0.05, 0.6), 1.0, 100, 200)
    Box(left=0.0, top=0.4, right=0.1, bottom=0.6)
    """
    # The longer side counts, in pixels: fractions of width and height differ.
    side = margin * max((box.right - box.left) * width, (box.bottom - box.top) * height)
    left, right = _span((box.left + box.right) / 2, side / width)
    top, bottom = _span((box.top + box.bottom) / 2, side / height)
    return Box(left, top, right, bottom)


def _span(centre: float, length: float) -> tuple[float, float]:
    """Return a stretch around a centre, moved into 0..1. A longer one becomes 0..1."""
    # A stretch that is longer than the picture is shortened.
    length = min(length, 1.0)
    start = min(max(0.0, centre - length / 2), 1.0 - length)
    return round(start, 9), round(start + length, 9)

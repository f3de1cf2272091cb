"""Which part of a picture the network looks at: all of it, a fixed box, or a box around every hand or person that is found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from action_recognition.data.transforms import fitted_clip
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import user_error
from action_recognition.live.frame_times import Picture, TimedFrame

_SHARE = re.compile(r"\s*(0?\.\d+|[01](\.\d*)?)\s*")
WHOLE = 0
"""The number of the only person where nobody is told apart."""


class Box(NamedTuple):
    """Corners in parts of the picture's width and height, 0..1."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a hand, by a number that stays while it is followed; `box` None is the whole picture."""

    number: int
    box: Box | None


class Region(Protocol):
    """Where to look in each frame of one stream."""

    def persons(self, frame: TimedFrame) -> list[Person]:
        """Who is there, in order of number; called for every frame that the network gets."""
        ...

    def reset(self) -> None:
        """Time tore: nobody is followed any more."""
        ...


class FixedRegion:
    """The same box in every frame, None for the whole picture."""

    def __init__(self, box: Box | None = None) -> None:
        self.box = box

    def persons(self, frame: TimedFrame) -> list[Person]:
        """Always one."""
        return [Person(WHOLE, self.box)]

    def reset(self) -> None:
        """There is nothing to forget."""


def parse_box(text: str, where: str = "--box") -> Box:
    """`0.25,0,0.75,1` as left, top, right and bottom in parts of the picture; a `UserError` for anything else.

    >>> parse_box("0.25,0,0.75,1")
    Box(left=0.25, top=0.0, right=0.75, bottom=1.0)
    """
    parts = text.split(",")
    if len(parts) == 4 and all(_SHARE.fullmatch(part) for part in parts):
        box = Box(*map(float, parts))
        if box.left < box.right <= 1 and box.top < box.bottom <= 1:
            return box
    allowed = "left,top,right,bottom in parts of the picture, such as 0.25,0,0.75,1"
    raise user_error(where, f"found {text!r}", allowed)


def cut(picture: Picture, box: Box | None) -> Picture:
    """The part (h, w, 3) of a picture that lies in a box, at least one pixel; a view.

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
    first = min(max(0, round(start * size)), size - 1)
    return first, max(first + 1, min(size, round(end * size)))


def network_frame(picture: Picture, box: Box | None, spec: DeployMetadata) -> Picture:
    """(crop_size, crop_size, 3) uint8 RGB: the box brought to the network's size as evaluation does it."""
    region = np.ascontiguousarray(cut(picture, box))
    frames = fitted_clip(region[None], spec.resize.short_side, spec.resize.crop_size, spec.mean_rgb)
    return np.asarray(frames[0])


def square_around(box: Box, margin: float, height: int, width: int) -> Box:
    """The square (in pixels of an H x W picture) around a box enlarged by `margin`, moved into the picture where it fits.

    >>> square_around(Box(0.4, 0.4, 0.5, 0.6), 1.0, 100, 200)
    Box(left=0.4, top=0.4, right=0.5, bottom=0.6)
    >>> square_around(Box(0.0, 0.4, 0.05, 0.6), 1.0, 100, 200)
    Box(left=0.0, top=0.4, right=0.1, bottom=0.6)
    """
    side = margin * max((box.right - box.left) * width, (box.bottom - box.top) * height)
    left, right = _span((box.left + box.right) / 2, side / width)
    top, bottom = _span((box.top + box.bottom) / 2, side / height)
    return Box(left, top, right, bottom)


def _span(centre: float, length: float) -> tuple[float, float]:
    """A stretch of that length around a centre, moved into 0..1, or all of it where it is longer."""
    length = min(length, 1.0)
    start = min(max(0.0, centre - length / 2), 1.0 - length)
    return round(start, 9), round(start + length, 9)

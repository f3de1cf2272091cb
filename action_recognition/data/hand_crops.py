"""The hand in a photo: found by a detector, cut out as a square, so that a network sees it large wherever it is.

Measured on 380 HaGRID photos with the detector of HaGRID's authors, which scales every picture to 320x240: it finds a hand in 66 % of the
pictures as they are, in 85 % with a black margin that makes them 4:3 and half as large again. Hands that fill a photo are what it misses.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.clip_table import MediaPath
from action_recognition.data.frame_source import FileFrames, FrameSource
from action_recognition.data.person_boxes import PersonDetector
from action_recognition.data.transforms import Frames
from action_recognition.data.video import count_frames, read_frames
from action_recognition.errors import UserError, user_error

HAND_MARGIN = 1.4
"""Side of the square in units of the box's longer side: fingers reach out of the box."""
MIN_CONFIDENCE = 0.5
_CANVAS_SHARES = (1.5, 2.0, 1.0)  # black margins that are tried, by how much larger they make the picture
_ASPECT = 4 / 3  # of what the detector takes

Picture = NDArray[np.uint8]


class Square(NamedTuple):
    """Corners in pixels, inside the picture; not square where the picture has no room."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(self, frames_thwc: Frames) -> Frames:
        """That part of every frame."""
        return frames_thwc[:, self.top : self.bottom, self.left : self.right]


class HandFinder:
    """The surest hand of a picture, by a detector in an ONNX file or IR. Errors: a file that is no detector."""

    def __init__(self, detector_file: Path) -> None:
        self._detector = PersonDetector(detector_file)

    def square(self, picture_rgb: Picture) -> Square | None:
        """Around the hand that the detector is surest of in (H, W, 3) RGB; None where it finds none."""
        for share in _CANVAS_SHARES:
            canvas, left, top = _on_black(picture_rgb, share)
            boxes = self._detector.boxes(canvas)
            boxes = boxes[boxes[:, 4] >= MIN_CONFIDENCE]
            if len(boxes):
                corners = boxes[int(np.argmax(boxes[:, 4])), :4] - (left, top, left, top)
                return square_around(corners, HAND_MARGIN, *picture_rgb.shape[:2])
        return None

    def cut(self, picture_rgb: Picture) -> Picture:
        """The hand's square, or the whole picture where no hand is found."""
        found = self.square(picture_rgb)
        return picture_rgb if found is None else np.ascontiguousarray(found.cut(picture_rgb[None])[0])


def square_around(corners: Sequence[float] | NDArray[np.float64], margin: float, height: int, width: int) -> Square:
    """The square around the centre of a box (x_min, y_min, x_max, y_max) in pixels, moved into the picture, cut where it does not fit.

    >>> square_around((40, 40, 60, 50), 1.5, 100, 200)
    Square(left=35, top=30, right=65, bottom=60)
    >>> square_around((0, 0, 20, 20), 2.0, 100, 30)
    Square(left=0, top=0, right=30, bottom=40)
    """
    x_min, y_min, x_max, y_max = (float(value) for value in corners)
    side = margin * max(x_max - x_min, y_max - y_min)
    sides = [min(side, width), min(side, height)]
    firsts = [
        min(max(0.0, (low + high - length) / 2), limit - length)
        for low, high, length, limit in zip((x_min, y_min), (x_max, y_max), sides, (width, height), strict=True)
    ]
    left, top = (round(first) for first in firsts)
    return Square(left, top, max(left + 1, round(firsts[0] + sides[0])), max(top + 1, round(firsts[1] + sides[1])))


def _on_black(picture_rgb: Picture, share: float) -> tuple[Picture, int, int]:
    """The picture in the middle of a black 4:3 canvas, and how far its corner lies from the canvas's."""
    height, width = picture_rgb.shape[:2]
    high = round(share * max(height, width / _ASPECT))
    wide = round(high * _ASPECT)
    canvas = np.zeros((max(high, height), max(wide, width), 3), np.uint8)
    top, left = (canvas.shape[0] - height) // 2, (canvas.shape[1] - width) // 2
    canvas[top : top + height, left : left + width] = picture_rgb
    return canvas, left, top


class HandCrops:
    """A `FrameSource` that gives the hand's square of every frame; the squares are found before, in the main process."""

    def __init__(self, squares: Mapping[MediaPath, Square], source: FrameSource | None = None) -> None:
        self._squares, self._source = dict(squares), source or FileFrames()

    def complete(self, record: ClipRecord, default_rate_fps: float) -> ClipRecord:
        return self._source.complete(record, default_rate_fps)

    def read(self, record: ClipRecord, frame_indices: Sequence[int]) -> Frames:
        frames = self._source.read(record, frame_indices)
        square = self._squares.get(record.path)
        return frames if square is None else square.cut(frames)


def find_hands(finder: HandFinder, paths: Iterable[MediaPath]) -> dict[MediaPath, Square]:
    """The squares of those photos (of a clip: of its middle frame) that show a hand; what cannot be read is left to who reads it."""
    found: dict[MediaPath, Square] = {}
    for path in paths:
        try:
            square = finder.square(read_frames(path, [count_frames(path) // 2])[0])
        except UserError:
            square = None
        if square is not None:
            found[path] = square
    return found


def hand_frames(detector_file: Path | None, paths: Iterable[MediaPath]) -> HandCrops:
    """The source of a model that sees hands only: says how many of the photos show one. Errors: no detector, or a file that is none."""
    if detector_file is None:
        fix = "add --hand-detector FILE; docs/photos.md names one"
        raise user_error("--hand-detector", "is missing: this model sees the hand that a detector cuts out", fix=fix)
    from rich.progress import track

    listed = list(dict.fromkeys(paths))
    shown = track(listed, "looking for hands", transient=True, disable=not sys.stdout.isatty())
    squares = find_hands(HandFinder(detector_file), shown)
    print(
        f"hands: found in {len(squares)} of {len(listed)} photos ({len(squares) / max(1, len(listed)):.0%}); the others are seen whole",
        flush=True,
    )
    return HandCrops(squares)

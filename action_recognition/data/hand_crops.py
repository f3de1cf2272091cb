"""The hand in a photo, the hands of a clip: found by a detector, cut out as a square, so that a network sees them large wherever they are.

A clip gets one square, the same in all its frames, around every hand that is seen in any of them: what moves goes on moving within it.

Measured on 380 HaGRID photos with the detector of HaGRID's authors, which scales every picture to 320x240: it finds a hand in 66 % of the
pictures as they are, in 85 % with a black margin that makes them 4:3 and half as large again. Hands that fill a photo are what it misses.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.clip_table import MediaPath
from action_recognition.data.frame_source import FileFrames, FrameSource
from action_recognition.data.transforms import Frames
from action_recognition.detection.person_boxes import PersonDetector
from action_recognition.errors import UserError, user_error

HAND_MARGIN = 1.4
"""Side of the square in units of the box's longer side: fingers reach out of the box."""
CLIP_HAND_MARGIN = 1.6
"""The same around every hand of a clip: it moves, and the other one may have been missed."""
MIN_CONFIDENCE = 0.5
_CANVAS_SHARES = (
    1.5,
    2.0,
    1.0,
)  # black margins that are tried, by how much larger they make the picture
_ASPECT = 4 / 3  # of what the detector takes
_FRAMES_SEARCHED = 8  # of a clip, evenly spread over it

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

    def __init__(self, detector_file: Path, num_threads: int | None = None) -> None:
        self._detector = PersonDetector(detector_file, num_threads=num_threads)

    def square(self, picture_rgb: Picture) -> Square | None:
        """Around the hand that the detector is surest of in (H, W, 3) RGB; None where it finds none."""
        boxes = next(
            (found for found in self._by_margin(picture_rgb) if len(found)), np.empty((0, 5))
        )
        return (
            square_around(
                boxes[int(np.argmax(boxes[:, 4])), :4], HAND_MARGIN, *picture_rgb.shape[:2]
            )
            if len(boxes)
            else None
        )

    def square_of_clip(self, frames_thwc: Frames) -> Square | None:
        """Around all hands of all frames, (T, H, W, 3) RGB; None where it finds none in any."""
        return square_around_hands(
            np.concatenate([self.boxes(frame) for frame in frames_thwc]), *frames_thwc.shape[1:3]
        )

    def boxes(self, picture_rgb: Picture) -> NDArray[np.float64]:
        """(N, 5) corners in the picture's pixels and confidence, with every margin; a hand may come twice."""
        return np.concatenate(list(self._by_margin(picture_rgb)))

    def _by_margin(self, picture_rgb: Picture) -> Iterator[NDArray[np.float64]]:
        for share in _CANVAS_SHARES:
            canvas, left, top = _on_black(picture_rgb, share)
            boxes = self._detector.boxes(canvas)
            yield boxes[boxes[:, 4] >= MIN_CONFIDENCE] - (left, top, left, top, 0)

    def cut(self, picture_rgb: Picture) -> Picture:
        """The hand's square, or the whole picture where no hand is found."""
        found = self.square(picture_rgb)
        return (
            picture_rgb if found is None else np.ascontiguousarray(found.cut(picture_rgb[None])[0])
        )


def square_around(
    corners: Sequence[float] | NDArray[np.float64], margin: float, height: int, width: int
) -> Square:
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
        for low, high, length, limit in zip(
            (x_min, y_min), (x_max, y_max), sides, (width, height), strict=True
        )
    ]
    left, top = (round(first) for first in firsts)
    return Square(
        left,
        top,
        max(left + 1, round(firsts[0] + sides[0])),
        max(top + 1, round(firsts[1] + sides[1])),
    )


def square_around_hands(boxes: NDArray[np.float64], height: int, width: int) -> Square | None:
    """The square around all of (N, 5) boxes, each with its own margin, so that a small hand brings a small one; None for N = 0.

    >>> square_around_hands(np.array([[40, 40, 50, 50, 0.9], [70, 40, 80, 50, 0.8]]), 200, 200)
    Square(left=37, top=22, right=83, bottom=68)
    """
    if not len(boxes):
        return None
    centres, sides = (
        (boxes[:, :2] + boxes[:, 2:4]) / 2,
        (boxes[:, 2:4] - boxes[:, :2]).max(axis=1, keepdims=True),
    )
    reach = CLIP_HAND_MARGIN * sides / 2
    return square_around(
        np.concatenate([(centres - reach).min(axis=0), (centres + reach).max(axis=0)]),
        1.0,
        height,
        width,
    )


def _on_black(picture_rgb: Picture, share: float) -> tuple[Picture, int, int]:
    """The picture in the middle of a black 4:3 canvas, and how far its corner lies from the canvas's."""
    height, width = picture_rgb.shape[:2]
    high = round(share * max(height, width / _ASPECT))
    wide = round(high * _ASPECT)
    canvas = np.zeros((max(high, height), max(wide, width), 3), np.uint8)
    top, left = (canvas.shape[0] - height) // 2, (canvas.shape[1] - width) // 2
    canvas[top : top + height, left : left + width] = picture_rgb
    return canvas, left, top


ClipKey = tuple[MediaPath, int, int]


def _key(record: ClipRecord) -> ClipKey:
    return record.path, record.clip_start, record.clip_end


class HandCrops:
    """A `FrameSource` that gives the square with the hands of every frame; the squares are found before, in the main process."""

    def __init__(
        self, squares: Mapping[ClipKey, Square], source: FrameSource | None = None
    ) -> None:
        self._squares, self._source = dict(squares), source or FileFrames()

    def complete(self, record: ClipRecord, default_rate_fps: float) -> ClipRecord:
        return self._source.complete(record, default_rate_fps)

    def read(self, record: ClipRecord, frame_indices: Sequence[int]) -> Frames:
        frames = self._source.read(record, frame_indices)
        square = self._squares.get(_key(record))
        return frames if square is None else square.cut(frames)


def find_hands(
    finder: HandFinder, records: Iterable[ClipRecord], source: FrameSource | None = None
) -> dict[ClipKey, Square]:
    """The squares of those photos and clips that show a hand; what cannot be read is left to who reads it."""
    source, found = source or FileFrames(), {}
    for listed in records:
        try:
            record = source.complete(listed, default_rate_fps=1.0)
            square = _square(finder, record, source)
        except UserError:
            continue
        if square is not None:
            found[_key(record)] = square
    return found


def _square(finder: HandFinder, record: ClipRecord, source: FrameSource) -> Square | None:
    num_frames = record.clip_end - record.clip_start
    if num_frames == 1:
        return finder.square(source.read(record, [record.clip_start])[0])
    searched = min(num_frames, _FRAMES_SEARCHED)
    indices = [
        record.clip_start + (2 * i + 1) * num_frames // (2 * searched) for i in range(searched)
    ]
    return finder.square_of_clip(source.read(record, indices))


def hand_frames(detector_file: Path | None, records: Iterable[ClipRecord]) -> HandCrops:
    """The source of a model that sees hands only: says how many photos or clips show one. Errors: no detector, or a file that is none."""
    if detector_file is None:
        fix = "add --hand-detector FILE; docs/photos.md names one"
        raise user_error(
            "--hand-detector",
            "is missing: this model sees the hand that a detector cuts out",
            fix=fix,
        )
    from rich.progress import track

    listed = list({_key(record): record for record in records}.values())
    shown = track(listed, "looking for hands", transient=True, disable=not sys.stdout.isatty())
    squares = find_hands(HandFinder(detector_file), shown)
    share = f"{len(squares) / max(1, len(listed)):.0%}"
    print(
        f"hands: found in {len(squares)} of {len(listed)} ({share}); the others are seen whole",
        flush=True,
    )
    return HandCrops(squares)

"""Text with a dark outline, readable on any picture without a panel behind it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.lettering.writing import Colour, Picture, write_text

_WHITE: Final = (255, 255, 255)
_OUTLINE_PER_SIZE: Final = 10
"""Height of the font over the width of its outline."""


def write_outlined(
    picture: Picture, text: str, left_baseline: tuple[int, int], size: int, colour: Colour
) -> None:
    """Write a line of text as `write_text` does, with a black outline around each letter."""
    stamp = _stamp(text, size, colour)
    left, top = left_baseline[0] + stamp.x, left_baseline[1] + stamp.y

    # The part that lies inside the picture.
    rows = slice(max(0, top), max(0, min(top + stamp.kept.shape[0], picture.shape[0])))
    columns = slice(max(0, left), max(0, min(left + stamp.kept.shape[1], picture.shape[1])))
    inside = picture[rows, columns]
    if not inside.size:
        return

    of_stamp = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    # In whole numbers, which is three times as fast as with fractions.
    inside[:] = (inside * stamp.kept[of_stamp] >> 8) + stamp.added[of_stamp]


def text_width(text: str, size: int) -> int:
    """Return the width of a text in pixels, with its outline."""
    return int(_stamp(text, size, _WHITE).kept.shape[1])


class _Stamp(NamedTuple):
    """A drawn text: the share of the picture that stays (H, W, 1), of 256, and what is added.

    `x` and `y` are its place from the start of the baseline.
    """

    kept: NDArray[np.uint16]
    added: NDArray[np.uint8]
    x: int
    y: int


@lru_cache(maxsize=256)
def _stamp(text: str, size: int, colour: Colour) -> _Stamp:
    width = max(1, size // _OUTLINE_PER_SIZE)
    margin = size + width
    canvas = np.zeros(
        (3 * size + 2 * width, 2 * margin + 2 * size * max(1, len(text)), 3), np.uint8
    )
    baseline = 2 * size + width
    write_text(canvas, text, (margin, baseline), size, _WHITE)
    letters = canvas[..., 0]

    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    dark = cv2.dilate(letters, brush)
    left, top, columns, rows = cv2.boundingRect(dark)
    here = (slice(top, top + rows), slice(left, left + columns), None)
    added = (letters[here] / 255 * np.array(colour)).astype(np.uint8)
    # Rounded so that picture and letters together stay below 256.
    kept = 256 - (dark[here].astype(np.uint32) * 256 + 254) // 255
    return _Stamp(kept.astype(np.uint16), added, left - margin, top - baseline)

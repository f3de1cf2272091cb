"""Text drawn into a picture: by OpenCV where its font has the letters, else by a system font."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from itertools import groupby
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from action_recognition.lettering.fonts import needs_shaping, system_font, visible

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
# OpenCV draws a question mark in the place of a letter that it lacks.
_LACKING: Final = "?"
_PROBE_SIZE: Final = 24


def write_text(
    picture: Picture, text: str, left_baseline: tuple[int, int], size: int, colour: Colour
) -> None:
    """Write a line of text of any script into a picture (H, W, 3) uint8, in place.

    `size` is the height of the font in pixels. What lies outside the picture is cut off. A letter
    that no font has becomes a question mark: `shown_names` replaces such names before.
    """
    left, baseline = left_baseline
    for is_simple, run in _runs(text):
        font = None if is_simple else _font(run, size)
        if font is None:
            face, place = cv2.FontFace("sans"), (left, baseline)
            (left, _), _ = cv2.putText(picture, run, place, colour, face, size)
        else:
            # A blank behind letters from right to left would be drawn on their left.
            left += _draw_with(font, picture, run.rstrip(" "), (left, baseline), colour)
            left += round(font.getlength(" ")) if run.endswith(" ") else 0


def fitted(text: str, width: int, size: int) -> str:
    """Return a text that is at most `width` pixels wide. What is too long has dots in its middle.

    >>> fitted("left_hand_of_anna.mp4", 120, 15)
    'left_...na.mp4'
    """
    kept = len(text)
    shown = text
    while kept > 1 and _text_width(shown, size) > width:
        kept -= 1
        shown = f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"
    return shown


def _text_width(text: str, size: int) -> int:
    """Return the width of a line in pixels, as `write_text` draws it."""
    width = 0.0
    for is_simple, run in _runs(text):
        font = None if is_simple else _font(run, size)
        if font is None:
            left, _, wide, _ = cv2.getTextSize((1, 1), run, (0, 0), cv2.FontFace("sans"), size)
            # Blanks at an end have no ink.
            width += left + wide + (len(run) - len(run.rstrip(" "))) * size / 3
        else:
            width += font.getlength(run)
    return round(width)


def can_be_written(text: str) -> bool:
    """Return True if OpenCV or a font of the system has every letter of a text."""
    return all(is_simple or system_font(run) for is_simple, run in _runs(text))


@lru_cache(maxsize=4096)
def is_drawn_by_opencv(text: str) -> bool:
    """Return True for text that OpenCV draws as it should be.

    Its font has Latin, Greek, Cyrillic and the letters of China, Japan and Korea. It joins no
    letters, and writes from left to right.
    """
    if text.isascii():
        return True
    return not needs_shaping(text) and all(map(_is_in_opencv, visible(text)))


@cache
def _is_in_opencv(letter: str) -> bool:
    return letter == _LACKING or _probe(letter) != _probe(_LACKING)


def _probe(letter: str) -> bytes:
    picture = np.zeros((2 * _PROBE_SIZE, 3 * _PROBE_SIZE, 3), np.uint8)
    place, white = (_PROBE_SIZE, _PROBE_SIZE * 3 // 2), (255, 255, 255)
    cv2.putText(picture, letter, place, white, cv2.FontFace("sans"), _PROBE_SIZE)
    return picture.tobytes()


def _runs(text: str) -> list[tuple[bool, str]]:
    """Return the runs of words that OpenCV draws, or that it does not, in order."""
    groups = groupby(_words(text), is_drawn_by_opencv)
    return [(is_simple, "".join(words)) for is_simple, words in groups]


def _words(text: str) -> list[str]:
    """Return the words of a text in its composed form, each with the blank behind it.

    >>> _words("a  bc")
    ['a ', ' ', 'bc']
    """
    *before, last = unicodedata.normalize("NFC", text).split(" ")
    return [f"{word} " for word in before] + ([last] if last else [])


@lru_cache(maxsize=64)
def _font(text: str, size: int) -> ImageFont.FreeTypeFont | None:
    path = system_font(text)
    return None if path is None else ImageFont.truetype(str(path), size)


def _draw_with(
    font: ImageFont.FreeTypeFont,
    picture: Picture,
    text: str,
    left_baseline: tuple[int, int],
    colour: Colour,
) -> int:
    """Draw a run with a font of the system and return its width in pixels."""
    mask, (x, y) = _mask(font, text)
    left, top = left_baseline[0] + x, left_baseline[1] + y
    height, width = mask.shape

    # The part that lies inside the picture.
    rows = slice(max(0, top), max(0, min(top + height, picture.shape[0])))
    columns = slice(max(0, left), max(0, min(left + width, picture.shape[1])))
    inside = picture[rows, columns]
    share = mask[rows.start - top :, columns.start - left :][: inside.shape[0], : inside.shape[1]]
    inside[:] = (inside + (np.array(colour) - inside.astype(float)) * share[..., None]).astype(
        np.uint8
    )
    return round(font.getlength(text))


@lru_cache(maxsize=256)
def _mask(font: ImageFont.FreeTypeFont, text: str) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the drawn run (H, W) 0..1, and its place from the start of the baseline."""
    left, top, right, bottom = (round(side) for side in font.getbbox(text, anchor="ls"))
    picture = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=font, anchor="ls")
    return np.asarray(picture) / 255.0, (left, top)

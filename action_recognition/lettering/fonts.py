"""Fonts of the system that have the letters of a text. None is fetched, and none is carried.

A font is found by a plain search through the folders where systems keep them.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from PIL import ImageFont, features

_SUFFIXES: Final = (".ttf", ".otf", ".ttc")
_PROBE_SIZE: Final = 24
# No font has a letter for the last code of the last plane.
_NO_LETTER: Final = "\U0010ffff"
# Words in the names of fonts that are worse to read in a picture, the worst first.
_LESS_READABLE: Final = ("italic", "oblique", "condensed", "mono", "serif", "bold", "light")
_RIGHT_TO_LEFT: Final = ("R", "AL", "AN")


@cache
def system_font(text: str) -> Path | None:
    """Return a font of the system that can write a text, or None."""
    if not features.check("raqm") and needs_shaping(text):
        return None
    letters = visible(text)
    return next((path for path in _font_files() if _has_letters(path, letters)), None)


def needs_shaping(text: str) -> bool:
    """Return True for letters that change, or run from right to left: Arabic, Devanagari."""
    return any(
        unicodedata.bidirectional(character) in _RIGHT_TO_LEFT
        or unicodedata.category(character) in ("Mn", "Mc", "Cf")
        for character in unicodedata.normalize("NFC", text)
    )


def visible(text: str) -> str:
    """Return the different letters of a text, without blanks and joiners, in order."""
    letters = {
        character for character in text if unicodedata.category(character) not in ("Zs", "Cf")
    }
    return "".join(sorted(letters))


def font_folders() -> list[Path]:
    """Return the folders where this system keeps fonts."""
    home = Path.home()
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    if sys.platform == "win32":
        return [Path(os.environ.get("WINDIR", r"C:\Windows"), "Fonts")]
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    shared = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts")]
    return [*shared, data / "fonts", home / ".fonts"]


@cache
def _font_files() -> list[Path]:
    """Return the font files of the system, the ones that are easy to read first."""
    return sorted(_walk(), key=lambda path: (_plainness(path.name.lower()), path))


def _walk() -> Iterator[Path]:
    for folder in font_folders():
        for place, _, names in os.walk(folder):
            yield from (Path(place, name) for name in names if name.lower().endswith(_SUFFIXES))


def _plainness(name: str) -> int:
    # `sans-serif` is no serif.
    words = name.replace("sansserif", "sans").replace("sans-serif", "sans")
    return sum(1 << place for place, word in enumerate(reversed(_LESS_READABLE)) if word in words)


def _has_letters(path: Path, letters: str) -> bool:
    """Return True for a font that draws every letter as something else than an unknown one."""
    try:
        font = ImageFont.truetype(str(path), _PROBE_SIZE, layout_engine=ImageFont.Layout.BASIC)
        unknown = _drawn(font, _NO_LETTER)
        return all(_drawn(font, letter) != unknown for letter in letters)
    # Damaged fonts, and fonts of colour pictures in one size.
    except (OSError, ValueError):
        return False


def _drawn(font: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)

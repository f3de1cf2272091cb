"""Texts of the user in plots: no formulas, and in fonts that have their letters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from action_recognition.lettering.fonts import system_font, visible
from action_recognition.lettering.names import names_that

# Matplotlib's own font. It has Latin, Greek, Cyrillic, Arabic and Hebrew.
_OWN_FONT: Final = "DejaVu Sans"


def plain(text: str) -> str:
    r"""Return a text as matplotlib prints it literally. A pair of `$` would be a formula.

    >>> plain("a $ sign")
    'a \\$ sign'
    """
    return text.replace("$", r"\$")


def axis_texts(labels: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the texts of labels along an axis, and the properties that they are drawn with.

    A label whose letters no font has is drawn as `class 3`, see `lettering.shown_names`.
    """
    names = names_that(_font_family, tuple(labels))
    families = dict.fromkeys(_font_family(name) or _OWN_FONT for name in names.values())
    fonts = list(dict.fromkeys([_OWN_FONT, *families]))
    return [plain(names[label]) for label in labels], {"fontfamily": fonts}


@cache
def _font_family(text: str) -> str | None:
    """Return the family of a font that has all letters of a text, or None."""
    from matplotlib import font_manager

    own = font_manager.get_font(font_manager.findfont(_OWN_FONT))
    if all(own.get_char_index(ord(letter)) for letter in visible(text)):
        return _OWN_FONT
    path = system_font(text)
    return None if path is None else _added(path)


@cache
def _added(path: Path) -> str | None:
    """Make a font of the system known to matplotlib. Return its family, None if it is damaged."""
    from matplotlib import font_manager

    try:
        font_manager.fontManager.addfont(path)
        return font_manager.FontProperties(fname=path).get_name()
    except (OSError, RuntimeError, ValueError):
        return None

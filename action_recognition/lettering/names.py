"""Names of classes in pictures: as they are, or a number where no font has their letters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from action_recognition.lettering.writing import can_be_written

_LONGEST: Final = 40


def shown_names(labels: Sequence[str]) -> dict[str, str]:
    """Return the text to draw for each label.

    A label whose letters no font has is drawn as `class 3`. That is said once on stderr.
    """
    return names_that(can_be_written, tuple(labels))


@cache
def names_that(can_be_shown: Callable[[str], object], labels: tuple[str, ...]) -> dict[str, str]:
    """Return the text to draw for each label, by a test of what can be shown."""
    stand_ins = {
        label: f"class {number}" for number, label in enumerate(labels) if not can_be_shown(label)
    }
    if stand_ins:
        pairs = ", ".join(f"{shown} is {label}" for label, shown in stand_ins.items())
        note = "no font of this system has all letters of some labels; pictures show numbers"
        print(f"note: {note}: {pairs}; to repair: install a font for them", file=sys.stderr)
    return {label: stand_ins.get(label, _shortened(label)) for label in labels}


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 3]}..."

"""The rule for names of classes: printable text that can be told apart.

Names go into files, tables, pictures, pages and terminals. A control character can rewrite a
terminal's lines, a mark of direction shows one name as another, and half of a character can be
written nowhere. So the rule holds wherever names are read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from action_recognition.errors import Problem

MAX_NAME_LENGTH: Final = 200
ALLOWED: Final = f"1 to {MAX_NAME_LENGTH} printable characters, no blank around them"
# Joiners are part of words in Persian and Indic scripts, and of emoji.
_JOINERS: Final = "\u200c\u200d"
_NOT_PRINTABLE: Final = {
    "Cc": "a control character",
    "Cf": "an invisible character",
    "Cs": "half of a character (a lone surrogate)",
    "Co": "a character of private use",
    "Zl": "a line break",
    "Zp": "a line break",
}
_SHOWN_LENGTH: Final = 40
_SEPARATORS: Final = re.compile(r"[\s_-]+")


def fault_of_name(name: str) -> str:
    r"""Return what is wrong with a class name, or an empty text.

    >>> fault_of_name("Größe 你好")
    ''
    >>> fault_of_name("red\x1b[31m")
    "class name 'red\\x1b[31m' has a control character (U+001B)"
    """
    shown = repr(name[:_SHOWN_LENGTH] + ("..." if len(name) > _SHOWN_LENGTH else ""))
    if not name.strip():
        return f"class name {shown} is empty"
    for character in name:
        kind = _fault_of_character(character)
        if kind:
            return f"class name {shown} has {kind} (U+{ord(character):04X})"

    if name != name.strip():
        return f"class name {name!r} has blanks around it"
    if len(name) > MAX_NAME_LENGTH:
        return f"class name {shown} has {len(name)} characters"
    if all(unicodedata.category(character)[0] in "MZC" for character in name):
        return f"class name {shown} shows nothing"
    return ""


def alike_names(names: Iterable[str]) -> list[list[str]]:
    """Return groups of names that differ in capitals, blanks, hyphens or forms of letters only.

    >>> alike_names(["Wave", "stop", "wave", "thumb_up", "thumb up"])
    [['Wave', 'wave'], ['thumb_up', 'thumb up']]
    """
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        plain = unicodedata.normalize("NFKC", name).casefold()
        groups.setdefault(_SEPARATORS.sub("", plain), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def name_problems(names: Iterable[str], where: str) -> list[Problem]:
    """Return a problem for every class name that is not usable."""
    faults = (fault_of_name(name) for name in names)
    return [Problem(where, fault, ALLOWED, "rename the class") for fault in faults if fault]


def _fault_of_character(character: str) -> str:
    """Return what kind of character cannot be in a name, or an empty text."""
    if character in _JOINERS:
        return ""
    # Two in every plane are no characters. Others may be newer than this Python.
    if ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF:
        return "a code that is no character"
    return _NOT_PRINTABLE.get(unicodedata.category(character), "")

"""Recognise people that are none: words that cameras put into file names, or the classes."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

# The first words of file names that cameras and programs give.
_DEVICES = re.compile(
    r"(vid(eo)?|img|image|mov(ie)?|clip|pxl|dsc[nf]?|mvi|gopr|g[hx]\d+|whatsapp|screen(cast|shot)|"
    r"screenrecording|rpreplay|trim|snapchat|mmexport|photo|picture|file|frame|output|untitled|"
    r"webcam|capture|recording|telegram|inshot)[ _-]?",
    re.IGNORECASE,
)
_BY_FILE = "the split goes by file, and a person may be in several parts"
_FIX = "give a --person-regex that fits the names, or put people into folders"
_SHOWN = 5


def without_doubtful(
    people: Sequence[str | None], labels: Sequence[Hashable]
) -> tuple[list[str | None], list[str]]:
    """Return the people without those that are none, and warnings that say why.

    `labels` are the classes of the clips. One person for all clips is kept, for it may be true.

    >>> without_doubtful(["VID", "VID"], ["wave", "stop"])[0]
    [None, None]
    """
    known = {person for person in people if person is not None}
    if not known:
        return list(people), []

    # A camera's word is no person, whatever the others are.
    devices = {person for person in known if _DEVICES.fullmatch(person)}
    if devices:
        shown = _listed(devices)
        said = f"{shown} is a word that cameras put into names, and no person: {_BY_FILE}; {_FIX}"
        cleaned = [None if person in devices else person for person in people]
        rest, more = without_doubtful(cleaned, labels)
        return rest, [said, *more]

    pairs = {(person, label) for person, label in zip(people, labels, strict=True) if person}
    if _is_one_to_one(pairs):
        said = f"each class has a person of its own ({_listed(known)}): these are no people"
        return [None] * len(people), [f"{said}, so {_BY_FILE}; {_FIX}"]
    if len(known) == 1 and len(people) > 1:
        said = f"all clips have one person, {next(iter(known))!r}"
        return list(people), [f"{said}: if that is not so, {_FIX}"]
    if len(known) == len(people) > 2 and len(set(labels)) < len(people):
        said = f"each clip has a person of its own ({_listed(known)})"
        return list(people), [f"{said}: if that is not so, {_FIX}"]
    return list(people), []


def _is_one_to_one(pairs: set[tuple[str, Hashable]]) -> bool:
    """Return True if there are several people and classes, and each has one of the other."""
    people = {person for person, _ in pairs}
    labels = {label for _, label in pairs}
    return len(pairs) > 1 and len(people) == len(labels) == len(pairs)


def _listed(names: set[str]) -> str:
    shown = ", ".join(repr(name) for name in sorted(names)[:_SHOWN])
    return shown + (" ..." if len(names) > _SHOWN else "")

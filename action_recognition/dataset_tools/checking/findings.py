"""The findings of a check, and the repairs that are certain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from action_recognition.dataset_tools.checking.kinds import KINDS, NOTE

MAX_OF_A_KIND = 10_000
"""Findings of a kind that are kept.

More are counted only, so that the findings of a million wrong lines fit in memory.
"""
_MAX_REPAIRS = 10 * MAX_OF_A_KIND


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or, as a note, worth knowing.

    `line` is None for a whole file. `repair` may be empty.
    """

    file: str
    line: int | None
    kind: str
    message: str
    repair: str = ""

    def __str__(self) -> str:
        """Write the finding on one line: place, kind, message and repair."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        repair = f"; to repair: {self.repair}" if self.repair else ""
        return f"{where}: {self.kind}: {self.message}{repair}"


class Place(NamedTuple):
    """A line of the annotation files.

    `file` is the number of the file among those given, from 0. `line` is the number of the line,
    from 1, or 0 for the whole file.
    """

    file: int
    line: int


class Findings:
    """Collect findings and the certain repairs of lines.

    It keeps `MAX_OF_A_KIND` findings of a kind and counts the rest. `repairs` has the new text of
    a line, or None where the line is left out.
    """

    def __init__(self, files: list[str]) -> None:
        self.files = files
        self.repairs: dict[Place, str | None] = {}
        self.counts: Counter[str] = Counter()
        self._kept: list[Finding] = []

    def add(self, place: Place | None, kind: str, message: str, repair: str = "") -> None:
        """Note a finding at a line. A `place` with line 0 is a whole file, None is all files."""
        assert kind in KINDS, kind
        self.counts[kind] += 1
        if self.counts[kind] <= MAX_OF_A_KIND:
            file = self.files[place.file] if place else ", ".join(self.files)
            line = place.line or None if place else None
            self._kept.append(Finding(file, line, kind, message, repair))

    def repair(self, place: Place, text: str | None) -> None:
        """Remember a line's new text, or None to leave it out. A line left out stays left out."""
        is_left_out = place in self.repairs and self.repairs[place] is None
        has_room = place in self.repairs or len(self.repairs) < _MAX_REPAIRS
        if has_room and not is_left_out:
            self.repairs[place] = text

    def name(self, place: Place) -> str:
        """Return the name of a place in messages: `file:line`."""
        return f"{self.files[place.file]}:{place.line}"

    @property
    def num_problems(self) -> int:
        """Return the number of findings that are no notes."""
        return sum(count for kind, count in self.counts.items() if not kind.startswith(NOTE))

    def __iter__(self) -> Iterator[Finding]:
        """Iterate by file, as given, then line, then kind. What was only counted is at the end."""
        order = {name: number for number, name in enumerate(self.files)}

        def key(item: Finding) -> tuple[int, int, str, str]:
            """Order findings. Those of all files follow those of a file."""
            return order.get(item.file, len(order)), item.line or 0, item.kind, item.message

        # First the findings that are kept, then the numbers of those that are not.
        yield from sorted(self._kept, key=key)
        for kind, count in sorted(self.counts.items()):
            if count > MAX_OF_A_KIND:
                more = f"and {count - MAX_OF_A_KIND} more of this kind"
                repair = "repair those that are listed and check again"
                yield Finding(", ".join(self.files), None, kind, more, repair)

    def as_json(self) -> list[dict[str, Any]]:
        """Return a list of {file, line, kind, message, repair}."""
        return [asdict(finding) for finding in self]

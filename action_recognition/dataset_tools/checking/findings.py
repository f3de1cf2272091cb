"""What a check found: findings, and the repairs that are certain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from action_recognition.dataset_tools.checking.kinds import KINDS, NOTE

MAX_OF_A_KIND = 10_000
"""Findings of a kind that are kept; more are counted, so that a file of a million wrong lines fits in memory."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or (a note) worth knowing; `line` is None for a whole file; `repair` may be empty."""

    file: str
    line: int | None
    kind: str
    message: str
    repair: str = ""

    @property
    def is_note(self) -> bool:
        return self.kind.startswith(NOTE)

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.kind}: {self.message}" + (
            f"; to repair: {self.repair}" if self.repair else ""
        )


class Place(NamedTuple):
    """A line of the annotation files: the number of the file among those given, and of the line from 1."""

    file: int
    line: int


class Findings:
    """Collects findings and the certain repairs of lines; keeps `MAX_OF_A_KIND` of a kind and counts the rest.

    `repairs` has the new text of a line, or None where it is left out.
    """

    def __init__(self, files: list[str]) -> None:
        self.files = files
        self.repairs: dict[Place, str | None] = {}
        self.counts: Counter[str] = Counter()
        self._kept: list[Finding] = []

    def add(self, place: Place | None, kind: str, message: str, repair: str = "") -> None:
        """Note a finding at a line; `place` with line 0 is a whole file, None all files."""
        assert kind in KINDS, kind
        self.counts[kind] += 1
        if self.counts[kind] <= MAX_OF_A_KIND:
            file = self.files[place.file] if place else ", ".join(self.files)
            self._kept.append(
                Finding(file, place.line or None if place else None, kind, message, repair)
            )

    def repair(self, place: Place, text: str | None) -> None:
        """Remember a line's new text, or None to leave the line out; a line that is left out stays so."""
        if self.repairs.get(place, "") is not None and (
            place in self.repairs or len(self.repairs) < MAX_OF_A_KIND * 10
        ):
            self.repairs[place] = text

    @property
    def num_problems(self) -> int:
        """How many findings are no notes."""
        return sum(count for kind, count in self.counts.items() if not kind.startswith(NOTE))

    def __iter__(self) -> Iterator[Finding]:
        """By file, as given, then line, then kind; at the end what was only counted."""
        order = {name: number for number, name in enumerate(self.files)}
        yield from sorted(
            self._kept,
            key=lambda item: (
                order.get(item.file, len(order)),
                item.line or 0,
                item.kind,
                item.message,
            ),
        )
        for kind, count in sorted(self.counts.items()):
            if count > MAX_OF_A_KIND:
                more = f"and {count - MAX_OF_A_KIND} more of this kind"
                yield Finding(
                    ", ".join(self.files),
                    None,
                    kind,
                    more,
                    "repair those that are listed and check again",
                )

    def as_json(self) -> list[dict[str, Any]]:
        """A list of {file, line, kind, message, repair}."""
        return [asdict(finding) for finding in self]

"""Check one line of an annotation file: its text, path, label and numbers.

Where only one reading of a line gives a file and a class that exist, it is repaired.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.data.annotation_lines import COLUMNS, RawLine, split_line
from action_recognition.data.annotations import label_numbers
from action_recognition.dataset_tools.checking.findings import Findings, Place
from action_recognition.dataset_tools.checking.line_numbers import check_numbers, line_text
from action_recognition.dataset_tools.checking.paths import PathFinder
from action_recognition.errors import nearest

# Control characters, zero-width characters, direction marks and byte-order marks.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff]")
# A whole number, perhaps with a decimal point and zeros.
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?")
Reading = tuple[str, str, RawLine]
"""A kind of finding, its message, and the line as it may have been meant."""


@dataclass(slots=True)
class Row:
    """A line whose file exists, as it reads after certain repairs.

    `label` is None for a label that no class has. `sound` is False where label or numbers are
    wrong.
    """

    place: Place
    raw: RawLine
    root: str
    label: int | None
    sound: bool

    @property
    def path(self) -> Path:
        """Return the file or folder.

        It is not kept: of a million lines, most are never asked for it.
        """
        return Path(self.root, self.raw.path)

    @property
    def is_whole_video(self) -> bool:
        """Return True for a line of two columns."""
        return self.raw.numbers is None


class LineChecker:
    """Check the lines of files under one root against the labels."""

    def __init__(self, root: Path, labels: Sequence[str], findings: Findings) -> None:
        self.labels, self.findings = labels, findings
        self.numbers = label_numbers(labels)
        self._with_blanks = [name for name in labels if len(name.split()) > 1]
        self.paths = PathFinder(root)
        self._root = str(root)

    def check(self, place: Place, text: str) -> Row | None:
        """Return the row of a line, or None when its file does not exist or cannot be told."""
        cleaned = self._cleaned(place, text)
        if not cleaned:
            return None

        # Most lines are right. The others may have a reading that is.
        raw = written = self._split(cleaned)
        if self.paths.problem(raw.path) or raw.label not in self.numbers:
            repaired = self._understood(place, cleaned, raw)
            if repaired is None:
                return None
            raw = repaired

        raw, sound = check_numbers(place, raw, self.findings)
        # Repairs of the text are written together.
        if cleaned != text or raw != written:
            self.findings.repair(place, line_text(raw))
        label = self.numbers.get(raw.label)
        return Row(place, raw, self._root, label, sound and label is not None)

    def _split(self, text: str) -> RawLine:
        return split_line(text, self._with_blanks) if text.strip() else RawLine("", "", None)

    def _cleaned(self, place: Place, text: str) -> str | None:
        """Return the text decoded and without characters that cannot be seen.

        None or an empty text means that nothing is left to check.
        """
        if not text.isprintable():
            try:
                text.encode()
            except UnicodeEncodeError:  # bytes that are not UTF-8 came through as lone surrogates
                return self._decoded(place, text)
        if (text.isascii() and text.isprintable()) or not _UNSEEN.search(text):
            return text

        # Characters that cannot be seen are removed.
        seen = sorted({f"U+{ord(character):04X}" for character in _UNSEEN.findall(text)})
        kind = "byte-order-mark" if seen == ["U+FEFF"] else "control-characters"
        message = f"the line holds {', '.join(seen)}, which cannot be seen"
        self.findings.add(place, kind, message, "remove it")
        return _UNSEEN.sub("", text).strip()

    def _decoded(self, place: Place, text: str) -> str | None:
        """Read a line that is not UTF-8 as Windows-1252. Return None if that gives no file."""
        bytes_ = text.encode("utf-8", "surrogateescape")
        guess = bytes_.decode("cp1252", "replace")
        certain = not self.paths.problem(self._split(guess).path)
        reading = f"; read as Windows-1252 the line is {guess!r}" if certain else ""
        message = f"the line is not UTF-8: {bytes_[:80]!r}"
        self.findings.add(place, "encoding", message, f"save the file as UTF-8{reading}")
        return guess if certain else None

    def _understood(self, place: Place, text: str, raw: RawLine) -> RawLine | None:
        """Return the line as it was meant, where that is certain, and note what is wrong.

        Where only the label is wrong, the line stays as it is.
        """
        for kind, message, candidate in self._readings(text, raw):
            if self._is_right(candidate):
                self.findings.add(place, kind, message, f"write {line_text(candidate)!r}")
                return candidate

        if self._note_columns(place, text, raw):
            return None

        # Then path and label are wrong one by one.
        path_problem = self.paths.problem(raw.path)
        if raw.label not in self.numbers:
            raw = self._with_known_label(place, raw)
        if path_problem:
            self.findings.add(place, *self.paths.explain(raw.path))
            return None
        return raw

    def _is_right(self, raw: RawLine) -> bool:
        is_known = raw.label in self.numbers and bool(raw.path)
        return is_known and not self.paths.problem(raw.path)

    def _note_columns(self, place: Place, text: str, raw: RawLine) -> bool:
        """Note columns that are no numbers, and a wrong number of columns."""
        columns = text.split()
        first_is_there = not self.paths.problem(columns[0])
        is_line = len(columns) == 7 and raw.numbers is None
        if is_line and (first_is_there or columns[1] in self.numbers):
            message = f"columns 3 to 7 are {' '.join(columns[2:])}"
            self.findings.add(place, "columns-not-numbers", message, COLUMNS)
            return True

        # Paths may hold blanks: columns count only where the path is wrong.
        is_wrong_number = len(columns) == 1 or (len(columns) not in (2, 7) and first_is_there)
        if is_wrong_number and self.paths.problem(raw.path):
            message, repair = f"{len(columns)} columns", f"2 or 7 columns: {COLUMNS}"
            self.findings.add(place, "column-count", message, repair)
            return True
        return False

    def _with_known_label(self, place: Place, raw: RawLine) -> RawLine:
        """Note an unknown label, and repair one that differs from a class in capitals only."""
        label = raw.label
        # A number that no class has.
        if label.lstrip("+-").isdecimal():
            repair = f"0 to {len(self.labels) - 1}, or a class name"
            self.findings.add(place, "label-out-of-range", f"label {label}", repair)
            return raw

        same = [name for name in self.labels if name.casefold() == label.casefold()]
        repair = "write a class name, or add the class to classes.json"
        if len(same) == 1:
            repair = f"write {same[0]!r}"
        message = f"no class {label!r}{nearest(label, self.labels)}"
        self.findings.add(place, "label-unknown", message, repair)
        return raw._replace(label=same[0]) if len(same) == 1 else raw

    def _readings(self, text: str, raw: RawLine) -> Iterator[Reading]:
        """Yield the readings of a line, in the order in which they are tried.

        They are made one by one: some of them look into folders.
        """
        if raw.path[:1] in "\"'" and raw.path[:1] == raw.path[-1:]:
            message = f"the path is in quotes: {raw.path}"
            yield "quotes", message, raw._replace(path=raw.path[1:-1])
        yield from self._readings_of_separators(text)
        yield from self._readings_of_path(raw)
        if raw.numbers is None:
            yield from self._readings_of_numbers(text.split())

    def _readings_of_separators(self, text: str) -> Iterator[Reading]:
        for separator in ",;":
            if separator in text:
                parts = next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
                meant = self._split(" ".join(part.strip() for part in parts))
                yield "separator", f"columns are separated by {separator!r}", meant

    def _readings_of_path(self, raw: RawLine) -> Iterator[Reading]:
        found = f"path {raw.path!r}"
        if "\\" in raw.path:
            yield "path-backslash", found, raw._replace(path=raw.path.replace("\\", "/"))
        if inside := self.paths.inside(raw.path):
            message = f"{found} begins at the root of the disk"
            yield "path-absolute", message, raw._replace(path=inside)
        if raw.path in self.numbers:
            message = f"the label {raw.path!r} is before the path"
            yield "label-path-exchanged", message, raw._replace(path=raw.label, label=raw.path)
        if same := self.paths.other_capitals(raw.path):
            yield "path-case", f"{found}, the file is {same!r}", raw._replace(path=same)

    def _readings_of_numbers(self, columns: Sequence[str]) -> Iterator[Reading]:
        """Yield the line whose frame numbers are written with a decimal point, as 12.0."""
        frames = columns[2:6]
        if len(columns) == 7 and all(map(_WHOLE.fullmatch, frames)):
            whole = [str(int(column.partition(".")[0])) for column in frames]
            meant = self._split(" ".join([*columns[:2], *whole, columns[6]]))
            if meant.numbers is not None:
                message = f"frame numbers are written as {' '.join(frames)}"
                yield "columns-not-numbers", message, meant

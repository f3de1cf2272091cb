"""One line of an annotation file: what is wrong with its text, label and numbers, and how it would have to read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.data.annotation_lines import COLUMNS, RawLine, split_line
from action_recognition.data.annotations import label_numbers
from action_recognition.dataset_tools.checking.findings import Findings, Place
from action_recognition.dataset_tools.checking.paths import PathFinder
from action_recognition.errors import nearest

MAX_RATE_FPS = 1000.0
MIN_RATE_FPS = 0.5
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff]")
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?")


@dataclass(slots=True)
class Row:
    """A line whose file is there, as it reads after certain repairs; `label` is None for one that no class has."""

    place: Place
    raw: RawLine
    root: str
    label: int | None
    sound: bool

    @property
    def path(self) -> Path:
        """The file or folder; not kept, because of a million lines most are never asked."""
        return Path(self.root, self.raw.path)

    @property
    def is_whole_video(self) -> bool:
        """True for a line of two columns."""
        return self.raw.numbers is None


def line_text(raw: RawLine) -> str:
    """The line of an annotation file.

    >>> line_text(RawLine("a.mp4", "wave", (0, 9, 0, 12, 29.97)))
    'a.mp4 wave 0 9 0 12 29.97'
    """
    if raw.numbers is None:
        return f"{raw.path} {raw.label}"
    *frames, rate = raw.numbers
    return f"{raw.path} {raw.label} {' '.join(map(str, frames))} {format(rate, '.7g')}"


class LineChecker:
    """Checks the lines of files under one root against the labels."""

    def __init__(self, root: Path, labels: Sequence[str], findings: Findings) -> None:
        self.labels, self.findings = labels, findings
        self.numbers = label_numbers(labels)
        self._with_blanks = [name for name in labels if len(name.split()) > 1]
        self.paths = PathFinder(root)
        self._root = str(root)

    def check(self, place: Place, text: str) -> Row | None:
        """The row of a line, or None when its file is not there or not to be told."""
        cleaned = self._cleaned(place, text)
        if not cleaned:
            return None
        raw = written = self._split(cleaned)
        if self.paths.problem(raw.path) or raw.label not in self.numbers:
            repaired = self._understood(place, cleaned, raw)
            if repaired is None:
                return None
            raw = repaired
        raw, sound = self._numbers(place, raw)
        if cleaned != text or raw != written:
            self.findings.repair(place, line_text(raw))
        label = self.numbers.get(raw.label)
        return Row(place, raw, self._root, label, sound and label is not None)

    def _split(self, text: str) -> RawLine:
        return split_line(text, self._with_blanks) if text.strip() else RawLine("", "", None)

    def _cleaned(self, place: Place, text: str) -> str | None:
        """The text without what cannot be seen, decoded; None where that leaves nothing to go on with."""
        if not text.isprintable():
            try:
                text.encode()
            except UnicodeEncodeError:  # bytes that are not UTF-8 came through as lone surrogates
                return self._decoded(place, text)
        if (text.isascii() and text.isprintable()) or not _UNSEEN.search(text):
            return text
        cleaned = _UNSEEN.sub("", text).strip()
        seen = sorted({f"U+{ord(character):04X}" for character in _UNSEEN.findall(text)})
        kind = "byte-order-mark" if seen == ["U+FEFF"] else "control-characters"
        self.findings.add(
            place, kind, f"the line holds {', '.join(seen)}, which cannot be seen", "remove it"
        )
        return cleaned

    def _decoded(self, place: Place, text: str) -> str | None:
        bytes_ = text.encode("utf-8", "surrogateescape")
        guess = bytes_.decode("cp1252", "replace")
        certain = not self.paths.problem(self._split(guess).path)
        repair = "save the file as UTF-8" + (
            f"; read as Windows-1252 the line is {guess!r}" if certain else ""
        )
        self.findings.add(place, "encoding", f"the line is not UTF-8: {bytes_[:80]!r}", repair)
        return guess if certain else None

    # --- path and label ---------------------------------------------------------------------------------------

    def _understood(self, place: Place, text: str, raw: RawLine) -> RawLine | None:
        """The line as it was meant where that is certain, or as it is where only its label is wrong; what is wrong is noted."""
        for kind, message, candidate in self._readings(text, raw):
            if (
                candidate.label in self.numbers
                and candidate.path
                and not self.paths.problem(candidate.path)
            ):
                self.findings.add(place, kind, message, f"write {line_text(candidate)!r}")
                return candidate
        columns = text.split()
        as_columns = RawLine(columns[0], columns[1], None) if len(columns) > 1 else None
        first_is_there = not self.paths.problem(columns[0])
        if (
            as_columns
            and len(columns) == 7
            and raw.numbers is None
            and (first_is_there or columns[1] in self.numbers)
        ):
            self.findings.add(
                place, "columns-not-numbers", f"columns 3 to 7 are {' '.join(columns[2:])}", COLUMNS
            )
            return None
        path_problem = self.paths.problem(raw.path)
        if path_problem and (len(columns) == 1 or (len(columns) not in (2, 7) and first_is_there)):
            self.findings.add(
                place, "column-count", f"{len(columns)} columns", f"2 or 7 columns: {COLUMNS}"
            )
            return None
        if raw.label not in self.numbers:
            raw = self._label(place, raw)
        if path_problem:
            self.findings.add(place, *self.paths.explain(raw.path))
            return None
        return raw

    def _readings(self, text: str, raw: RawLine) -> Iterator[tuple[str, str, RawLine]]:
        """What the line may have been meant as: kind, message, line."""
        if raw.path[:1] in "\"'" and raw.path[:1] == raw.path[-1:]:
            yield (
                "quotes",
                f"the path stands in quotes: {raw.path}",
                raw._replace(path=raw.path[1:-1]),
            )
        for separator in ",;":
            if separator in text:
                parts = next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
                meant = self._split(" ".join(part.strip() for part in parts))
                yield "separator", f"columns are separated by {separator!r}", meant
        if "\\" in raw.path:
            yield (
                "path-backslash",
                f"path {raw.path!r}",
                raw._replace(path=raw.path.replace("\\", "/")),
            )
        if inside := self.paths.inside(raw.path):
            yield (
                "path-absolute",
                f"path {raw.path!r} begins at the root of the disk",
                raw._replace(path=inside),
            )
        if raw.path in self.numbers:
            message = f"the label {raw.path!r} stands before the path"
            yield "label-path-exchanged", message, raw._replace(path=raw.label, label=raw.path)
        if same := self.paths.other_capitals(raw.path):
            yield "path-case", f"path {raw.path!r}, the file is {same!r}", raw._replace(path=same)
        columns = text.split()
        if (
            len(columns) == 7
            and raw.numbers is None
            and all(_WHOLE.fullmatch(column) for column in columns[2:6])
        ):
            whole = [str(int(column.partition(".")[0])) for column in columns[2:6]]
            meant = self._split(" ".join([*columns[:2], *whole, columns[6]]))
            if meant.numbers is not None:
                yield (
                    "columns-not-numbers",
                    f"frame numbers are written as {' '.join(columns[2:6])}",
                    meant,
                )

    def _label(self, place: Place, raw: RawLine) -> RawLine:
        label = raw.label
        if label.lstrip("+-").isdecimal():
            self.findings.add(
                place,
                "label-out-of-range",
                f"label {label}",
                f"0 to {len(self.labels) - 1}, or a class name",
            )
            return raw
        same = [name for name in self.labels if name.casefold() == label.casefold()]
        repair = (
            f"write {same[0]!r}"
            if len(same) == 1
            else "write a class name, or add the class to classes.json"
        )
        self.findings.add(
            place, "label-unknown", f"no class {label!r}{nearest(label, self.labels)}", repair
        )
        return raw._replace(label=same[0]) if len(same) == 1 else raw

    # --- numbers ----------------------------------------------------------------------------------------------

    def _numbers(self, place: Place, raw: RawLine) -> tuple[RawLine, bool]:
        """The line with exchanged columns put right, and whether its numbers are sound then."""
        if raw.numbers is None:
            return raw, True
        clip_start, clip_end, video_start, video_end, rate = raw.numbers
        if (
            0 <= video_start <= clip_start < clip_end <= video_end
            and MIN_RATE_FPS <= rate <= MAX_RATE_FPS
        ):
            return raw, True
        wrong_rate, wrong = self._rate(place, rate), self._order(place, raw)
        if not wrong and not video_start <= clip_start < clip_end <= video_end:
            outside = f"the clip {clip_start} to {clip_end} is not inside the video {video_start} to {video_end}"
            if clip_start <= video_start < video_end <= clip_end:
                raw = raw._replace(numbers=(video_start, video_end, clip_start, clip_end, rate))
                self.findings.add(
                    place,
                    "columns-exchanged",
                    f"{outside}: columns 3-4 are the clip",
                    f"write {line_text(raw)!r}",
                )
                return raw, not wrong_rate
            self.findings.add(
                place,
                "clip-outside-video",
                outside,
                "clip_start and clip_end between video_start and video_end",
            )
            wrong = True
        return raw, not (wrong or wrong_rate)

    def _rate(self, place: Place, rate: float) -> bool:
        if rate <= 0:
            self.findings.add(
                place,
                "rate-not-positive",
                f"frame rate {rate:g}",
                "the rate at which the video was filmed, above 0",
            )
        elif not MIN_RATE_FPS <= rate <= MAX_RATE_FPS:
            self.findings.add(
                place,
                "rate-unlikely",
                f"frame rate {rate:g}",
                "frames a second, at which the video was filmed",
            )
        return not MIN_RATE_FPS <= rate <= MAX_RATE_FPS

    def _order(self, place: Place, raw: RawLine) -> bool:
        assert raw.numbers is not None
        wrong = min(raw.numbers[:4]) < 0
        if wrong:
            self.findings.add(
                place, "negative-number", f"frame number {min(raw.numbers[:4])}", "0 or more"
            )
        for name, start, end in (("clip", *raw.numbers[:2]), ("video", *raw.numbers[2:4])):
            if end <= start:
                kind = "zero-length" if end == start else "end-before-start"
                self.findings.add(
                    place,
                    kind,
                    f"{name}_start {start}, {name}_end {end}",
                    "an end behind the start (it is exclusive)",
                )
                wrong = True
        return wrong

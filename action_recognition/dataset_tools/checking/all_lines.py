"""All lines of the annotation files, one after the other, in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from action_recognition.data.annotation_lines import COLUMNS
from action_recognition.dataset_tools.checking.findings import Findings, Place
from action_recognition.dataset_tools.checking.single_line import LineChecker, Row

MAX_LINE_LENGTH = 8192
"""Characters; a path has at most 4096 (PATH_MAX of Linux)."""
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SAID_EVERY = 10_000

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


def open_text(ann_file: Path) -> TextIO:
    """The lines of an annotation file, whatever it holds: UTF-16 is told by its mark, and bytes that are not UTF-8 become surrogates."""
    if is_utf16(ann_file):
        return ann_file.open(encoding="utf-16", errors="replace")
    return ann_file.open(encoding="utf-8-sig", errors="surrogateescape")


def numbered_texts(ann_file: Path) -> Iterator[tuple[int, str]]:
    """As `annotation_lines.numbered_lines`, but of any text, see `open_text`, and with long lines cut."""
    with open_text(ann_file) as lines:
        for number, line in enumerate(_cut_lines(lines), start=1):
            text = line.strip()
            if text and not text.startswith("#"):
                yield number, text


def check_rows(
    pairs: Sequence[tuple[Path, Path]],
    labels: Sequence[str],
    findings: Findings,
    progress: Progress,
) -> Iterator[Row]:
    """The rows of all files (annotation file, root) whose files are there; what is wrong with a line goes into `findings`."""
    total, done = sum(file.stat().st_size for file, _ in pairs), 0
    for file_number, (ann_file, root) in enumerate(pairs):
        whole_file = Place(file_number, 0)
        if is_utf16(ann_file):
            findings.add(whole_file, "encoding", "the file is UTF-16", "save it as UTF-8")
        checker = LineChecker(root, labels, findings)
        number_before = num_lines = 0
        for number, text in numbered_texts(ann_file):
            num_lines += 1
            done += (number - number_before) + len(text)
            number_before = number
            if num_lines % _SAID_EVERY == 0:
                progress(min(done, total), total)
            place = Place(file_number, number)
            if len(text) > MAX_LINE_LENGTH:
                findings.add(
                    place, "line-too-long", f"more than {MAX_LINE_LENGTH} characters", COLUMNS
                )
                continue
            row = checker.check(place, text)
            if row is not None:
                yield row
        if num_lines == 0:
            findings.add(whole_file, "no-clips", "the file holds no clip", f"lines of {COLUMNS}")
        _check_line_ends(ann_file, whole_file, findings)
    progress(total, total)


def _cut_lines(lines: TextIO) -> Iterator[str]:
    """Lines of at most `MAX_LINE_LENGTH` characters and a few; the rest of a longer one is read and forgotten."""
    while line := lines.readline(MAX_LINE_LENGTH + 2):
        part = line
        while part and not part.endswith("\n"):
            part = lines.readline(MAX_LINE_LENGTH)
        yield line


def is_utf16(file: Path) -> bool:
    """True for a file that begins with a mark of UTF-16."""
    with file.open("rb") as opened:
        return opened.read(2) in _UTF16_MARKS


def _check_line_ends(file: Path, whole_file: Place, findings: Findings) -> None:
    """Note line ends of several kinds in the first part of a file: some editor or script has changed a part of it."""
    with open_text(file) as opened:
        opened.read(1 << 16)
        kinds = opened.newlines
    if isinstance(kinds, tuple):
        names = {"\r\n": "Windows", "\n": "Unix", "\r": "old Mac"}
        found = ", ".join(names[kind] for kind in kinds)
        findings.add(
            whole_file,
            "note-line-endings",
            f"line ends of several systems: {found}",
            "save it with one kind",
        )

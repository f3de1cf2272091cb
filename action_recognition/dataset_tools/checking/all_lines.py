"""Read all lines of the annotation files, one after the other, and the labels in them.

A file of a million lines is read in little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from action_recognition.data.annotation_files import FoundFiles
from action_recognition.data.annotation_lines import COLUMNS, split_line
from action_recognition.data.labels import CLASSES_FILE, MAX_NUMBERED_LABELS, training_labels
from action_recognition.dataset_tools.checking.findings import Findings, Place
from action_recognition.dataset_tools.checking.single_line import LineChecker, Row
from action_recognition.errors import UserError

MAX_LINE_LENGTH = 8192
"""Characters. A path has at most 4096 (PATH_MAX of Linux)."""
# Byte-order marks of little and of big endian.
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SYSTEM_OF_LINE_END = {"\r\n": "Windows", "\n": "Unix", "\r": "old Mac"}
_PROGRESS_EVERY = 10_000

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


class Labels(NamedTuple):
    """Class names in their order.

    `are_given` is False where only the annotation files tell them. `says` tells where they are
    from, and `file` is the classes.json that has them.
    """

    names: list[str]
    are_given: bool
    says: str
    file: Path | None = None


def open_text(ann_file: Path) -> TextIO:
    """Open an annotation file as text, whatever it holds.

    UTF-16 is recognised by its mark. Bytes that are not UTF-8 become surrogates.
    """
    if is_utf16(ann_file):
        return ann_file.open(encoding="utf-16", errors="replace")
    return ann_file.open(encoding="utf-8-sig", errors="surrogateescape")


def is_utf16(file: Path) -> bool:
    """Return True for a file that begins with a mark of UTF-16."""
    with file.open("rb") as opened:
        return opened.read(2) in _UTF16_MARKS


def numbered_texts(ann_file: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines, as `annotation_lines.numbered_lines` does.

    It takes any text (see `open_text`) and cuts long lines.
    """
    with open_text(ann_file) as lines:
        for number, line in enumerate(_cut_lines(lines), start=1):
            text = line.strip()
            if text and not text.startswith("#"):
                yield number, text


def find_labels(
    pairs: FoundFiles,
    classes: Sequence[str] | None,
    template_labels: Sequence[str],
    findings: Findings,
) -> Labels:
    """Return the labels that training takes, see `labels.training_labels`.

    Where they are wrong, note why, and return what the lines tell instead.
    """
    files, roots = [file for file, _ in pairs], [root for _, root in pairs]
    try:
        names, says = training_labels(files, classes, template_labels, roots)
    except UserError as error:
        _note_label_problems(error, findings)
        return _labels_in_use(files)

    # The same places in which training looks for classes.json.
    candidates = (folder / CLASSES_FILE for folder in (files[0].parent, roots[0]))
    file = None if classes else next((file for file in candidates if file.is_file()), None)
    are_given = bool(classes or file or names == list(template_labels))
    return Labels(names, are_given, says, file)


def check_rows(
    pairs: FoundFiles, labels: Sequence[str], findings: Findings, progress: Progress
) -> Iterator[Row]:
    """Yield the rows of all files whose media files exist. Note what is wrong with a line."""
    total = sum(file.stat().st_size for file, _ in pairs)
    meter = _Meter(total, progress)
    for file_number, (ann_file, root) in enumerate(pairs):
        whole_file = Place(file_number, 0)
        if is_utf16(ann_file):
            findings.add(whole_file, "encoding", "the file is UTF-16", "save it as UTF-8")

        checker = LineChecker(root, labels, findings)
        num_lines = 0
        for number, text in meter.passed(numbered_texts(ann_file)):
            num_lines += 1
            row = _check_line(checker, Place(file_number, number), text)
            if row is not None:
                yield row

        if num_lines == 0:
            findings.add(whole_file, "no-clips", "the file holds no clip", f"lines of {COLUMNS}")
        _check_line_ends(ann_file, whole_file, findings)
    progress(total, total)


class _Meter:
    """Estimate the bytes that are read, from the characters of the lines."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done = 0

    def passed(self, texts: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Pass the lines of one file on, and report progress now and then."""
        number_before = 0
        for num_lines, (number, text) in enumerate(texts, start=1):
            # Each line counts its line break, and those of the lines that were passed over.
            self._done += (number - number_before) + len(text)
            number_before = number
            if num_lines % _PROGRESS_EVERY == 0:
                self._progress(min(self._done, self._total), self._total)
            yield number, text


def _check_line(checker: LineChecker, place: Place, text: str) -> Row | None:
    if len(text) <= MAX_LINE_LENGTH:
        return checker.check(place, text)
    message = f"more than {MAX_LINE_LENGTH} characters"
    checker.findings.add(place, "line-too-long", message, COLUMNS)
    return None


def _cut_lines(lines: TextIO) -> Iterator[str]:
    """Yield lines of at most `MAX_LINE_LENGTH` characters and a few.

    The rest of a longer line is read and forgotten.
    """
    # Only the first part of a long line is kept, so that it fits in memory.
    while line := lines.readline(MAX_LINE_LENGTH + 2):
        part = line
        while part and not part.endswith("\n"):
            part = lines.readline(MAX_LINE_LENGTH)
        yield line


def _check_line_ends(file: Path, whole_file: Place, findings: Findings) -> None:
    """Note line ends of several kinds in the first part of a file.

    They show that some editor or script has changed a part of it.
    """
    with open_text(file) as opened:
        opened.read(1 << 16)
        kinds = opened.newlines
    if isinstance(kinds, tuple):
        found = ", ".join(_SYSTEM_OF_LINE_END[kind] for kind in kinds)
        message = f"line ends of several systems: {found}"
        findings.add(whole_file, "note-line-endings", message, "save it with one kind")


def _note_label_problems(error: UserError, findings: Findings) -> None:
    for problem in error.problems:
        # A line that is not UTF-8 is noted when it is read.
        if "UTF-8" not in problem.found:
            message = f"{problem.where}: {problem.found}"
            findings.add(Place(0, 0), "labels", message, problem.allowed or problem.fix)


def _labels_in_use(files: Sequence[Path]) -> Labels:
    """Return the labels that the lines use: words or numbers, whichever are more."""
    used = {split_line(text).label for file in files for _, text in numbered_texts(file)}
    words = sorted(label for label in used if not label.isdecimal())
    # Numbers of seven digits or more are no labels.
    numbers = [int(label) for label in used if label.isdecimal() and len(label) < 7]

    if len(words) >= len(numbers):
        return Labels(words, False, "labels: the words that the lines end in")

    num_labels = min(max(numbers) + 1, MAX_NUMBERED_LABELS)
    names = [str(number) for number in range(num_labels)]
    return Labels(names, False, "labels: the numbers that are used")

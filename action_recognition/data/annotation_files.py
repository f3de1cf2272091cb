"""One scan of a run's annotation files, for what a run must know before it reads their clips."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.data.annotation_lines import numbered_lines_of, split_line
from action_recognition.errors import Problem, user_error

# Present beside annotation files while a command puts several of them in place.
UNFINISHED_FILE = ".unfinished"
FoundFiles = Sequence[tuple[Path, Path]]
"""Annotation files, each with its data root, as `find_annotation_files` returns them."""


@dataclass(frozen=True)
class AnnotationScan:
    """The labels that files use, the number of their lines, and the SHA-256 of each file.

    `labels` are as written: class names and numbers, whether they are known or not.
    """

    labels: frozenset[str]
    num_lines: int
    sha256: Mapping[Path, str]


def unfinished_problems(folder: Path) -> list[Problem]:
    """Return a problem if a command was cut off while it replaced the annotation files there."""
    if not (folder / UNFINISHED_FILE).exists():
        return []
    found = "a command was cut off while it replaced the files here: some are old, some are new"
    return [Problem(str(folder), found, fix="run that command again, with --force if it has it")]


def scan_annotation_files(files: Iterable[Path], known_labels: Sequence[str]) -> AnnotationScan:
    """Read each file once. Names with blanks are recognised where they are among `known_labels`.

    Raises UserError: a file cannot be read, or is not UTF-8.
    """
    with_blanks = [name for name in known_labels if len(name.split()) > 1]

    labels: set[str] = set()
    sums: dict[Path, str] = {}
    num_lines = 0
    for file in dict.fromkeys(files):
        try:
            data = file.read_bytes()
        except OSError as error:
            raise user_error(str(file), f"cannot be read ({error.strerror})") from None

        # The same bytes give the checksum and the lines, so that both belong together.
        sums[file] = hashlib.sha256(data).hexdigest()
        lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig")
        for _, text in numbered_lines_of(lines, file):
            labels.add(split_line(text, with_blanks).label)
            num_lines += 1

    return AnnotationScan(frozenset(labels), num_lines, sums)

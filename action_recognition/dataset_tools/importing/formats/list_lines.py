"""Lines of lists: a path with whole numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from action_recognition.data.tables import read_text
from action_recognition.dataset_tools.importing.side_files import remembered


class Line(NamedTuple):
    """A line of a list: path, the whole numbers behind it, and `file:line`."""

    path: str
    numbers: tuple[int, ...]
    where: str


def read_lines(file: Path) -> list[Line]:
    """Return the lines of a list. It is empty where one of them is of another form.

    As many numbers are taken from the end of each line as all lines have, three at most.
    """
    return remembered(("lines", file), lambda: _parsed_lines(file))


def _parsed_lines(file: Path) -> list[Line]:
    lines = []
    for number, text in enumerate(read_text(file)[0].split("\n"), start=1):
        words = (text.replace(",", " ") if file.suffix.lower() == ".csv" else text).split()
        if words and not words[0].startswith("#"):
            lines.append((number, words))
    counts = [_trailing_numbers(words) for _, words in lines]
    taken = min([*counts, 3])

    # Seven columns end with a rate, and a label that is a word is of other lists.
    if max(counts, default=0) > 3 or (taken == 0 and any(len(words) > 1 for _, words in lines)):
        return []
    return [
        Line(
            " ".join(words[: len(words) - taken]),
            tuple(map(int, words[len(words) - taken :])),
            f"{file}:{number}",
        )
        for number, words in lines
    ]


def _trailing_numbers(words: Sequence[str]) -> int:
    """Return how many words at the end are whole numbers. The first word is the path."""
    count = 0
    while count < len(words) - 1 and words[-1 - count].isdecimal() and len(words[-1 - count]) < 10:
        count += 1
    return count

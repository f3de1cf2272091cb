"""Parts of one annotation line: `path label`, or the seven columns of `COLUMNS`.

A line is read from its right end, because paths and class names may hold blanks. The five numbers
are the last columns, and the label precedes them. A label of digits only is a number.

A class name with blanks is recognised when it is a known label. The longest that fits is taken. Of
an unknown name only the last word is seen. Blank lines and lines that begin with `#` are skipped.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from action_recognition.errors import user_error

COLUMNS = "path label clip_start clip_end video_start video_end fps"
Numbers = tuple[int, int, int, int, float]
"""clip_start, clip_end, video_start, video_end, fps."""

# Above the rate of any camera. A higher one would take sampling beyond whole numbers.
HIGHEST_RATE_FPS = 1e6
# A thousand years of video. A larger number does not fit into the columns of a clip table.
_MAX_FRAME_NUMBER = 10**12


class RawLine(NamedTuple):
    """One line, cut into its parts.

    `numbers` is None when the last five columns are not four frame numbers and a rate.
    """

    path: str
    label: str
    numbers: Numbers | None


def numbered_lines(ann_file: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every line that is neither blank nor a comment.

    Raises UserError: the file cannot be read, or is not UTF-8.
    """
    try:
        with ann_file.open(encoding="utf-8-sig") as lines:
            yield from numbered_lines_of(lines, ann_file)
    except OSError as error:
        raise user_error(str(ann_file), f"cannot be read ({error.strerror})") from None


def numbered_lines_of(lines: Iterable[str], ann_file: Path) -> Iterator[tuple[int, str]]:
    """Yield as `numbered_lines`, from lines that are open already. Errors name `ann_file`.

    Raises UserError: the file is not UTF-8.
    """
    try:
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if text and not text.startswith("#"):
                yield number, text
    except UnicodeDecodeError as error:
        found = f"is not a text file in UTF-8 ({error.reason})"
        raise user_error(str(ann_file), found, fix="save it as UTF-8") from None


def split_line(text: str, names_with_blanks: Collection[str] = ()) -> RawLine:
    """Cut a line into path, label and numbers. `path` is empty when the line has one column.

    >>> split_line("videos/a b.mp4 Stop Sign 0 90 0 120 29.97", ["Stop Sign"])
    RawLine(path='videos/a b.mp4', label='Stop Sign', numbers=(0, 90, 0, 120, 29.97))
    >>> split_line("videos/a b.mp4 3")
    RawLine(path='videos/a b.mp4', label='3', numbers=None)
    """
    # The last five columns are numbers, or the line ends with its label.
    columns = text.rsplit(None, 5)
    numbers = _numbers(columns[1:]) if len(columns) == 6 else None
    rest = text if numbers is None else columns[0]

    path, label = _split_label(rest, names_with_blanks)
    return RawLine(path, label, numbers)


def annotation_line(path: str, label: str, numbers: Numbers | None) -> str | None:
    r"""Return `path label [numbers]` as a line of a file, or None when it could not be read back.

    >>> annotation_line("a b.mp4", "3", (0, 90, 0, 120, 29.97))
    'a b.mp4 3 0 90 0 120 29.97'
    >>> annotation_line("a\nb.mp4", "3", None) is None
    True
    """
    # A leading `#` would be a comment, a leading blank would be stripped.
    path = f"./{path}" if path[:1] == "#" or path[:1].isspace() else path
    columns = "" if numbers is None else " {} {} {} {} {:.7g}".format(*numbers)
    line = f"{path} {label}{columns}"

    # File names may hold bytes that are no UTF-8, but an annotation file may not.
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return None

    # A path or label that looks like other columns would be read differently.
    raw = split_line(line.strip())
    is_one_line = "\n" not in line and "\r" not in line
    is_read_back = is_one_line and raw.path == path and raw.label == label
    return line if is_read_back and (raw.numbers is None) == (numbers is None) else None


def _numbers(columns: list[str]) -> Numbers | None:
    """Return the last five columns as numbers, or None when they are anything else."""
    try:
        clip_start, clip_end, video_start, video_end = map(int, columns[:4])
        rate = float(columns[4])
    except ValueError:
        return None

    numbers = (clip_start, clip_end, video_start, video_end, rate)
    return numbers if math.isfinite(rate) and max(numbers[:4]) <= _MAX_FRAME_NUMBER else None


def _split_label(text: str, names_with_blanks: Collection[str]) -> tuple[str, str]:
    """Return path and label of a line without its numbers."""
    if names_with_blanks:
        # A blank before the name, so that "Sign" does not end "StopSign".
        fitting = [
            name
            for name in names_with_blanks
            if text.endswith(name) and text[: -len(name)][-1:].isspace()
        ]
        if fitting:
            label = max(fitting, key=len)
            return text[: -len(label)].rstrip(), label

    # Without one, the last word is the label.
    path, *label_column = text.rsplit(None, 1)
    return (path, label_column[0]) if label_column else ("", path)

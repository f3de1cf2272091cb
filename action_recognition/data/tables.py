"""CSV files as people have them.

UTF-8 with or without a byte order mark, UTF-16 or Latin-1, separated by commas, semicolons or tabs.
"""

from __future__ import annotations

import codecs
import csv
from pathlib import Path
from typing import NamedTuple

from action_recognition.errors import user_error
from action_recognition.files import check_plain_file

_SEPARATORS = ";,\t"  # in a tie the first
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Row(NamedTuple):
    """One row. `where` is `file:line`."""

    where: str
    cells: list[str]


class NamedRows(NamedTuple):
    """Rows below a line of column names (lower case)."""

    header: list[str]
    rows: list[Row]


class Table(NamedTuple):
    """The rows of a file that are not empty.

    `remark` tells how an unusual encoding was read, else it is empty.
    """

    file: Path
    rows: list[Row]
    remark: str

    def with_header(self) -> NamedRows:
        """Take the first row as column names. Raises UserError: the file is empty."""
        if not self.rows:
            raise user_error(str(self.file), "is empty", "a line of column names, then rows")
        return NamedRows([cell.strip().lower() for cell in self.rows[0].cells], self.rows[1:])


def read_text(file: Path) -> tuple[str, str]:
    """Return the text of a file, and a remark on its encoding, empty for UTF-8.

    Raises UserError: the file cannot be read.
    """
    check_plain_file(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise user_error(str(file), f"cannot be read ({error.strerror})") from None

    if data.startswith(_UTF16_MARKS):
        return data.decode("utf-16", errors="replace"), f"{file}: read as UTF-16"
    if b"\0" in data:
        found = "is not a text file (it holds zero bytes)"
        raise user_error(str(file), found, fix="save it as CSV in UTF-8")
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        remark = f"{file}: is not UTF-8, read as Latin-1; look at its names with accents"
        return data.decode("latin-1"), remark


def read_table(file: Path) -> Table:
    """Read all rows with their line numbers.

    The separator is the one that the first line has most of. Raises UserError: the file or one of
    its rows cannot be read.
    """
    text, remark = read_text(file)
    lines = text.splitlines(keepends=True)
    first = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=max(_SEPARATORS, key=first.count))

    rows = []
    try:
        for cells in reader:
            # Blank rows are left out, but they count as lines.
            if any(cell.strip() for cell in cells):
                rows.append(Row(f"{file}:{reader.line_num}", cells))
    except csv.Error as error:
        where = f"{file}:{reader.line_num}"
        raise user_error(where, f"is not a CSV row ({error})", fix="close its quotes") from None
    return Table(file, rows, remark)

"""The person in a clip: by a regular expression over its path, or by a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from action_recognition.data.tables import read_table
from action_recognition.errors import Problem, UserError, user_error

_PROBLEMS_SHOWN = 5
_PATH_COLUMNS = ("file", "path", "video", "clip")
_PERSON_COLUMNS = ("person", "signer", "signer_id", "subject", "user", "participant")


def compile_person_regex(person_regex: str) -> re.Pattern[str]:
    """Compile the expression whose first group is the person.

    Raises UserError: it is not a regular expression, or it has no group.
    """
    example = r"a group around the person's name, as in '(p\d+)_'"
    try:
        pattern = re.compile(person_regex)
    except re.error as error:
        found = f"{person_regex!r} is not a regular expression ({error})"
        raise user_error("--person-regex", found, example) from None
    if pattern.groups < 1:
        raise user_error("--person-regex", f"{person_regex!r} has no group", example)
    return pattern


def people_by_regex(paths: Iterable[str], person_regex: str) -> dict[str, str]:
    """Return the person of every path: the first group of the expression, searched in the path.

    Raises UserError: the expression is wrong, or does not match some paths.
    """
    pattern = compile_person_regex(person_regex)
    people, without = {}, []
    for path in paths:
        match = pattern.search(path)
        if match and match.group(1):
            people[path] = match.group(1)
        else:
            without.append(path)

    if without:
        raise _no_person(without, person_regex)
    return people


def _no_person(paths: Sequence[str], person_regex: str) -> UserError:
    """Return the error for paths that the expression does not match: it names the first ones."""
    found = f"--person-regex {person_regex!r} finds no person in this path"
    fix = "an expression that fits every path, as '([^/_]+)_'"
    problems = [Problem(path, found, fix=fix) for path in paths[:_PROBLEMS_SHOWN]]
    hidden = len(paths) - _PROBLEMS_SHOWN
    if hidden > 0:
        problems.append(Problem("--person-regex", f"and {hidden} more paths like these"))
    return UserError(problems)


def people_by_table(file: Path) -> dict[str, str]:
    """Return the person of every path of a CSV with a column for each.

    Rows without a person are left out: nothing is known of them. Raises UserError: a column is
    missing.
    """
    rows = read_table(file).with_header()
    columns = [_column(rows.header, names, file) for names in (_PATH_COLUMNS, _PERSON_COLUMNS)]

    # Rows that end before one of the columns are left out, too.
    pairs = (
        (row.cells[columns[0]].strip(), row.cells[columns[1]].strip())
        for row in rows.rows
        if len(row.cells) > max(columns)
    )
    return {path: person for path, person in pairs if person}


def _column(header: list[str], names: tuple[str, ...], file: Path) -> int:
    """Return the number of the first of these columns. Raises UserError: there is none of them."""
    for name in names:
        if name in header:
            return header.index(name)
    wanted = " or ".join(map(repr, names))
    raise user_error(str(file), f"has no column {wanted}", f"found: {', '.join(header)}")

"""The one way in which JSON is read: bounded, and with errors that a user can correct.

Python's reader raises RecursionError for lists in lists in lists, and costs time that grows with
the square of a number's digits, up to a limit of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from action_recognition.errors import user_error
from action_recognition.files import check_plain_file

# Annotation files of public sets have some hundred MB.
_MAX_BYTES = 2_000_000_000


def parse_json(text: str | bytes, is_by_hand: bool = False) -> Any:
    """Decode JSON. Raises ValueError for every text that cannot be decoded.

    In files that people write by hand, a key that stands twice is an error: one of its values would
    be lost without a word.

    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ValueError: it is nested too deeply
    """
    try:
        return json.loads(text, object_pairs_hook=_unique if is_by_hand else None)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(file: Path, form: str = "", fix: str = "", is_by_hand: bool = False) -> Any:
    """Read a JSON file (UTF-8). `form` is an example of its content, for the errors.

    Raises UserError: the file cannot be read, or `parse_json` refuses it.
    """
    check_plain_file(file, _MAX_BYTES)
    try:
        return parse_json(file.read_text(encoding="utf-8-sig"), is_by_hand)
    except json.JSONDecodeError as error:
        where, found = f"{file}:{error.lineno}", f"is not valid JSON ({error.msg})"
    except OSError as error:
        where, found = str(file), f"cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        where, found = str(file), "cannot be read (not UTF-8)"
    except ValueError as error:
        where, found = str(file), f"is not valid JSON ({error})"
    raise user_error(where, found, form, fix) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice")
        found[key] = value
    return found

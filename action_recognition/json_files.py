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


def parse_json(text: str | bytes) -> Any:
    """Decode JSON. Raises ValueError for every text that cannot be decoded.

    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ValueError: it is nested too deeply
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(file: Path, form: str = "", fix: str = "") -> Any:
    """Read a JSON file (UTF-8). `form` is an example of its content, for the errors.

    Raises UserError: the file cannot be read, or it is not JSON.
    """
    check_plain_file(file, _MAX_BYTES)
    try:
        return parse_json(file.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        where, found = f"{file}:{error.lineno}", f"is not valid JSON ({error.msg})"
    except OSError as error:
        where, found = str(file), f"cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        where, found = str(file), "cannot be read (not UTF-8)"
    except ValueError as error:
        where, found = str(file), f"is not valid JSON ({error})"
    raise user_error(where, found, form, fix) from None

"""JSON files that a user writes by hand, with errors that name the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from action_recognition.errors import user_error


def read_json(file: Path, form: str) -> Any:
    """Read a JSON file (UTF-8). `form` is an example of its content, for the errors.

    Raises UserError: the file cannot be read, or it is not JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise user_error(str(file), f"cannot be read ({reason})", form) from None
    except json.JSONDecodeError as error:
        raise user_error(
            f"{file}:{error.lineno}", f"is not valid JSON ({error.msg})", form
        ) from None

"""The file that holds the rules of the decision: `decision.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.files import write_json
from action_recognition.live.decision import DecisionRules

_FORM = '{"onset": 0.6, ...}'


def read_rules(file: Path) -> DecisionRules:
    """Read rules from a JSON object whose keys are the fields of `DecisionRules`.

    Raises UserError: the file cannot be read, or it has unknown keys or values that are not
    allowed. All wrong keys, or all wrong values, are named together.
    """
    found = _read_object(file)
    _check_keys(file, found)

    # The rules check their values. The file is added to their problems.
    try:
        return DecisionRules(**found)
    except UserError as error:
        raise UserError(
            Problem(f"{file}: {item.where}", item.found, item.allowed) for item in error.problems
        ) from None


def write_rules(file: Path, rules: DecisionRules) -> None:
    """Write rules as `read_rules` reads them."""
    write_json(file, asdict(rules), indent=2)


def _check_keys(file: Path, found: Iterable[str]) -> None:
    """Raise a UserError that names all keys that are not fields of `DecisionRules`."""
    names = [item.name for item in fields(DecisionRules)]
    unknown = [
        Problem(f"{file}: {key}", f"is not a known key{nearest(key, names)}", ", ".join(names))
        for key in found
        if key not in names
    ]
    if unknown:
        raise UserError(unknown)


def _read_object(file: Path) -> dict[str, Any]:
    """Read a JSON object. Raises UserError: anything else."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise user_error(str(file), f"cannot be read ({reason})") from None
    except json.JSONDecodeError as error:
        raise user_error(
            f"{file}:{error.lineno}", f"is not valid JSON ({error.msg})", _FORM
        ) from None
    if not isinstance(found, dict):
        raise user_error(str(file), f"holds a {type(found).__name__}", _FORM)
    return found

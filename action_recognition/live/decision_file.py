"""The file that holds the rules of the decision: `decision.json`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.files import write_json
from action_recognition.live.decision import DecisionRules
from action_recognition.live.json_file import read_json

_FORM = '{"onset": 0.6, ...}'


def read_rules(file: Path) -> DecisionRules:
    """Read rules from a JSON object whose keys are the fields of `DecisionRules`.

    Raises UserError: the file cannot be read, or it has unknown keys or values that are not
    allowed. All wrong keys, or all wrong values, are named together.
    """
    found = read_json(file, _FORM)
    if not isinstance(found, dict):
        raise user_error(str(file), f"holds a {type(found).__name__}", _FORM)
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

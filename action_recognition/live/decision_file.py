"""The file that holds the rules of the decision: `decision.json`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.files import write_json
from action_recognition.json_files import read_json
from action_recognition.live.decision_rules import DecisionRules

_FORM = '{"onset": 0.6, ...}'


def read_rules(file: Path, labels: Sequence[str] | None = None) -> DecisionRules:
    """Read rules from a JSON object whose keys are the fields of `DecisionRules`.

    `labels` are those of the model, for which the rules are.
    Raises UserError: the file cannot be read, or it has unknown keys or labels, or values that are
    not allowed. All wrong keys, or all wrong values, are named together.
    """
    return rules_from(read_json(file, _FORM, is_by_hand=True), str(file), labels)


def rules_from(found: object, where: str, labels: Sequence[str] | None = None) -> DecisionRules:
    """Return the rules that decoded JSON holds. `where` is its place, for messages.

    Errors: those of `read_rules`, except of the file itself.
    """
    if not isinstance(found, dict):
        raise user_error(where, f"holds a {type(found).__name__}", _FORM)
    _check_names(where, found, [item.name for item in fields(DecisionRules)], "key")

    # The rules check their values. The place is added to their problems.
    try:
        rules = DecisionRules(**found)
    except UserError as error:
        raise UserError(
            Problem(f"{where}: {item.where}", item.found, item.allowed) for item in error.problems
        ) from None
    if labels is not None:
        _check_names(where, rules.labels, labels, "label of the model")
    return rules


def write_rules(file: Path, rules: DecisionRules) -> None:
    """Write rules as `read_rules` reads them."""
    write_json(file, asdict(rules), indent=2, ensure_ascii=False)


def _check_names(where: str, found: Iterable[str], names: Sequence[str], what: str) -> None:
    """Raise a UserError that names all of `found` that are not among `names`."""
    unknown = [
        Problem(f"{where}: {key}", f"is not a known {what}{nearest(key, names)}", ", ".join(names))
        for key in found
        if key not in names
    ]
    if unknown:
        raise UserError(unknown)

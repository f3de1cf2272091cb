"""`personal.json` beside a model: thresholds for one person. The model itself stays as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.files import sha256_of, write_json
from action_recognition.json_files import read_json

PERSONAL_FILE: Final = "personal.json"
PERSONAL_IN_USE: Final = "thresholds for one person, in the place of the model's own"
"""What a program that takes the file says of it."""
_FORMAT: Final = 1
_AGAIN: Final = "make it again with calibrate.py --personal"


@dataclass(frozen=True)
class Personal:
    """What was fitted for one person.

    Attributes:
        model_sha256: the sum of the model's files that it belongs to.
        thresholds: by label, the least probability of a single clip, 0..1.
        decision: the rules of the live decision, as in `decision.json`. Its onsets are the whole
            thresholds of their labels: those of the model are not looked at.
        made_from: counts of the films and examples, for people.

    """

    model_sha256: str
    thresholds: Mapping[str, float]
    decision: Mapping[str, Any]
    made_from: Mapping[str, Any]

    def applied(self, metadata: DeployMetadata) -> DeployMetadata:
        """Return the metadata with the thresholds of this person."""
        return replace(metadata, thresholds=dict(self.thresholds))


def model_sha256(model: Path) -> str:
    """Return one sum over the files of a model: an IR has its weights in a second file."""
    beside = [model.with_suffix(".bin")] if model.suffix == ".xml" else [Path(f"{model}.data")]
    files = [model, *(file for file in beside if file.is_file())]
    sums = [sha256_of(file) for file in files]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def write_personal(file: Path, personal: Personal) -> None:
    """Write the file as `read_personal` reads it."""
    content = {
        "format": _FORMAT,
        "model_sha256": personal.model_sha256,
        "thresholds": dict(personal.thresholds),
        "decision": dict(personal.decision),
        "made_from": dict(personal.made_from),
    }
    write_json(file, content, indent=2, ensure_ascii=False)


def is_personal(file: Path) -> bool:
    """Return True for a file that `write_personal` wrote, for whatever model."""
    try:
        found = read_json(file)
    except UserError:
        return False
    return isinstance(found, dict) and "model_sha256" in found and "made_from" in found


def read_personal(file: Path, model: Path, labels: Sequence[str]) -> Personal:
    """Read the file for a model with these labels.

    Raises UserError: it cannot be read, is damaged or of a newer format, or was fitted to another
    model. The rules in it are checked by `live.decision_file`.
    """
    found = read_json(file, fix=_AGAIN)
    if not isinstance(found, dict) or "model_sha256" not in found:
        raise user_error(str(file), "is no personal tuning of a model", fix=_AGAIN)
    if found.get("format") != _FORMAT:
        text = f"found format {found.get('format')!r}"
        raise user_error(str(file), text, str(_FORMAT), "update this package, or " + _AGAIN)
    if found["model_sha256"] != model_sha256(model):
        text = f"was fitted to another model than {model}"
        fix = f"name the model that it was made for, or {_AGAIN} for this one"
        raise user_error(str(file), text, fix=fix)

    problems = [
        Problem(f"{file}: {name}", f"found {str(found.get(name))[:80]!r}", "an object", _AGAIN)
        for name in ("thresholds", "decision", "made_from")
        if not isinstance(found.get(name), dict)
    ]
    problems = problems or _threshold_problems(file, found["thresholds"], labels)
    if problems:
        raise UserError(problems)
    return Personal(
        found["model_sha256"], found["thresholds"], found["decision"], found["made_from"]
    )


def _threshold_problems(
    file: Path, thresholds: Mapping[str, Any], labels: Sequence[str]
) -> list[Problem]:
    problems = []
    for label, value in thresholds.items():
        where = f"{file}: thresholds.{label}"
        if label not in labels:
            found = f"is not a label of the model{nearest(label, labels)}"
            problems.append(Problem(where, found, ", ".join(labels)))
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            problems.append(Problem(where, f"found {value!r}", "0 to 1", _AGAIN))
    return problems

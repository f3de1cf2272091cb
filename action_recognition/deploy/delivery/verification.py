"""Verification of a delivered folder: sums, files, metadata, and equal scores in every form.

Needs no PyTorch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from action_recognition import console
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.protocol import Scores
from action_recognition.deploy.delivery.card import CARD_JSON_FILE
from action_recognition.deploy.delivery.folder import CLASSES_FILE, SIGNATURE_FILE
from action_recognition.deploy.delivery.made_clips import NUM_PLAIN_CLIPS, made_clips
from action_recognition.deploy.delivery.model_api import MODEL_API_FILE
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.hands.network_names import HAND_IR, PALM_IR
from action_recognition.json_files import parse_json, read_json

Say = Callable[[str], None]

_MODEL_SUFFIXES: Final = (".xml", ".onnx")
_LIMIT: Final = 1e-3
# Of a cosine. INT8 is coarse, and it was not calibrated on synthetic clips.
_LIMITS: Final = {"model_fp16": 1e-2, "model_int8": 0.3}
# Models with another input. Their sums are checked, not their scores.
_OTHER_INPUT: Final = ("model_stream", Path(MODEL_API_FILE).stem, PALM_IR, HAND_IR)
_FIX: Final = "copy the folder again from where it was exported, or export again"


def verify_folder(folder: Path, say: Say = console.say) -> list[str]:
    """Check everything, say what holds, and return the names of the models.

    Raises UserError: lists every problem of the first check that fails.
    """
    # Sums first: a damaged file need not be opened.
    problems, named = check_signature(folder)
    _raise_if(problems)
    say(f"{SIGNATURE_FILE}: {len(named)} files, all with the sums that it names")

    # Then the metadata of all models, and the labels of the files beside them.
    models = sorted(name for name in named if _is_compared(name))
    backends = {name: load_backend(folder / name) for name in models}
    metadata = {name: backend.metadata for name, backend in backends.items()}
    _raise_if(_differing_metadata(folder, metadata) + _differing_labels(folder, metadata))
    same = "the same labels, input and calibration"
    say(f"metadata: {len(models)} models, {same} in all and in {CLASSES_FILE} and {CARD_JSON_FILE}")

    # Then the scores, on synthetic clips without the plain ones.
    if models:
        clips = made_clips(metadata[models[0]], 2)[:-NUM_PLAIN_CLIPS]
        scores = {name: backend.scores(clips) for name, backend in backends.items()}
        _raise_if(_differing_scores(scores, say))
    return models


def check_signature(folder: Path) -> tuple[list[Problem], list[str]]:
    """Compare the files of a folder with its signature.

    Returns the problems and the names of the files in the signature.
    Raises UserError: there is no signature, or it cannot be read.
    """
    sums = _signed_sums(folder / SIGNATURE_FILE)
    problems = [_file_problem(folder, name, *facts) for name, facts in sums.items()]
    found = [problem for problem in problems if problem is not None]

    # A model that nobody signed may be of another export.
    for item in sorted(folder.iterdir()):
        if item.suffix in (*_MODEL_SUFFIXES, ".bin") and item.name not in sums:
            text = f"is a model that {SIGNATURE_FILE} does not name"
            found.append(Problem(str(item), text, fix="remove it, or make it again here"))
    return found, list(sums)


def _raise_if(problems: list[Problem]) -> None:
    if problems:
        raise UserError(problems)


def _is_compared(name: str) -> bool:
    """Return True for a model that takes whole clips, so that its scores can be compared."""
    return Path(name).suffix in _MODEL_SUFFIXES and not name.startswith(_OTHER_INPUT)


def _signed_sums(path: Path) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of each file by its name."""
    if not path.is_file():
        found = "there is no such file, so nothing says what belongs to the folder"
        raise user_error(str(path), found, fix="export again with export.py")

    try:
        files = parse_json(path.read_text(encoding="utf-8"))["files"]
        return {str(item["name"]): (int(item["size"]), str(item["sha256"])) for item in files}
    except (OSError, ValueError, KeyError, TypeError):
        raise user_error(str(path), "is not readable as a signature", fix=_FIX) from None


def _file_problem(folder: Path, name: str, size: int, sha256: str) -> Problem | None:
    """Return the difference between one file and its entry in the signature, if there is one."""
    # A name with a folder in it could lead out of this one.
    if Path(name).name != name or name in (".", ".."):
        found = f"names {name!r}, which is not a file of this folder"
        return Problem(str(folder / SIGNATURE_FILE), found, fix=_FIX)

    path = folder / name
    if not path.is_file():
        return Problem(str(path), "is missing", fix=_FIX)
    data = path.read_bytes()
    if len(data) != size:
        return Problem(str(path), f"has {len(data)} bytes", f"{size}", _FIX)
    if hashlib.sha256(data).hexdigest() != sha256:
        return Problem(str(path), "was changed or damaged: its sum differs", sha256, _FIX)
    return None


def _differing_metadata(folder: Path, found: Mapping[str, DeployMetadata]) -> list[Problem]:
    """Name every model with other metadata than the first, and the fields that differ."""
    problems = []
    first, expected = next(iter(found.items()), ("", None))

    for name, metadata in found.items():
        different = [
            key for key in vars(metadata) if getattr(metadata, key) != getattr(expected, key)
        ]
        if different:
            text = f"differs from {first} in {', '.join(different)}"
            problems.append(Problem(str(folder / name), text, fix=_FIX))
    return problems


def _differing_labels(folder: Path, found: Mapping[str, DeployMetadata]) -> list[Problem]:
    """Name classes.json and the card where their labels are not those of the models."""
    problems: list[Problem] = []
    if not found:
        return problems

    first, expected = next(iter(found.items()))
    for name, key in ((CLASSES_FILE, None), (CARD_JSON_FILE, "labels")):
        if not (folder / name).is_file():
            continue
        try:
            labels_there = _labels(folder / name, key)
        except UserError as error:
            problems.extend(error.problems)
            continue
        if labels_there != list(expected.labels):
            text, labels = f"has other labels than {first}", ", ".join(expected.labels[:8])
            problems.append(Problem(str(folder / name), text, labels, _FIX))
    return problems


def _labels(path: Path, key: str | None) -> Any:
    """Return the labels in a JSON file: under a key, or its whole content."""
    content = read_json(path, fix=_FIX)
    if key is None:
        return content
    return content.get(key) if isinstance(content, dict) else None


def _differing_scores(scores: Mapping[str, Scores], say: Say) -> list[Problem]:
    """Compare all models with the first one in FP32 and say their differences."""
    full = (name for name in ("model.xml", "model.onnx") if name in scores)
    first = next(full, next(iter(scores)))

    problems = []
    for name, found in scores.items():
        difference = float(np.abs(found - scores[first]).max())
        limit = _LIMITS.get(Path(name).stem, _LIMIT)
        if name != first:
            say(f"{name}: largest difference to {first} {difference:.1e} (limit {limit:g})")
        # NaN is a difference, too.
        if not difference <= limit:
            text = f"differs from {first} by {difference:.1e}"
            problems.append(Problem(name, text, f"at most {limit:g}", _FIX))
    return problems

"""Whether a delivered folder is whole and says one thing: sums, files, metadata, and the same scores in every form. No PyTorch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.protocol import Scores
from action_recognition.deploy.delivery.card import CARD_JSON_FILE
from action_recognition.deploy.delivery.folder import CLASSES_FILE, SIGNATURE_FILE
from action_recognition.deploy.delivery.made_clips import NUM_PLAIN_CLIPS, made_clips
from action_recognition.deploy.delivery.model_api import MODEL_API_FILE
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import Problem, UserError, user_error

_MODEL_SUFFIXES: Final = (".xml", ".onnx")
_LIMITS: Final = {
    "model_fp16": 1e-2,
    "model_int8": 0.3,
}  # of a cosine; INT8 is coarse, and made clips are not what it was calibrated on
_LIMIT: Final = 1e-3
_OTHER_INPUT: Final = (
    "model_stream",
    Path(MODEL_API_FILE).stem,
)  # fed otherwise: their sums are checked
_FIX: Final = "copy the folder again from where it was exported, or export again"


def verify_folder(folder: Path, say: Any = print) -> list[str]:
    """Check everything, say what holds, and return the names of the models. A `UserError` lists every problem."""
    problems, named = check_signature(folder)
    if problems:
        raise UserError(problems)
    say(f"{SIGNATURE_FILE}: {len(named)} files, all with the sums that it names")
    models = sorted(
        name
        for name in named
        if Path(name).suffix in _MODEL_SUFFIXES and not name.startswith(_OTHER_INPUT)
    )
    backends = {name: load_backend(folder / name) for name in models}
    problems = _one_meaning(folder, {name: backend.metadata for name, backend in backends.items()})
    if problems:
        raise UserError(problems)
    say(
        f"metadata: {len(models)} models, the same labels, input and calibration in all and in {CLASSES_FILE} and {CARD_JSON_FILE}"
    )
    if models:
        clips = made_clips(backends[models[0]].metadata, 2)[:-NUM_PLAIN_CLIPS]
        problems = _same_scores(
            {name: backend.scores(clips) for name, backend in backends.items()}, say
        )
    if problems:
        raise UserError(problems)
    return models


def check_signature(folder: Path) -> tuple[list[Problem], list[str]]:
    """What is wrong with the files of a folder by its signature, and the names that stand there. Errors: there is no signature."""
    path = folder / SIGNATURE_FILE
    if not path.is_file():
        raise user_error(
            str(path),
            "there is no such file, so nothing says what belongs to the folder",
            fix="export again with export.py",
        )
    try:
        listed: dict[str, Mapping[str, Any]] = {
            str(item["name"]): item
            for item in json.loads(path.read_text(encoding="utf-8"))["files"]
        }
        sums = {name: (int(item["size"]), str(item["sha256"])) for name, item in listed.items()}
    except (OSError, ValueError, KeyError, TypeError):
        raise user_error(str(path), "is not readable as a signature", fix=_FIX) from None
    problems = [
        problem for name, facts in sums.items() if (problem := _file_problem(folder, name, *facts))
    ]
    for item in sorted(folder.iterdir()):
        if item.suffix in (*_MODEL_SUFFIXES, ".bin") and item.name not in sums:
            problems.append(
                Problem(
                    str(item),
                    f"is a model that {SIGNATURE_FILE} does not name",
                    fix="remove it, or make it again here",
                )
            )
    return problems, list(sums)


def _file_problem(folder: Path, name: str, size: int, sha256: str) -> Problem | None:
    if Path(name).name != name or name in (".", ".."):
        return Problem(
            str(folder / SIGNATURE_FILE),
            f"names {name!r}, which is no file of this folder",
            fix=_FIX,
        )
    path = folder / name
    if not path.is_file():
        return Problem(str(path), "is missing", fix=_FIX)
    data = path.read_bytes()
    if len(data) != size:
        return Problem(str(path), f"has {len(data)} bytes", f"{size}", _FIX)
    if hashlib.sha256(data).hexdigest() != sha256:
        return Problem(str(path), "was changed or damaged: its sum is another", sha256, _FIX)
    return None


def _one_meaning(folder: Path, found: Mapping[str, DeployMetadata]) -> list[Problem]:
    """Every model's metadata are the same, and so are the labels of classes.json and the card."""
    problems = []
    first, expected = next(iter(found.items()), ("", None))
    for name, metadata in found.items():
        different = [
            key for key in vars(metadata) if getattr(metadata, key) != getattr(expected, key)
        ]
        if different:
            problems.append(
                Problem(
                    str(folder / name),
                    f"says something else than {first}: {', '.join(different)}",
                    fix=_FIX,
                )
            )
    if expected is None:
        return problems
    for name, key in ((CLASSES_FILE, None), (CARD_JSON_FILE, "labels")):
        if (folder / name).is_file():
            content = json.loads((folder / name).read_text(encoding="utf-8"))
            if (content if key is None else content.get(key)) != list(expected.labels):
                problems.append(
                    Problem(
                        str(folder / name),
                        f"has other labels than {first}",
                        ", ".join(expected.labels[:8]),
                        _FIX,
                    )
                )
    return problems


def _same_scores(scores: Mapping[str, Scores], say: Any) -> list[Problem]:
    """Compare all with the first FP32 form."""
    first = next(
        (name for name in ("model.xml", "model.onnx") if name in scores), next(iter(scores))
    )
    problems = []
    for name, found in scores.items():
        difference = float(np.abs(found - scores[first]).max())
        limit = _LIMITS.get(Path(name).stem, _LIMIT)
        if name != first:
            say(f"{name}: largest difference to {first} {difference:.1e} (limit {limit:g})")
        if not difference <= limit:
            problems.append(
                Problem(
                    name, f"differs from {first} by {difference:.1e}", f"at most {limit:g}", _FIX
                )
            )
    return problems

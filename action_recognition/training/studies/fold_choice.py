"""The network that folds decide on, and the file that says which checkpoints measured it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from action_recognition.errors import user_error
from action_recognition.files import write_json
from action_recognition.json_files import read_json

FOLDS_RECORD: Final = "folds.json"


@dataclass(frozen=True)
class FoldModel:
    """A model of a fold with the clips that it never saw.

    `weights` and `val_files` are below the study's folder. `val_roots` are as they were given.
    """

    weights: str
    val_files: tuple[str, ...]
    val_roots: tuple[str, ...]


def write_fold_models(folder: Path, models: Sequence[FoldModel]) -> None:
    """Write `folds.json`: the model of each fold, which eval.py and calibrate.py read."""
    rows = [
        {"weights": m.weights, "val_files": list(m.val_files), "val_roots": list(m.val_roots)}
        for m in models
    ]
    write_json(folder / FOLDS_RECORD, {"folds": rows})


def read_fold_models(folder: Path) -> list[FoldModel]:
    """Read `folds.json` of a study. Raises UserError: it is not there, or is none."""
    path = folder / FOLDS_RECORD
    if not path.is_file():
        fix = "name the folder of the checkpoints of train.py --folds"
        raise user_error(f"--folds {folder}", f"holds no {FOLDS_RECORD}", fix=fix)
    content = read_json(path, fix="train again")
    try:
        return [
            FoldModel(
                str(row["weights"]),
                tuple(map(str, row["val_files"])),
                tuple(map(str, row["val_roots"])),
            )
            for row in content["folds"]
        ]
    except (KeyError, TypeError):
        raise user_error(str(path), "is no record of folds", fix="train again") from None

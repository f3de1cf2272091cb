"""Checkpoints of this toolkit: weights with their labels, template, record and calibration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from action_recognition.calibration_values import Calibration
from action_recognition.checkpoint.reading import (
    TRAINED_MODEL_KEY,
    RawCheckpoint,
    read_checkpoint,
)
from action_recognition.checkpoint.saving import save_atomically
from action_recognition.class_names import name_problems
from action_recognition.errors import UserError, user_error
from action_recognition.landmark_features import FEATURES_VERSION
from action_recognition.template import MODEL_CONFIG, ModelConfig, Template

# Format 1 had other keys in its template.
FORMAT_VERSION = 2
CALIBRATION_KEY = "calibration"
_LABELS_SHOWN = 8


@dataclass(frozen=True)
class TrainedModel:
    """Weights with all that is needed to use them.

    These are the labels in output order, the template, the architecture and the record of the
    training.
    """

    state_dict: dict[str, Tensor]
    labels: tuple[str, ...]
    # As they were when the model was trained.
    template: Template
    model: ModelConfig
    record: dict[str, Any]
    # Of the checkpoint file.
    weights_sha256: str
    calibration: Calibration | None = None
    # The file, for messages.
    source: str = "the checkpoint"


def describe_training(
    labels: list[str], template: Template, model: ModelConfig, record: dict[str, Any]
) -> dict[str, Any]:
    """Return the part of a checkpoint that describes its weights, in plain values only."""
    return {
        "format": FORMAT_VERSION,
        "labels": list(labels),
        "template": template.model_dump(mode="json"),
        "model": model.model_dump(mode="json"),
        "record": record,
    }


def load_trained_model(path: Path) -> TrainedModel:
    """Load a checkpoint that `train.py` wrote.

    Raises UserError: the file is a checkpoint of the original toolkit, or none.
    """
    raw = read_checkpoint(path)
    if raw.form != "trained_model":
        raise user_error(
            str(path),
            "is not a checkpoint that train.py wrote: it has no labels and no template inside",
        )
    return trained_model(raw)


def trained_model(raw: RawCheckpoint) -> TrainedModel:
    """Return the labels, template and weights of a checkpoint of this toolkit."""
    description = raw.content[TRAINED_MODEL_KEY]
    try:
        _check_version(raw.path, int(description["format"]), description["record"])
        _check_features(raw.path, description["model"])
        # The order is that of the network's outputs.
        labels = _checked_labels(raw.path, description["labels"])

        return TrainedModel(
            state_dict=raw.state_dict,
            labels=labels,
            template=Template.model_validate(description["template"]),
            model=MODEL_CONFIG.validate_python(description["model"]),
            record=dict(description["record"]),
            weights_sha256=raw.sha256,
            calibration=_calibration(raw.path, description.get(CALIBRATION_KEY), labels),
            source=str(raw.path),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
        found = f"its description of the model is damaged ({type(error).__name__})"
        raise user_error(str(raw.path), found, fix="use another checkpoint") from None


def _checked_labels(path: Path, names: Iterable[object]) -> tuple[str, ...]:
    """Return the labels of a checkpoint. Raises UserError: some are no printable text."""
    labels = tuple(map(str, names))
    problems = name_problems(labels, str(path))
    if problems:
        raise UserError(problems)
    return labels


def _check_version(path: Path, version: int, record: Mapping[str, Any]) -> None:
    """Raise UserError if another version of the toolkit wrote the checkpoint."""
    if version == FORMAT_VERSION:
        return

    if version > FORMAT_VERSION:
        age, fix = "a newer", "update the toolkit"
    else:
        age, fix = "an older", "train again, or use it with the version that wrote it"
    writer = record.get("action_recognition", "unknown")
    raise user_error(
        str(path),
        f"was written by {age} version of this toolkit (format {version}, version {writer})",
        f"format {FORMAT_VERSION}",
        fix,
    )


def _check_features(path: Path, model: Mapping[str, Any]) -> None:
    """Raise UserError for weights that fit other features of hand landmarks."""
    version = model.get("features_version", FEATURES_VERSION)
    if version != FEATURES_VERSION:
        found = f"its weights fit version {version} of the features of hand landmarks"
        fix = "train again, or use it with the version of the toolkit that wrote it"
        raise user_error(str(path), found, f"version {FEATURES_VERSION}", fix)


def _calibration(
    path: Path, section: Mapping[str, Any] | None, labels: tuple[str, ...]
) -> Calibration | None:
    """Return the calibration of a checkpoint that has one.

    Raises UserError: it is of other labels. Raises ValueError and the like: it is damaged.
    """
    if section is None:
        return None
    # Thresholds of other labels would silently reject the wrong gestures.
    if tuple(section["labels"]) != labels:
        counts = f"{len(section['labels'])} against {len(labels)}, or another order"
        raise user_error(
            str(path),
            f"its calibration is of other labels ({counts})",
            "a calibration of these weights",
            "use the checkpoint as train.py wrote it, and calibrate that",
        )

    temperature = float(section["temperature"])
    thresholds = {str(key): float(value) for key, value in section["thresholds"].items()}
    least_spread = float(section["spread_threshold"])
    # A comparison with nan is false, so nan is refused, too.
    if not (0 < temperature < math.inf and 0 <= least_spread < math.inf):
        raise ValueError(section)
    if not (set(thresholds) <= set(labels) and all(0 <= x <= 1 for x in thresholds.values())):
        raise ValueError(section)
    return Calibration(labels, temperature, thresholds, least_spread, dict(section["summary"]))


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Put a calibration into a checkpoint of this toolkit. All else in the file stays.

    Raises UserError: the weights have other labels.
    """
    raw = read_checkpoint(path)
    ours = raw.form == "trained_model"
    if not ours or tuple(raw.content[TRAINED_MODEL_KEY]["labels"]) != calibration.labels:
        found = "its labels are not those of the calibration"
        shown = ", ".join(calibration.labels[:_LABELS_SHOWN])
        raise user_error(str(path), found, shown, "calibrate it itself")

    # All other keys of the description stay.
    description = raw.content[TRAINED_MODEL_KEY] | {CALIBRATION_KEY: calibration.as_plain()}
    save_atomically(raw.content | {TRAINED_MODEL_KEY: description}, path)

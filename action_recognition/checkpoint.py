"""Checkpoint files: read without running anything from them, recognised by their form, written beside and renamed."""

from __future__ import annotations

import hashlib
import io
import math
import os
import pickle
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor

from action_recognition.calibration_values import Calibration
from action_recognition.errors import user_error
from action_recognition.template import MODEL_CONFIG, ModelConfig, Template

FORMAT_VERSION = 2  # 1 had other keys in its template
NETWORK_PREFIX = "network."
TRAINED_MODEL_KEY = "trained_model"
CALIBRATION_KEY = "calibration"
_MODULE_PREFIX = "module."

CheckpointForm = Literal["trained_model", "original"]


@dataclass(frozen=True)
class RawCheckpoint:
    """What a weights file holds, before it is known which network it fits.

    `state_dict` has no `module.` or `network.` prefix; `class_map` is the original's meta.CLASSES: own index -> label number.
    """

    path: Path
    sha256: str
    form: CheckpointForm
    state_dict: dict[str, Tensor]
    class_map: dict[int, int] | None = None
    content: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainedModel:
    """Weights with all that is needed to use them: labels in output order, template, architecture, record of the training."""

    state_dict: dict[str, Tensor]
    labels: tuple[str, ...]
    template: Template
    model: ModelConfig
    record: dict[str, Any]
    weights_sha256: str
    calibration: Calibration | None = None


def describe_training(
    labels: list[str], template: Template, model: ModelConfig, record: dict[str, Any]
) -> dict[str, Any]:
    """The part of a checkpoint that says what its weights are: plain values only."""
    return {
        "format": FORMAT_VERSION,
        "labels": list(labels),
        "template": template.model_dump(mode="json"),
        "model": model.model_dump(mode="json"),
        "record": record,
    }


def read_checkpoint(path: Path) -> RawCheckpoint:
    """Read a weights file of ours, of the original toolkit or of a network for images, without executing anything in it.

    Errors: missing, not a checkpoint, damaged, or holding other objects than tensors and plain values.
    """
    if not path.is_file():
        raise user_error(
            str(path),
            "there is no such weights file",
            fix="check the path given to --load-weights or --resume-from",
        )
    data = path.read_bytes()
    content = _unpickle(path, data)
    if not isinstance(content, Mapping):
        raise user_error(
            str(path),
            f"holds a {type(content).__name__}, not weights",
            "a state_dict, or a checkpoint with a 'state_dict' key",
        )
    nested = content.get("state_dict")
    tensors = nested if isinstance(nested, Mapping) else content
    state_dict = {str(key): value for key, value in tensors.items() if isinstance(value, Tensor)}
    if not state_dict:
        raise user_error(
            str(path), "holds no weights", "a state_dict, or a checkpoint with a 'state_dict' key"
        )
    form: CheckpointForm = "trained_model" if TRAINED_MODEL_KEY in content else "original"
    prefix = NETWORK_PREFIX if form == "trained_model" else _MODULE_PREFIX
    return RawCheckpoint(
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        form=form,
        state_dict={key.removeprefix(prefix): value for key, value in state_dict.items()},
        class_map=_class_map(content.get("meta")),
        content=dict(content) if tensors is not content else {},
    )


def load_trained_model(path: Path) -> TrainedModel:
    """A checkpoint that `train.py` wrote; an original one is refused with a hint."""
    raw = read_checkpoint(path)
    if raw.form != "trained_model":
        raise user_error(
            str(path),
            "is not a checkpoint that train.py wrote: it has no labels and no template inside",
        )
    return trained_model(raw)


def trained_model(raw: RawCheckpoint) -> TrainedModel:
    """The labels, template and weights of a checkpoint of ours."""
    description = raw.content[TRAINED_MODEL_KEY]
    try:
        _check_version(raw.path, int(description["format"]), description["record"])
        labels = tuple(str(label) for label in description["labels"])
        return TrainedModel(
            state_dict=raw.state_dict,
            labels=labels,
            template=Template.model_validate(description["template"]),
            model=MODEL_CONFIG.validate_python(description["model"]),
            record=dict(description["record"]),
            weights_sha256=raw.sha256,
            calibration=_calibration(raw.path, description.get(CALIBRATION_KEY), labels),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
        raise user_error(
            str(raw.path),
            f"its description of the model is damaged ({type(error).__name__})",
            fix="use another checkpoint",
        ) from None


def _calibration(
    path: Path, section: Mapping[str, Any] | None, labels: tuple[str, ...]
) -> Calibration | None:
    """The calibration of a checkpoint that has one. Errors: it is of other labels; ValueError and the like when it is damaged."""
    if section is None:
        return None
    if tuple(section["labels"]) != labels:
        raise user_error(
            str(path),
            f"its calibration is of other labels ({len(section['labels'])} against {len(labels)}, or another order)",
            "a calibration of these weights",
            "use the checkpoint as train.py wrote it, and calibrate that",
        )
    temperature, thresholds = (
        float(section["temperature"]),
        {str(key): float(value) for key, value in section["thresholds"].items()},
    )
    least = float(section["spread_threshold"])
    if not (
        0 < temperature < math.inf
        and 0 <= least < math.inf
        and set(thresholds) <= set(labels)
        and all(0 <= value <= 1 for value in thresholds.values())
    ):
        raise ValueError(section)
    return Calibration(labels, temperature, thresholds, least, dict(section["summary"]))


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Put a calibration into a checkpoint of ours; all else in the file stays. Errors: the weights have other labels."""
    raw = read_checkpoint(path)
    if (
        raw.form != "trained_model"
        or tuple(raw.content[TRAINED_MODEL_KEY]["labels"]) != calibration.labels
    ):
        raise user_error(
            str(path),
            "its labels are not those of the calibration",
            ", ".join(calibration.labels[:8]),
            "calibrate it itself",
        )
    description = raw.content[TRAINED_MODEL_KEY] | {CALIBRATION_KEY: calibration.as_plain()}
    save_atomically(raw.content | {TRAINED_MODEL_KEY: description}, path)


def _check_version(path: Path, version: int, record: Mapping[str, Any]) -> None:
    if version == FORMAT_VERSION:
        return
    writer = record.get("action_recognition", "unknown")
    age, fix = (
        ("a newer", "update the toolkit")
        if version > FORMAT_VERSION
        else ("an older", "train again, or use it with the version that wrote it")
    )
    raise user_error(
        str(path),
        f"was written by {age} version of this toolkit (format {version}, version {writer})",
        f"format {FORMAT_VERSION}",
        fix,
    )


def save_atomically(content: Mapping[str, Any], path: Path, previous: Path | None = None) -> None:
    """Write a checkpoint beside its place, flush it to the disk, then rename: the old file stays until the new one is whole.

    With `previous` the old file stays under that name for good, in the same folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            buffer = io.BytesIO()
            torch.save(dict(content), buffer)
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.is_file():
            _keep(path, previous)
        partial.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise user_error(
            str(path),
            f"could not be saved: {error.strerror}",
            fix="free space or name another --save-checkpoints-to; the last good checkpoint is still there",
        ) from error


def _keep(path: Path, previous: Path) -> None:
    """Another name for a file that is about to be replaced; it is there under its own all the time."""
    beside = previous.with_name(f".{previous.name}.part")
    beside.unlink(missing_ok=True)
    try:
        os.link(path, beside)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, beside)
    beside.replace(previous)


def _flush_folder(folder: Path) -> None:
    """A rename outlives a power cut only when its folder is on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged_member(data: bytes) -> str | None:
    """What of a zip file does not agree with its checksum; torch.load itself checks none. None for files of another form."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.testzip()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        return "its table of contents"


def _unpickle(path: Path, data: bytes) -> Any:
    if path.suffix == ".safetensors":
        return _safetensors(path, data)
    if (member := _damaged_member(data)) is not None:
        raise user_error(
            str(path),
            f"is damaged: {member} does not agree with its checksum",
            fix="fetch it again, or use another checkpoint",
        )
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if (
            "Unsupported" in str(error)
            or "WeightsUnpickler" in str(error)
            or "GLOBAL" in str(error)
        ):
            raise user_error(
                str(path),
                "holds more than tensors and plain values; it was not loaded, since such a file can run any program",
                fix="use weights from a source you trust, saved as a plain state_dict",
            ) from None
        raise user_error(
            str(path),
            "is not a readable weights file",
            fix="it is damaged or of another kind; fetch it again",
        ) from None
    except (
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        AttributeError,
        TypeError,
        IndexError,
        MemoryError,
        UnicodeDecodeError,
    ):
        raise user_error(
            str(path),
            "is not a readable weights file",
            fix="it is damaged or of another kind; fetch it again",
        ) from None


def _safetensors(path: Path, data: bytes) -> dict[str, Tensor]:
    """The form in which timm's hub stores weights; nothing in it can be executed."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except SafetensorError:
        raise user_error(
            str(path),
            "is not a readable weights file",
            fix="it is damaged or of another kind; fetch it again",
        ) from None


def _class_map(meta: Any) -> dict[int, int] | None:
    """meta.CLASSES of the original: {0: {own index: label number}}."""
    classes = meta.get("CLASSES") if isinstance(meta, Mapping) else None
    if not isinstance(classes, Mapping) or not isinstance(classes.get(0), Mapping):
        return None
    try:
        return {int(own): int(label) for own, label in classes[0].items()}
    except (TypeError, ValueError):
        return None

"""Metadata of an exported model: the one module that writes these keys into files and reads them.

OpenVINO keeps them in `rt_info/model_info`, ONNX in `metadata_props` under the same names.
All values are strings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from action_recognition.calibration_values import Calibration
from action_recognition.deploy.landmark_layout import LandmarkLayout
from action_recognition.deploy.metadata_codecs import CODECS
from action_recognition.deploy.metadata_fields import (
    NO_PIXELS,
    DeployMetadata,
    Resize,
    example,
)
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.landmark_features import FEATURES_VERSION

if TYPE_CHECKING:
    import openvino as ov

    from action_recognition.template import Input, Template

__all__ = [
    "FORMAT_VERSION",
    "SECTION",
    "DeployMetadata",
    "Resize",
    "calibrated",
    "example",
    "from_strings",
    "from_template",
    "openvino_strings",
    "read_openvino",
    "to_strings",
    "write_onnx",
    "write_openvino",
]

FORMAT_VERSION: Final = 1
SECTION: Final = "model_info"
_RE_EXPORT: Final = "export the model again with export.py"
# `labels` writes blanks as `_` for other readers. This key keeps every name as it is.
_EXACT_LABELS: Final = "labels_json"
_VERSION: Final = "format_version"
# Older files lack these keys and get the defaults.
_ADDED_LATER: Final = ("spread_threshold", "crop", "stream", "landmarks", "taught")
_INPUT_KIND: Final = "input_kind"
# Keys about pixels, which a network of landmarks does not have.
_OF_PIXELS: Final = (*NO_PIXELS, "color_order", "normalization", "crop")


def calibrated(metadata: DeployMetadata, calibration: Calibration) -> DeployMetadata:
    """Return the metadata with the values of a calibration. The caller compares the labels."""
    return replace(
        metadata,
        temperature=calibration.temperature,
        thresholds=dict(calibration.thresholds),
        spread_threshold=calibration.spread_threshold,
    )


def from_template(
    template: Template, labels: tuple[str, ...], weights_sha256: str
) -> DeployMetadata:
    """Return the metadata of weights that a template trained on `labels`.

    A template's `negative_label` and swaps count only if they name classes that the weights have.
    """
    clip_input, loss = template.input, template.training.loss
    swaps = template.training.augmentation.flip.label_swaps
    known_swaps = {one: other for one, other in swaps.items() if {one, other} <= set(labels)}

    return DeployMetadata(
        labels=labels,
        clip_len=clip_input.clip_len,
        frame_rate_fps=clip_input.frame_rate_fps,
        **_input_fields(clip_input),
        # AM-Softmax changes its scale during training: the last one counts.
        score_scale=loss.scale_end if loss.type == "am_softmax" else loss.scale,
        template=template.name,
        weights_sha256=weights_sha256,
        negative_label=template.negative_label if template.negative_label in labels else None,
        label_swaps=known_swaps,
    )


def _input_fields(clip_input: Input) -> dict[str, Any]:
    """Return the fields about frames, or about landmarks."""
    if clip_input.kind == "landmarks":
        layout = LandmarkLayout(clip_input.tracking_rate_fps, FEATURES_VERSION)
        return {**NO_PIXELS, "landmarks": layout, "frame_step_policy": "spread_over_clip"}
    return {
        "resize": Resize(clip_input.resize_short_side, clip_input.crop_size),
        "crop": clip_input.crop or "",
        "mean_values": tuple(clip_input.mean_values),
        "scale_values": tuple(clip_input.scale_values),
    }


def to_strings(metadata: DeployMetadata) -> dict[str, str]:
    """Return every key with the string that the files carry.

    >>> to_strings(example())["labels"]
    'Thumb_up No_gesture'
    >>> to_strings(example())["resize"]
    '{"short_side": 256, "crop_size": 224}'
    """
    strings = {name: codec.write(getattr(metadata, name)) for name, codec in CODECS.items()}
    # Files of networks that take frames stay as they always were.
    if metadata.landmarks is None:
        del strings["landmarks"]
    else:
        strings = {name: text for name, text in strings.items() if name not in _OF_PIXELS}
        strings[_INPUT_KIND] = metadata.input_kind
    if not metadata.taught:
        del strings["taught"]
    strings[_EXACT_LABELS] = json.dumps(list(metadata.labels))
    strings[_VERSION] = str(FORMAT_VERSION)
    return strings


def from_strings(strings: Mapping[str, str], where: str) -> DeployMetadata:
    """Invert `to_strings`. `where` is the model's path, for messages.

    Raises UserError: names every key that is missing or invalid, or a newer format.

    >>> from_strings(to_strings(example()), "model.xml") == example()
    True
    """
    _check_version(strings, where)
    values = _decoded(strings, where)

    try:
        return DeployMetadata(**values)
    except UserError as error:
        raise UserError(
            Problem(f"{where}: {SECTION}/{item.where}", item.found, item.allowed, _RE_EXPORT)
            for item in error.problems
        ) from None


def write_openvino(model: ov.Model, metadata: DeployMetadata) -> None:
    """Put every key under `rt_info/model_info`."""
    for key, text in to_strings(metadata).items():
        model.set_rt_info(text, [SECTION, key])


def read_openvino(model: ov.Model, where: str) -> DeployMetadata:
    """Return the metadata of an IR. Raises UserError: it has none, newer or invalid ones."""
    return from_strings(openvino_strings(model), where)


def openvino_strings(model: ov.Model) -> dict[str, str]:
    """Return the keys and texts under `rt_info/model_info`, of any writer."""
    if not model.has_rt_info([SECTION]):
        return {}
    found = model.get_rt_info([SECTION]).astype(dict)
    return {str(key): str(getattr(value, "value", value)) for key, value in found.items()}


class _OnnxModel(Protocol):
    """An `onnx.ModelProto`, named without importing onnx."""

    metadata_props: Any


def write_onnx(model: _OnnxModel, metadata: DeployMetadata) -> None:
    """Replace the file's metadata by ours. The exporter leaves paths and notes to itself there."""
    del model.metadata_props[:]
    for key, text in to_strings(metadata).items():
        model.metadata_props.add(key=key, value=text)


def _decoded(strings: Mapping[str, str], where: str) -> dict[str, Any]:
    """Read the value of every field. Raises UserError: lists all keys missing or unreadable."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    missing_is_fine = list(_ADDED_LATER)
    if strings.get(_INPUT_KIND) == "landmarks":
        values |= NO_PIXELS
        missing_is_fine += _OF_PIXELS
        missing_is_fine.remove("landmarks")
    for name, codec in CODECS.items():
        key = _EXACT_LABELS if name == "labels" else name
        place, text = f"{where}: {SECTION}/{key}", strings.get(key)

        if text is None:
            if name not in missing_is_fine:
                problems.append(Problem(place, "is missing", codec.allowed, _RE_EXPORT))
            continue
        try:
            values[name] = codec.read(text)
        except (ValueError, TypeError, KeyError):
            problems.append(Problem(place, f"found {text[:80]!r}", codec.allowed, _RE_EXPORT))

    if problems:
        raise UserError(problems)
    return values


def _check_version(strings: Mapping[str, str], where: str) -> None:
    """Refuse metadata without a format version, or of a newer one."""
    place, text = f"{where}: {SECTION}/{_VERSION}", strings.get(_VERSION)
    allowed = f"a number up to {FORMAT_VERSION}"

    if text is None:
        found = "is missing: this model carries no metadata of this toolkit"
        raise user_error(place, found, allowed, _RE_EXPORT)
    # Python refuses to read thousands of digits.
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    if not is_number or int(text) < 1:
        raise user_error(place, f"found {text[:80]!r}", allowed, _RE_EXPORT)

    if int(text) > FORMAT_VERSION:
        fix = "update this package, or export with this version"
        raise user_error(place, f"found {text}, a newer format", f"up to {FORMAT_VERSION}", fix)

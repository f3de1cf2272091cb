"""Text forms of the metadata's fields: one codec per key.

Lists are joined by blanks, as OpenVINO Model API does. Nested values are JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from action_recognition.bounds import (
    MAX_CLIP_LEN,
    MAX_NUMBER,
    MAX_RATE_FPS,
    MAX_SIDE,
    MIN_RATE_FPS,
)
from action_recognition.deploy.landmark_layout import read_landmarks, write_landmarks
from action_recognition.deploy.metadata_fields import Resize
from action_recognition.deploy.stateful_layout import read_layout, write_layout
from action_recognition.json_files import parse_json

_NO_LABEL: Final = ""


@dataclass(frozen=True)
class Codec:
    """A value's way to text and back. `allowed` describes the valid texts in messages.

    `read` raises ValueError, TypeError or KeyError for any other text.
    """

    write: Callable[[Any], str]
    read: Callable[[str], Any]
    allowed: str


def _labels_for_other_readers(labels: tuple[str, ...]) -> str:
    """Join the labels by blanks. Blanks and control characters inside a label become `_`."""
    return " ".join(re.sub(r"[\s\x00-\x1f\x7f]", "_", label) for label in labels)


def _json_list_of_names(text: str) -> tuple[str, ...]:
    names = parse_json(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(text)
    return tuple(names)


def _json_mapping(value_type: type) -> Codec:
    """Return the codec of a JSON object whose values all have this type."""

    def write(mapping: Mapping[str, Any]) -> str:
        """Write any mapping as a JSON object."""
        return json.dumps(dict(mapping))

    def read(text: str) -> dict[str, Any]:
        """Read a JSON object. Raises ValueError: values of another type."""
        mapping = parse_json(text)
        if not isinstance(mapping, dict):
            raise ValueError(text)
        if not all(type(value) is value_type for value in mapping.values()):
            raise ValueError(text)
        # JSON as Python reads it has NaN and Infinity.
        if value_type is float and not all(math.isfinite(value) for value in mapping.values()):
            raise ValueError(text)
        return mapping

    return Codec(write, read, f"a JSON object of names to {value_type.__name__}")


def _write_resize(resize: Resize) -> str:
    return json.dumps(vars(resize))


def _read_resize(text: str) -> Resize:
    mapping = parse_json(text)
    short_side, crop_size = sizes = [mapping[item.name] for item in fields(Resize)]
    # By `type`: JSON's true is a bool, and isinstance takes it for an int.
    if len(mapping) != len(sizes) or type(crop_size) is not int:
        raise ValueError(text)
    if short_side is not None and type(short_side) is not int:
        raise ValueError(text)
    if not all(1 <= side <= MAX_SIDE for side in sizes if side is not None):
        raise ValueError(text)
    return Resize(short_side, crop_size)


def _one_of(*allowed: str) -> Codec:
    """Return the codec of a text that is one of a few."""

    def read(text: str) -> str:
        """Return the text. Raises ValueError: it is none of those allowed."""
        if text not in allowed:
            raise ValueError(text)
        return text

    return Codec(str, read, " or ".join(allowed))


def _write_numbers(values: tuple[float, ...]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _read_numbers(text: str) -> tuple[float, ...]:
    numbers = tuple(float(part) for part in text.split())
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(text)
    return numbers


def _write_optional_label(name: str | None) -> str:
    return _NO_LABEL if name is None else name


def _read_optional_label(text: str) -> str | None:
    return text or None


def _bounded_whole(lowest: int, highest: int) -> Codec:
    """Return the codec of a whole number within bounds."""

    def read(text: str) -> int:
        """Return the number. Raises ValueError: none, or one outside of the bounds."""
        if not lowest <= (number := int(text)) <= highest:
            raise ValueError(text)
        return number

    return Codec(str, read, f"a whole number, {lowest} to {highest}")


def _bounded(lowest: float, highest: float) -> Codec:
    """Return the codec of a finite number within bounds."""

    def read(text: str) -> float:
        """Return the number. Raises ValueError: none, or one outside of the bounds."""
        # A comparison with nan is false.
        if not lowest <= (number := float(text)) <= highest:
            raise ValueError(text)
        return number

    # repr keeps every digit of a float.
    return Codec(lambda value: repr(float(value)), read, f"a number, {lowest:g} to {highest:g}")


_TEXT = Codec(str, str, "text")
_SMALLEST: Final = 1e-9
_THREE_NUMBERS = Codec(_write_numbers, _read_numbers, "three numbers with blanks between them")
_RESIZE_EXAMPLE = 'JSON like {"short_side": 256, "crop_size": 224}'
_LANDMARKS_ALLOWED = "empty, or JSON with the axes of the input, as export.py writes it"
_STREAM_ALLOWED = "empty, or JSON of frame numbers, 1 or more each, as export.py writes them"

CODECS: Final[Mapping[str, Codec]] = {
    "model_type": _TEXT,
    "labels": Codec(_labels_for_other_readers, _json_list_of_names, "a JSON list of class names"),
    "clip_len": _bounded_whole(1, MAX_CLIP_LEN),
    "frame_rate_fps": _bounded(MIN_RATE_FPS, MAX_RATE_FPS),
    "frame_step_policy": _one_of("integer_step", "spread_over_clip"),
    "resize": Codec(_write_resize, _read_resize, _RESIZE_EXAMPLE),
    "mean_values": _THREE_NUMBERS,
    "scale_values": _THREE_NUMBERS,
    "color_order": _one_of("RGB", "BGR"),
    "normalization": _one_of("embedded", "external"),
    "output_kind": _one_of("cosine", "logits"),
    "score_scale": _bounded(_SMALLEST, MAX_NUMBER),
    "temperature": _bounded(_SMALLEST, MAX_NUMBER),
    "thresholds": _json_mapping(float),
    "spread_threshold": _bounded(0.0, MAX_NUMBER),
    "negative_label": Codec(_write_optional_label, _read_optional_label, "a label, or empty"),
    "crop": _one_of("", "hand"),
    "label_swaps": _json_mapping(str),
    "stream": Codec(write_layout, read_layout, _STREAM_ALLOWED),
    "landmarks": Codec(write_landmarks, read_landmarks, _LANDMARKS_ALLOWED),
    "taught": _json_mapping(int),
    "template": _TEXT,
    "package_version": _TEXT,
    "weights_sha256": _TEXT,
}
"""The codec of each field of `DeployMetadata`, in the order in which files carry them.

`labels` is written for other readers and read from the key `labels_json`.
"""

"""What an exported model says about itself: the one module that writes and reads these keys.

OpenVINO keeps them in `rt_info/model_info`, ONNX in `metadata_props` under the same names; all values are strings.
Lists are joined by blanks, as OpenVINO Model API does; what is nested is JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from action_recognition import __version__
from action_recognition.calibration_values import Calibration
from action_recognition.deploy.stateful_layout import StatefulLayout, read_layout, write_layout
from action_recognition.errors import Problem, UserError, nearest, user_error

if TYPE_CHECKING:
    import openvino as ov

    from action_recognition.template import Template

FORMAT_VERSION: Final = 1
SECTION: Final = "model_info"
_RE_EXPORT: Final = "export the model again with export.py"
_EXACT_LABELS: Final = "labels_json"  # `labels` writes blanks as `_` for other readers, this one keeps every name as it is
_VERSION: Final = "format_version"
_NO_LABEL: Final = ""
_ADDED_LATER: Final = (
    "spread_threshold",
    "crop",
    "stream",
)  # keys that older files lack: they have the default


@dataclass(frozen=True)
class Resize:
    """Frames are scaled to this short side, then a square is cut from the centre; both in pixels.

    A crop larger than the short side adds repeated edges. Without a short side the whole picture is fitted into the square and the rest
    is filled with the mean colour: `data.transforms.pad_clip` says how, to the pixel.
    """

    short_side: int | None
    crop_size: int


@dataclass(frozen=True)
class DeployMetadata:
    """All that a consumer needs beside the network; a `UserError` lists what contradicts itself.

    `frame_step_policy` says how training and evaluation thin out the source's frames: `integer_step` is every n-th frame, n the
    nearest integer to source rate / `frame_rate_fps`. `normalization` says whether the graph holds mean and scale (`embedded`:
    it takes 0..255) or the caller applies them (`external`). `score_scale` times a cosine is the logit that training's softmax saw.
    A label with a probability below its one of `thresholds` is not taken, and none is where the cosines' standard deviation is below
    `spread_threshold`. `crop`: what was cut out of every picture before the network saw it, see `data.hand_crops`.
    `stream` None: the network takes clips of `clip_len` frames.
    """

    labels: tuple[str, ...]
    clip_len: int
    frame_rate_fps: float
    resize: Resize
    mean_values: tuple[float, ...]
    scale_values: tuple[float, ...]
    score_scale: float
    template: str
    weights_sha256: str
    model_type: str = "s3d_mobilenet_v3"
    frame_step_policy: Literal["integer_step"] = "integer_step"
    color_order: Literal["RGB", "BGR"] = "RGB"
    normalization: Literal["embedded", "external"] = "embedded"
    output_kind: Literal["cosine", "logits"] = "cosine"
    temperature: float = 1.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    spread_threshold: float = 0.0
    negative_label: str | None = None
    crop: Literal["", "hand"] = ""
    label_swaps: Mapping[str, str] = field(default_factory=dict)
    stream: StatefulLayout | None = None
    package_version: str = __version__

    def __post_init__(self) -> None:
        problems = _contradictions(self)
        if problems:
            raise UserError(problems)

    @property
    def mean_rgb(self) -> tuple[float, ...]:
        """The mean colour as R, G, B, whatever order the network's channels have."""
        return self.mean_values[::-1] if self.color_order == "BGR" else self.mean_values

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Channels, frames, height, width of one clip."""
        return 3, self.clip_len, self.resize.crop_size, self.resize.crop_size

    @property
    def model_input(self) -> str:
        """One line for people.

        >>> example().model_input
        'RGB 0..255, 16 frames at 15 fps, 224x224'
        """
        value_range = "0..255" if self.normalization == "embedded" else "normalised"
        size, stream = self.resize.crop_size, self.stream
        if stream is not None:
            return (
                f"{self.color_order} {value_range}, {stream.frames_per_call} frames a call at {self.frame_rate_fps:g} fps, {size}x{size}, "
                "the past in its state"
            )
        return f"{self.color_order} {value_range}, {self.clip_len} frames at {self.frame_rate_fps:g} fps, {size}x{size}"


def example() -> DeployMetadata:
    """A small valid instance, for docstrings and tests."""
    return DeployMetadata(
        labels=("Thumb up", "No gesture"),
        clip_len=16,
        frame_rate_fps=15.0,
        resize=Resize(256, 224),
        mean_values=(123.675, 116.28, 103.53),
        scale_values=(58.395, 57.12, 57.375),
        score_scale=5.0,
        template="example",
        weights_sha256="0" * 64,
        negative_label="No gesture",
    )


def calibrated(metadata: DeployMetadata, calibration: Calibration) -> DeployMetadata:
    """The metadata with what calibrate.py found; labels are the caller's to compare."""
    return replace(
        metadata,
        temperature=calibration.temperature,
        thresholds=dict(calibration.thresholds),
        spread_threshold=calibration.spread_threshold,
    )


def from_template(
    template: Template, labels: tuple[str, ...], weights_sha256: str
) -> DeployMetadata:
    """The metadata of weights trained by a template on `labels`.

    A template's `negative_label` and swaps count only where they name classes that the weights have.
    """
    clip_input, loss = template.input, template.training.loss
    swaps = template.training.augmentation.flip.label_swaps
    return DeployMetadata(
        labels=labels,
        clip_len=clip_input.clip_len,
        frame_rate_fps=clip_input.frame_rate_fps,
        resize=Resize(clip_input.resize_short_side, clip_input.crop_size),
        crop=clip_input.crop or "",
        mean_values=tuple(clip_input.mean_values),
        scale_values=tuple(clip_input.scale_values),
        score_scale=loss.scale_end if loss.type == "am_softmax" else loss.scale,
        template=template.name,
        weights_sha256=weights_sha256,
        negative_label=template.negative_label if template.negative_label in labels else None,
        label_swaps={
            one: other for one, other in swaps.items() if one in labels and other in labels
        },
    )


# --- strings ------------------------------------------------------------------------------------------------


def to_strings(metadata: DeployMetadata) -> dict[str, str]:
    """Every key as the string that the files carry.

    >>> to_strings(example())["labels"]
    'Thumb_up No_gesture'
    >>> to_strings(example())["resize"]
    '{"short_side": 256, "crop_size": 224}'
    """
    strings = {name: codec.write(getattr(metadata, name)) for name, codec in _CODECS.items()}
    strings[_EXACT_LABELS] = json.dumps(list(metadata.labels))
    strings[_VERSION] = str(FORMAT_VERSION)
    return strings


def from_strings(strings: Mapping[str, str], where: str) -> DeployMetadata:
    """The inverse of `to_strings`; a `UserError` names every key that is missing or invalid, `where` is the model's path.

    >>> from_strings(to_strings(example()), "model.xml") == example()
    True
    """
    _check_version(strings, where)
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, codec in _CODECS.items():
        key = _EXACT_LABELS if name == "labels" else name
        text = strings.get(key)
        if text is None and name in _ADDED_LATER:
            continue
        if text is None:
            problems.append(
                Problem(f"{where}: {SECTION}/{key}", "is missing", codec.allowed, _RE_EXPORT)
            )
            continue
        try:
            values[name] = codec.read(text)
        except (ValueError, TypeError, KeyError):
            problems.append(
                Problem(
                    f"{where}: {SECTION}/{key}", f"found {text[:80]!r}", codec.allowed, _RE_EXPORT
                )
            )
    if problems:
        raise UserError(problems)
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
    """The metadata of an IR; `UserError` when it has none, a newer or an invalid one."""
    found = model.get_rt_info([SECTION]).astype(dict) if model.has_rt_info([SECTION]) else {}
    return from_strings(
        {str(key): str(getattr(value, "value", value)) for key, value in found.items()}, where
    )


class _OnnxModel(Protocol):
    """An `onnx.ModelProto`, named without importing onnx."""

    metadata_props: Any


def write_onnx(model: _OnnxModel, metadata: DeployMetadata) -> None:
    """Replace the file's metadata by ours: what the exporter leaves there are paths and notes to itself."""
    del model.metadata_props[:]
    for key, text in to_strings(metadata).items():
        model.metadata_props.add(key=key, value=text)


def _check_version(strings: Mapping[str, str], where: str) -> None:
    where = f"{where}: {SECTION}/{_VERSION}"
    text = strings.get(_VERSION)
    if text is None:
        raise user_error(
            where,
            "is missing: this model carries no metadata of ours",
            f"a number up to {FORMAT_VERSION}",
            _RE_EXPORT,
        )
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise user_error(
            where, f"found {text[:80]!r}", f"a number up to {FORMAT_VERSION}", _RE_EXPORT
        )
    if int(text) > FORMAT_VERSION:
        raise user_error(
            where,
            f"found {text}, a newer form",
            f"up to {FORMAT_VERSION}",
            "update this package, or export with this version",
        )


# --- one codec per key --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Codec:
    write: Callable[[Any], str]
    read: Callable[[str], Any]
    allowed: str


def _labels_for_other_readers(labels: tuple[str, ...]) -> str:
    return " ".join(re.sub(r"[\s\x00-\x1f\x7f]", "_", label) for label in labels)


def _json_list_of_names(text: str) -> tuple[str, ...]:
    names = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(text)
    return tuple(names)


def _json_mapping(value_type: type) -> _Codec:
    def read(text: str) -> dict[str, Any]:
        mapping = json.loads(text)
        if not isinstance(mapping, dict) or not all(
            type(value) is value_type for value in mapping.values()
        ):
            raise ValueError(text)
        return mapping

    return _Codec(
        lambda mapping: json.dumps(dict(mapping)),
        read,
        f"a JSON object of names to {value_type.__name__}",
    )


def _read_resize(text: str) -> Resize:
    mapping = json.loads(text)
    sizes = [mapping[item.name] for item in fields(Resize)]
    if (
        any(type(size) is not int for size in sizes if size is not None)
        or sizes[-1] is None
        or len(mapping) != len(sizes)
    ):
        raise ValueError(text)
    return Resize(*sizes)


def _one_of(*allowed: str) -> _Codec:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return _Codec(str, read, " or ".join(allowed))


_TEXT = _Codec(str, str, "text")
_NUMBER = _Codec(lambda value: repr(float(value)), float, "a number")
_THREE_NUMBERS = _Codec(
    lambda values: " ".join(repr(float(value)) for value in values),
    lambda text: tuple(float(part) for part in text.split()),
    "three numbers with blanks between them",
)
_CODECS: Final[Mapping[str, _Codec]] = {
    "model_type": _TEXT,
    "labels": _Codec(_labels_for_other_readers, _json_list_of_names, "a JSON list of class names"),
    "clip_len": _Codec(str, int, "a whole number"),
    "frame_rate_fps": _NUMBER,
    "frame_step_policy": _one_of("integer_step"),
    "resize": _Codec(
        lambda resize: json.dumps(vars(resize)),
        _read_resize,
        'JSON like {"short_side": 256, "crop_size": 224}',
    ),
    "mean_values": _THREE_NUMBERS,
    "scale_values": _THREE_NUMBERS,
    "color_order": _one_of("RGB", "BGR"),
    "normalization": _one_of("embedded", "external"),
    "output_kind": _one_of("cosine", "logits"),
    "score_scale": _NUMBER,
    "temperature": _NUMBER,
    "thresholds": _json_mapping(float),
    "spread_threshold": _NUMBER,
    "negative_label": _Codec(
        lambda name: _NO_LABEL if name is None else name,
        lambda text: text or None,
        "a label, or empty",
    ),
    "crop": _one_of("", "hand"),
    "label_swaps": _json_mapping(str),
    "stream": _Codec(
        write_layout,
        read_layout,
        "empty, or JSON of frame numbers, 1 or more each, as export.py writes them",
    ),
    "template": _TEXT,
    "package_version": _TEXT,
    "weights_sha256": _TEXT,
}


# --- checks -------------------------------------------------------------------------------------------------


def _contradictions(metadata: DeployMetadata) -> list[Problem]:
    """What no model can mean, by key."""
    problems = [
        Problem(name, f"found {getattr(metadata, name)!r}", "a number above 0")
        for name in ("clip_len", "frame_rate_fps", "score_scale", "temperature")
        if not _positive(getattr(metadata, name))
    ]
    if not 0 <= metadata.spread_threshold < math.inf:
        problems.append(
            Problem("spread_threshold", f"found {metadata.spread_threshold!r}", "0 or more")
        )
    resize = metadata.resize
    if (
        min(resize.crop_size, resize.crop_size if resize.short_side is None else resize.short_side)
        < 1
    ):
        problems.append(
            Problem(
                "resize",
                f"found crop_size {resize.crop_size} of short_side {resize.short_side}",
                "1 or more",
            )
        )
    if len(metadata.mean_values) != 3 or not all(map(math.isfinite, metadata.mean_values)):
        problems.append(Problem("mean_values", f"found {metadata.mean_values}", "three numbers"))
    if len(metadata.scale_values) != 3 or not all(map(_positive, metadata.scale_values)):
        problems.append(
            Problem("scale_values", f"found {metadata.scale_values}", "three numbers above 0")
        )
    if not re.fullmatch(r"[0-9a-f]{64}", metadata.weights_sha256):
        problems.append(
            Problem(
                "weights_sha256", f"found {metadata.weights_sha256[:80]!r}", "64 hexadecimal digits"
            )
        )
    return problems + _label_problems(metadata)


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _label_problems(metadata: DeployMetadata) -> list[Problem]:
    labels = metadata.labels
    problems = []
    if not labels or not all(labels):
        problems.append(
            Problem("labels", f"found {list(labels)[:5]}", "at least one name, none of them empty")
        )
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        problems.append(Problem("labels", f"{repeated[0]!r} stands twice", "each name once"))
    used = {
        "negative_label": [] if metadata.negative_label is None else [metadata.negative_label],
        "thresholds": list(metadata.thresholds),
        "label_swaps": [*metadata.label_swaps, *metadata.label_swaps.values()],
    }
    for key, names in used.items():
        problems.extend(
            Problem(key, f"{name!r} is not among labels{nearest(name, labels)}")
            for name in names
            if name not in labels
        )
    return problems

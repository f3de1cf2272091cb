"""Fields of an exported model's metadata, and the values that they may have."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from action_recognition import __version__
from action_recognition.class_names import name_problems
from action_recognition.console import counted
from action_recognition.deploy.landmark_layout import LandmarkLayout
from action_recognition.deploy.stateful_layout import StatefulLayout
from action_recognition.errors import Problem, UserError, nearest
from action_recognition.hands.slots import CHANNELS, NUM_HANDS, NUM_POINTS

_POSITIVE_FIELDS = ("clip_len", "frame_rate_fps", "score_scale", "temperature")


@dataclass(frozen=True)
class Resize:
    """Sizes in pixels: frames are scaled to the short side, then a square is cut from the centre.

    A crop larger than the short side adds repeated edges. Without a short side the whole picture
    is fitted into the square, and the rest is filled with the mean colour:
    `data.transforms.pad_clip` defines this to the pixel.
    """

    short_side: int | None
    crop_size: int


@dataclass(frozen=True)
class DeployMetadata:
    """Facts that a consumer needs beside the network.

    Raises UserError: lists every field that contradicts itself or the labels.

    Attributes:
        clip_len: frames of a clip.
        frame_step_policy: the way in which training and evaluation thin out a source's frames.
            `integer_step` takes every n-th frame. n is the nearest integer to source rate /
            `frame_rate_fps`.
            `spread_over_clip` takes frames evenly over the clip, whatever its length.
        normalization: `embedded` where the graph holds mean and scale and takes 0..255,
            `external` where the caller applies them.
        score_scale: the factor that turns a cosine into the logit that training's softmax saw.
        thresholds: the least probability at which a label is taken.
        spread_threshold: the least standard deviation of the cosines at which any label is taken.
        crop: the region that is cut out of every picture first, see `data.hand_crops`.
        stream: the layout of a stateful network, None for a network that takes clips.
        landmarks: how hands become the input, None for a network that takes frames. Sizes, colours
            and normalisation then mean nothing.
        taught: the number of examples of each gesture that was taught by showing, after training.

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
    frame_step_policy: Literal["integer_step", "spread_over_clip"] = "integer_step"
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
    landmarks: LandmarkLayout | None = None
    taught: Mapping[str, int] = field(default_factory=dict)
    package_version: str = __version__

    def __post_init__(self) -> None:
        problems = _contradictions(self)
        if problems:
            raise UserError(problems)

    @property
    def mean_rgb(self) -> tuple[float, ...]:
        """Return the mean colour as R, G, B, whatever order the network's channels have."""
        return self.mean_values[::-1] if self.color_order == "BGR" else self.mean_values

    @property
    def input_kind(self) -> Literal["frames", "landmarks"]:
        """Return what the network takes."""
        return "frames" if self.landmarks is None else "landmarks"

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Return channels, frames, height and width of one clip, or the axes of landmarks."""
        if self.landmarks is not None:
            return len(CHANNELS), self.clip_len, NUM_HANDS, NUM_POINTS
        return 3, self.clip_len, self.resize.crop_size, self.resize.crop_size

    @property
    def model_input(self) -> str:
        """Describe the input in one line, for people.

        >>> example().model_input
        'RGB 0..255, 16 frames at 15 fps, 224x224'
        """
        if self.landmarks is not None:
            if self.clip_len == 1:
                return "landmarks of two hands in a photo"
            return f"landmarks of two hands in {self.clip_len} frames, spread over the clip"
        values = "0..255" if self.normalization == "embedded" else "normalised"
        side, rate = self.resize.crop_size, f"{self.frame_rate_fps:g} fps"
        if self.stream is None and self.clip_len == 1:
            return f"{self.color_order} {values}, one photo, {side}x{side}"
        if self.stream is None:
            return f"{self.color_order} {values}, {self.clip_len} frames at {rate}, {side}x{side}"
        frames = f"{counted(self.stream.frames_per_call, 'frame')} a call at {rate}"
        return f"{self.color_order} {values}, {frames}, {side}x{side}, the past in its state"


NO_PIXELS: Final[Mapping[str, Any]] = {
    "resize": Resize(None, 1),
    "mean_values": (0.0, 0.0, 0.0),
    "scale_values": (1.0, 1.0, 1.0),
}
"""Values of the fields about pixels for a network that takes landmarks. Files leave them out."""


def example() -> DeployMetadata:
    """Return small valid metadata, for docstrings and tests."""
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


def _contradictions(metadata: DeployMetadata) -> list[Problem]:
    """List the values that no model can mean, by key."""
    return [
        *_number_problems(metadata),
        *_resize_problems(metadata.resize),
        *_colour_problems(metadata),
        *_checksum_problems(metadata.weights_sha256),
        *_label_problems(metadata.labels),
        *_unknown_labels(metadata),
    ]


def _number_problems(metadata: DeployMetadata) -> list[Problem]:
    problems = [
        Problem(name, f"found {getattr(metadata, name)!r}", "a number above 0")
        for name in _POSITIVE_FIELDS
        if not _is_positive(getattr(metadata, name))
    ]

    spread = metadata.spread_threshold
    # NaN fails this comparison, too.
    if not 0 <= spread < math.inf:
        problems.append(Problem("spread_threshold", f"found {spread!r}", "0 or more"))
    return problems


def _resize_problems(resize: Resize) -> list[Problem]:
    short_side, crop_size = resize.short_side, resize.crop_size
    if crop_size >= 1 and (short_side is None or short_side >= 1):
        return []
    found = f"found crop_size {crop_size} of short_side {short_side}"
    return [Problem("resize", found, "1 or more")]


def _colour_problems(metadata: DeployMetadata) -> list[Problem]:
    problems = []
    mean, scale = metadata.mean_values, metadata.scale_values

    if len(mean) != 3 or not all(map(math.isfinite, mean)):
        problems.append(Problem("mean_values", f"found {mean}", "three numbers"))
    if len(scale) != 3 or not all(map(_is_positive, scale)):
        problems.append(Problem("scale_values", f"found {scale}", "three numbers above 0"))
    return problems


def _checksum_problems(sha256: str) -> list[Problem]:
    if re.fullmatch(r"[0-9a-f]{64}", sha256):
        return []
    return [Problem("weights_sha256", f"found {sha256[:80]!r}", "64 hexadecimal digits")]


def _label_problems(labels: tuple[str, ...]) -> list[Problem]:
    problems = name_problems(labels, "labels")
    if not labels:
        problems.append(Problem("labels", "there are none", "at least one name"))

    # Two labels of one name could not be told apart.
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        problems.append(Problem("labels", f"{repeated[0]!r} is listed twice", "each name once"))
    return problems


def _unknown_labels(metadata: DeployMetadata) -> list[Problem]:
    """Name every label that another field uses and `labels` lacks."""
    negative = metadata.negative_label
    used = {
        "negative_label": [] if negative is None else [negative],
        "thresholds": list(metadata.thresholds),
        "label_swaps": [*metadata.label_swaps, *metadata.label_swaps.values()],
        "taught": list(metadata.taught),
    }

    return [
        Problem(key, f"{name!r} is not among labels{nearest(name, metadata.labels)}")
        for key, names in used.items()
        for name in names
        if name not in metadata.labels
    ]


def _is_positive(value: float) -> bool:
    return math.isfinite(value) and value > 0

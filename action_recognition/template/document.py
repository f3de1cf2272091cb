"""The schema of template.yaml."""

from __future__ import annotations

import math
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from action_recognition.bounds import MAX_CLIP_BYTES
from action_recognition.class_names import ALLOWED, fault_of_name
from action_recognition.errors import nearest
from action_recognition.template.recipe import Training
from action_recognition.template.sections import (
    ClipLength,
    FrameRate,
    NumProcesses,
    PositiveFloat,
    PositiveInt,
    Section,
    Side,
)

# Names of the files in a template and in a work dir.
TEMPLATE_FILE = "template.yaml"
MODEL_FILE = "model.yaml"
SNAPSHOT_FILE = "snapshot.pth"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ClipInput(Section):
    """The input of the network: RGB frames, 0..255 before mean and scale.

    The short side becomes `resize_short_side`, then the centre is cut. A `crop_size` above it adds
    repeated edges. With `resize_short_side` null the whole picture is fitted into the square. Its
    aspect is kept, and the rest has the mean colour.
    """

    # Checkpoints from before this key have none.
    kind: Literal["frames"] = "frames"
    # Frames of a clip. 1 for networks of photos.
    clip_len: ClipLength
    # Frames per second between those frames.
    frame_rate_fps: FrameRate
    # Pixels.
    resize_short_side: Side | None
    # Side of the square that the network sees, in pixels.
    crop_size: Side
    # `hand`: a detector cuts the hand out first. Checkpoints from before this key have none.
    crop: Literal["hand"] | None = None
    # Subtracted from R, G, B, then R, G, B are divided by the scale values.
    mean_values: Annotated[list[float], Field(min_length=3, max_length=3)]
    scale_values: Annotated[list[PositiveFloat], Field(min_length=3, max_length=3)]

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        num_bytes = math.prod(self.clip_shape)
        if num_bytes > MAX_CLIP_BYTES:
            size = f"{self.clip_len} frames of {self.crop_size}x{self.crop_size}"
            raise ValueError(f"{size} are {num_bytes / 1e9:.0f} GB for each clip")
        return self

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Return channels, frames, height and width of one clip."""
        return 3, self.clip_len, self.crop_size, self.crop_size


class LandmarkInput(Section):
    """The input of the network: landmarks of both hands, in frames that are spread over the clip.

    `hands.slots` says what a point has. Nothing is resized: the hands are tracked in whole frames.
    """

    kind: Literal["landmarks"]
    # Frames of a clip, evenly spread over it whatever its length. 1 for photos.
    clip_len: ClipLength
    # Frames per second of a live window, which so is clip_len / frame_rate_fps seconds long.
    frame_rate_fps: FrameRate
    # Frames per second in which hands are tracked. Those of a clip are taken from them.
    tracking_rate_fps: FrameRate

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Return values of a point, frames, hands and points of one clip."""
        return 4, self.clip_len, 2, 21


def _input_kind(section: Any) -> str:
    """Return the `kind` of an input: `frames` where it states none."""
    kind = section.get("kind", "frames") if isinstance(section, dict) else section.kind
    return str(kind)


Input = Annotated[
    Annotated[ClipInput, Tag("frames")] | Annotated[LandmarkInput, Tag("landmarks")],
    Discriminator(_input_kind),
]


class BasicHyperParameters(Section):
    """The hyper-parameters that `train.py` takes as flags."""

    # Clips per device.
    batch_size: PositiveInt
    base_learning_rate: PositiveFloat
    epochs: PositiveInt


class HyperParameters(Section):
    """Hyper-parameters, of which only `basic` ones exist."""

    basic: BasicHyperParameters


class Default(Section):
    """A format of `export.py`: `default` writes it when no flag names a format."""

    default: bool


class OpenVinoFormat(Default):
    """The IR, with the colour order of both formats."""

    input_format: Literal["RGB", "BGR"]


class OutputFormat(Section):
    """The formats that `export.py` writes when no flag names one."""

    onnx: Default
    openvino: OpenVinoFormat


class Dependency(Section):
    """A file that a work dir needs and the template does not carry.

    It is fetched and checked by size (bytes) and SHA-256.
    """

    # Address, or path from the template's folder.
    source: str
    # Path inside the work dir.
    destination: str
    size: PositiveInt | None = None
    sha256: Sha256 | None = None
    licence: str = "not stated by its publisher"

    @field_validator("destination")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError(f"{value!r} is not a relative path inside the work dir")
        return value


class Metric(Section):
    """A published or measured figure."""

    key: str
    display_name: str
    unit: str
    value: float


class Template(Section):
    """The content of template.yaml."""

    # The name of the template's folder.
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    # For readers: area, task and one sentence.
    domain: str
    problem: str
    summary: str
    annotation_format: Literal["clip_lines"]
    # The file that describes the network.
    config: Literal["model.yaml"]
    # For readers: devices that can train and run the network.
    training_target: list[Literal["CPU", "GPU"]]
    inference_target: list[str]
    # GPUs that train, or as many as there are. 0 trains on the CPU.
    gpu_num: NumProcesses
    input: Input
    # Class names in label order. [] takes those of classes.json beside the annotation files.
    labels: list[str]
    # The class that means: no gesture.
    negative_label: str | None
    hyper_parameters: HyperParameters
    training: Training
    output_format: OutputFormat
    dependencies: list[Dependency]
    metrics: list[Metric]

    @field_validator("labels")
    @classmethod
    def _are_printable(cls, names: list[str]) -> list[str]:
        faults = [fault for fault in map(fault_of_name, names) if fault]
        if faults:
            raise ValueError(f"{'; '.join(faults)}; allowed: {ALLOWED}")
        return names

    @model_validator(mode="after")
    def _labels_are_consistent(self) -> Self:
        repeated = sorted({label for label in self.labels if self.labels.count(label) > 1})
        if repeated:
            raise ValueError(f"labels: {repeated[0]!r} appears twice")
        if self.negative_label is not None:
            self._check_label("negative_label", self.negative_label)

        self._check_augmentation()
        swaps = self.training.augmentation.flip.label_swaps
        for name in [*swaps, *swaps.values()]:
            self._check_label("training.augmentation.flip.label_swaps", name)
        return self

    def _check_augmentation(self) -> None:
        """Raise ValueError for changes that the input does not have."""
        kind, clip_input = self.training.augmentation.type, self.input
        if (kind == "landmarks") != isinstance(clip_input, LandmarkInput):
            raise ValueError(
                f"training.augmentation.type {kind} does not go with input.kind {clip_input.kind}"
            )
        is_fitted = isinstance(clip_input, ClipInput) and clip_input.resize_short_side is None
        if is_fitted and kind == "reference":
            raise ValueError(
                "input.resize_short_side: null does not go with training.augmentation.type "
                "reference, which crops"
            )
        if self.training.mix is not None and kind == "landmarks":
            raise ValueError("training.mix blends pixels; set it to null for landmarks")

    def _check_label(self, key: str, name: str) -> None:
        """Raise ValueError for a name that is no label, where the template lists labels."""
        if self.labels and name not in self.labels:
            raise ValueError(f"{key}: {name!r} is not among labels{nearest(name, self.labels)}")

    @property
    def frames(self) -> ClipInput:
        """The input of a network that takes frames. Code for landmarks does not come here."""
        if not isinstance(self.input, ClipInput):
            raise TypeError(f"{self.name} takes {self.input.kind}")
        return self.input

    def snapshot(self) -> Dependency | None:
        """Return the start weights that the template publishes, if any."""
        return next((item for item in self.dependencies if item.destination == SNAPSHOT_FILE), None)

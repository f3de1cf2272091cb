"""The schema of template.yaml and model.yaml; imports neither torch nor cv2.

Every problem of a file is reported at once, with its dotted key and its line.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.yaml_lines import KeyPath, load_yaml_with_lines

TEMPLATE_FILE = "template.yaml"
MODEL_FILE = "model.yaml"
SNAPSHOT_FILE = "snapshot.pth"

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
NonNegativeFloat = Annotated[float, Field(ge=0.0)]
Schema = TypeVar("Schema", bound=BaseModel)
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# --- model.yaml ---------------------------------------------------------------------------------------------


class GaussianDropout(_Section):
    """Multiplicative noise of mean 1 on residual branches: clip(N(mean, std), 0, 1) / mean per element."""

    mean: Annotated[float, Field(gt=0.0, le=1.0)]
    std: NonNegativeFloat


class Backbone(_Section):
    """S3D-MobileNetV3 as a table with one column per block; rows are lists of equal length."""

    stem_channels: PositiveInt
    kernel_size: list[Literal[3, 5]]
    expand_channels: list[PositiveInt]
    out_channels: list[PositiveInt]
    squeeze_excite: list[bool]
    activation: list[Literal["relu", "hswish"]]
    spatial_stride: list[Literal[1, 2]]
    temporal_kernel_size: list[Literal[1, 3, 5]]
    temporal_stride: list[Literal[1, 2]]
    attention: list[Literal["none", "spatial", "spatial_temporal"]]
    last_channels: PositiveInt
    gaussian_dropout: GaussianDropout | None

    @model_validator(mode="after")
    def _columns_have_equal_length(self) -> Self:
        num_blocks = len(self.kernel_size)
        if not num_blocks:
            raise ValueError("kernel_size is empty, a backbone has at least one block")
        for name, value in self:
            if isinstance(value, list) and len(value) != num_blocks:
                raise ValueError(f"{name} has {len(value)} entries, kernel_size has {num_blocks}: one per block")
        return self


class Head(_Section):
    """Angular head: linear embedding, then the cosine to each class's column."""

    embedding_size: PositiveInt


class ModelConfig(_Section):
    """model.yaml: the architecture."""

    type: Literal["s3d_mobilenet_v3"]
    backbone: Backbone
    head: Head


# --- template.yaml ------------------------------------------------------------------------------------------


class ClipInput(_Section):
    """What the network takes: `clip_len` RGB frames at `frame_rate_fps`, `crop_size` pixels square, 0..255 before mean and scale."""

    clip_len: PositiveInt
    frame_rate_fps: PositiveFloat
    resize_short_side: PositiveInt
    crop_size: PositiveInt
    mean_values: Annotated[list[float], Field(min_length=3, max_length=3)]
    scale_values: Annotated[list[PositiveFloat], Field(min_length=3, max_length=3)]

    @model_validator(mode="after")
    def _crop_fits(self) -> Self:
        if self.crop_size > self.resize_short_side:
            raise ValueError(f"crop_size {self.crop_size} is larger than resize_short_side {self.resize_short_side}")
        return self


class Flip(_Section):
    """Horizontal mirroring in training; `label_swaps` is mandatory, `{}` when a mirrored gesture keeps its label."""

    probability: Probability
    label_swaps: dict[str, str]


class Augmentation(_Section):
    """Random changes of a training clip, the same for all its frames."""

    temporal_jitter: bool
    crop_scale_min: Annotated[float, Field(gt=0.0, le=1.0)]
    flip: Flip


class AMSoftmax(_Section):
    """Parameters of `losses.AMSoftmaxLoss`."""

    margin: NonNegativeFloat
    scale_start: PositiveFloat
    scale_end: PositiveFloat
    scale_power: PositiveFloat
    scale_epochs: PositiveFloat
    entropy_weight: NonNegativeFloat
    pr_product: bool
    hard_sample_weight: NonNegativeFloat


class Push(_Section):
    """Parameters of `losses.push.LocalPushLoss` and `losses.push.CentrePushLoss`."""

    weight: NonNegativeFloat
    margin: NonNegativeFloat


class Weighted(_Section):
    """A loss that has a weight only."""

    weight: NonNegativeFloat


class SelfChallenging(_Section):
    """Parameters of `losses.self_challenging.self_challenge`; `unchanged_share` of the samples keep their features."""

    retain_share: Annotated[float, Field(gt=0.0, le=1.0)]
    unchanged_share: Probability


class Regularisers(_Section):
    """What is added to the loss; `null` leaves one out."""

    local_push: Push | None
    centre_push: Push | None
    attention: Weighted | None
    clip_mixing: Weighted | None
    self_challenging: SelfChallenging | None


class Optimizer(_Section):
    """Stochastic gradient descent."""

    momentum: Probability
    weight_decay: NonNegativeFloat
    gradient_clip_norm: PositiveFloat


class Schedule(_Section):
    """Learning rate and freezing over the template's number of epochs; another number of epochs scales all of it."""

    freeze_epochs: Annotated[int, Field(ge=0)]
    freeze_learning_rate_factor: PositiveFloat
    warmup_epochs: Annotated[int, Field(ge=0)]
    warmup_start_factor: PositiveFloat
    step_epochs: list[PositiveInt]
    step_factor: PositiveFloat

    @field_validator("step_epochs")
    @classmethod
    def _ascending(cls, value: list[int]) -> list[int]:
        if value != sorted(set(value)):
            raise ValueError(f"{value} is not ascending")
        return value


class Training(_Section):
    """The recipe: what `train.py` does beside the basic hyper-parameters."""

    num_workers: Annotated[int, Field(ge=0)]
    clips_per_video: PositiveInt
    augmentation: Augmentation
    loss: AMSoftmax
    regularisers: Regularisers
    optimizer: Optimizer
    schedule: Schedule


class BasicHyperParameters(_Section):
    """The three that `train.py` takes as flags; the batch size is per device."""

    batch_size: PositiveInt
    base_learning_rate: PositiveFloat
    epochs: PositiveInt


class HyperParameters(_Section):
    basic: BasicHyperParameters


class Default(_Section):
    default: bool


class OpenVinoFormat(Default):
    input_format: Literal["RGB", "BGR"]


class OutputFormat(_Section):
    """Which formats `export.py` writes when no flag says otherwise."""

    onnx: Default
    openvino: OpenVinoFormat


class Dependency(_Section):
    """A file that a work dir needs and the template does not carry: fetched and checked by size and sha256."""

    source: str
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


class Metric(_Section):
    """A published or measured figure."""

    key: str
    display_name: str
    unit: str
    value: float


class Template(_Section):
    """template.yaml."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    domain: str
    problem: str
    summary: str
    annotation_format: Literal["clip_lines"]
    config: Literal["model.yaml"]
    training_target: list[Literal["CPU", "GPU"]]
    inference_target: list[str]
    gpu_num: Annotated[int, Field(ge=0)]
    input: ClipInput
    labels: list[str]
    negative_label: str | None
    hyper_parameters: HyperParameters
    training: Training
    output_format: OutputFormat
    dependencies: list[Dependency]
    metrics: list[Metric]

    @model_validator(mode="after")
    def _labels_are_consistent(self) -> Self:
        repeated = sorted({label for label in self.labels if self.labels.count(label) > 1})
        if repeated:
            raise ValueError(f"labels: {repeated[0]!r} stands twice")
        if self.labels and self.negative_label is not None and self.negative_label not in self.labels:
            raise ValueError(f"negative_label: {self.negative_label!r} is not among labels{nearest(self.negative_label, self.labels)}")
        swaps = self.training.augmentation.flip.label_swaps
        for name in [*swaps, *swaps.values()]:
            if self.labels and name not in self.labels:
                raise ValueError(f"training.augmentation.flip.label_swaps: {name!r} is not among labels{nearest(name, self.labels)}")
        return self

    def snapshot(self) -> Dependency | None:
        """The start weights that the template publishes, if any."""
        return next((item for item in self.dependencies if item.destination == SNAPSHOT_FILE), None)


def load_template(path: Path) -> Template:
    """Read and check template.yaml; a `UserError` lists every problem with file, line and dotted key."""
    return _load(path, Template)


def load_model_config(path: Path) -> ModelConfig:
    """Read and check model.yaml; a `UserError` lists every problem with file, line and dotted key."""
    return _load(path, ModelConfig)


def load_template_dir(folder: Path) -> tuple[Template, ModelConfig]:
    """Both files of a template or work dir, with the problems of both in one error."""
    problems: list[Problem] = []
    loaded: list[BaseModel] = []
    for name, schema in ((TEMPLATE_FILE, Template), (MODEL_FILE, ModelConfig)):
        try:
            loaded.append(_load(folder / name, schema))
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    template, model = loaded
    assert isinstance(template, Template) and isinstance(model, ModelConfig)
    return template, model


def _load(path: Path, schema: type[Schema]) -> Schema:
    document, lines = load_yaml_with_lines(path)
    if not isinstance(document, dict):
        raise user_error(str(path), "no mapping of keys to values", f"the keys {', '.join(schema.model_fields)}")
    try:
        return schema.model_validate(document)
    except ValidationError as error:
        raise UserError(_problem(path, lines, schema, detail) for detail in error.errors()) from None


def _problem(path: Path, lines: dict[KeyPath, int], schema: type[BaseModel], detail: ErrorDetails) -> Problem:
    location = tuple(detail["loc"])
    key = ".".join(str(part) for part in location) or "the file"
    known = location
    while known and known not in lines:
        known = known[:-1]
    where = f"{path}:{lines.get(known, 1)}: {key}"
    if detail["type"] == "missing":
        return Problem(where, "is missing", fix="add it; the templates under model_templates/ show every key")
    if detail["type"] == "extra_forbidden":
        allowed = _fields_at(schema, location[:-1])
        return Problem(where, f"is not a known key{nearest(str(location[-1]), allowed)}", ", ".join(allowed))
    if detail["type"] == "value_error":
        return Problem(where, str(detail["ctx"]["error"]))
    return Problem(where, f"found {detail['input']!r}", detail["msg"].removeprefix("Input should be "))


def _fields_at(schema: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that the section at `location` allows."""
    current: type[BaseModel] = schema
    for part in location:
        if isinstance(part, int):
            continue
        annotation = current.model_fields[part].annotation
        for candidate in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                current = candidate
    return list(current.model_fields)

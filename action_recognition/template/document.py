"""The schema of template.yaml and model.yaml; imports neither torch nor cv2.

Every problem of a file is reported at once, with its dotted key and its line.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.template.model import (
    MODEL_CONFIG,
    CausalConfig,
    ImageModelConfig,
    ModelConfig,
)
from action_recognition.template.recipe import Training
from action_recognition.template.sections import NonNegativeInt, PositiveFloat, PositiveInt, Section
from action_recognition.yaml_lines import KeyPath, load_yaml_with_lines

TEMPLATE_FILE = "template.yaml"
MODEL_FILE = "model.yaml"
SNAPSHOT_FILE = "snapshot.pth"

Loaded = TypeVar("Loaded")
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ClipInput(Section):
    """What the network takes: `clip_len` RGB frames at `frame_rate_fps`, `crop_size` pixels square, 0..255 before mean and scale.

    The short side becomes `resize_short_side`, then the centre is cut; a `crop_size` above it adds repeated edges.
    With `resize_short_side` null the whole picture is fitted into the square, its aspect kept, and the rest is of the mean colour.
    """

    clip_len: PositiveInt
    frame_rate_fps: PositiveFloat
    resize_short_side: PositiveInt | None
    crop_size: PositiveInt
    crop: Literal["hand"] | None = (
        None  # what a detector cuts out first; checkpoints of before this key have none
    )
    mean_values: Annotated[list[float], Field(min_length=3, max_length=3)]
    scale_values: Annotated[list[PositiveFloat], Field(min_length=3, max_length=3)]


class BasicHyperParameters(Section):
    """The three that `train.py` takes as flags; the batch size is per device."""

    batch_size: PositiveInt
    base_learning_rate: PositiveFloat
    epochs: PositiveInt


class HyperParameters(Section):
    basic: BasicHyperParameters


class Default(Section):
    default: bool


class OpenVinoFormat(Default):
    input_format: Literal["RGB", "BGR"]


class OutputFormat(Section):
    """Which formats `export.py` writes when no flag says otherwise."""

    onnx: Default
    openvino: OpenVinoFormat


class Dependency(Section):
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


class Metric(Section):
    """A published or measured figure."""

    key: str
    display_name: str
    unit: str
    value: float


class Template(Section):
    """template.yaml."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    domain: str
    problem: str
    summary: str
    annotation_format: Literal["clip_lines"]
    config: Literal["model.yaml"]
    training_target: list[Literal["CPU", "GPU"]]
    inference_target: list[str]
    gpu_num: NonNegativeInt
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
        if (
            self.labels
            and self.negative_label is not None
            and self.negative_label not in self.labels
        ):
            raise ValueError(
                f"negative_label: {self.negative_label!r} is not among labels{nearest(self.negative_label, self.labels)}"
            )
        if self.input.resize_short_side is None and self.training.augmentation.type == "reference":
            raise ValueError(
                "input.resize_short_side: null does not go with training.augmentation.type reference, which crops"
            )
        swaps = self.training.augmentation.flip.label_swaps
        for name in [*swaps, *swaps.values()]:
            if self.labels and name not in self.labels:
                raise ValueError(
                    f"training.augmentation.flip.label_swaps: {name!r} is not among labels{nearest(name, self.labels)}"
                )
        return self

    def snapshot(self) -> Dependency | None:
        """The start weights that the template publishes, if any."""
        return next((item for item in self.dependencies if item.destination == SNAPSHOT_FILE), None)


_TEMPLATE: TypeAdapter[Template] = TypeAdapter(Template)


def load_template(path: Path) -> Template:
    """Read and check template.yaml; a `UserError` lists every problem with file, line and dotted key."""
    return load_checked(path, Template, _TEMPLATE)


def load_model_config(path: Path) -> ModelConfig:
    """Read and check model.yaml; a `UserError` lists every problem with file, line and dotted key."""
    return load_checked(path, ModelConfig, MODEL_CONFIG)


def load_template_dir(folder: Path) -> tuple[Template, ModelConfig]:
    """Both files of a template or work dir, with the problems of both in one error."""
    problems: list[Problem] = []
    try:
        template = load_template(folder / TEMPLATE_FILE)
    except UserError as error:
        problems.extend(error.problems)
    try:
        model = load_model_config(folder / MODEL_FILE)
    except UserError as error:
        problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    if isinstance(model, ImageModelConfig) and template.input.clip_len != 1:
        where = f"{folder / TEMPLATE_FILE}: input.clip_len"
        raise user_error(
            where,
            f"found {template.input.clip_len}",
            f"1, since {model.type} takes single pictures",
        )
    problems = _causal_problems(folder, template, model)
    if problems:
        raise UserError(problems)
    return template, model


def _causal_problems(folder: Path, template: Template, model: ModelConfig) -> list[Problem]:
    """A causal network learns at every step, and so does no other; its clips are whole steps."""
    loss, early = template.training.loss.type, "early_cross_entropy"
    where = str(folder / TEMPLATE_FILE)
    if not isinstance(model, CausalConfig):
        others = "am_softmax or cross_entropy"
        return (
            [Problem(f"{where}: training.loss.type", f"{early} is for causal networks", others)]
            if loss == early
            else []
        )
    problems = []
    if loss != early:
        allowed = f"{early}, since {model.type} says something at every step"
        problems.append(Problem(f"{where}: training.loss.type", f"found {loss!r}", allowed))
    step = model.frames_per_step
    if template.input.clip_len % step:
        allowed = f"a multiple of {step}, the frames of a step"
        problems.append(
            Problem(f"{where}: input.clip_len", f"found {template.input.clip_len}", allowed)
        )
    return problems


def load_checked(path: Path, schema: Any, adapter: TypeAdapter[Loaded]) -> Loaded:
    document, lines = load_yaml_with_lines(path)
    if not isinstance(document, dict):
        raise user_error(
            str(path),
            "no mapping of keys to values",
            "the keys that the templates under model_templates/ show",
        )
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        raise UserError(
            _problem(path, schema, document, lines, detail) for detail in error.errors()
        ) from None


def _problem(
    path: Path,
    schema: Any,
    document: dict[str, Any],
    lines: dict[KeyPath, int],
    detail: ErrorDetails,
) -> Problem:
    location = _without_tags(document, tuple(detail["loc"]))
    known = location
    while known and known not in lines:
        known = known[:-1]
    line = lines.get(known, 1)
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        location = (*location, "type")
        line = lines.get(location, line)
    where = f"{path}:{line}: {'.'.join(map(str, location)) or 'the file'}"
    if detail["type"] == "union_tag_invalid":
        tag, tags = (
            detail["ctx"]["tag"],
            detail["ctx"]["expected_tags"].replace("'", "").split(", "),
        )
        return Problem(where, f"found {tag!r}{nearest(tag, tags)}", " or ".join(tags))
    if detail["type"] in ("missing", "union_tag_not_found"):
        return Problem(
            where, "is missing", fix="add it; the templates under model_templates/ show every key"
        )
    if detail["type"] == "extra_forbidden":
        allowed = _fields_at(schema, tuple(detail["loc"])[:-1])
        return Problem(
            where, f"is not a known key{nearest(str(location[-1]), allowed)}", ", ".join(allowed)
        )
    if detail["type"] == "value_error":
        return Problem(where, str(detail["ctx"]["error"]))
    return Problem(
        where, f"found {detail['input']!r}", detail["msg"].removeprefix("Input should be ")
    )


def _without_tags(document: Any, location: KeyPath) -> KeyPath:
    """Where an error lies in the file: pydantic also names the `type` that it chose among several."""
    path: list[int | str] = []
    current = document
    for part in location:
        if isinstance(current, dict) and part not in current and part == current.get("type"):
            continue
        path.append(part)
        current = (
            current.get(part)
            if isinstance(current, dict)
            else current[part]
            if isinstance(current, list) and isinstance(part, int)
            else None
        )
    return tuple(path)


def _fields_at(annotation: Any, location: KeyPath) -> list[str]:
    """The keys that the section at `location` (with the types that were chosen) allows."""
    sections = _sections_in(annotation)
    for part in location:
        tagged = [section for section in sections if part in get_args(_annotation(section, "type"))]
        if tagged:
            sections = tagged
        elif isinstance(part, str):
            sections = [
                inner for section in sections for inner in _sections_in(_annotation(section, part))
            ]
    return [name for section in sections for name in section.model_fields]


def _annotation(section: type[BaseModel], name: str) -> Any:
    return section.model_fields[name].annotation if name in section.model_fields else None


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a type allows: itself, of a union, of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for inner in get_args(annotation) for section in _sections_in(inner)]

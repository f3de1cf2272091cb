"""Reading template.yaml and model.yaml.

Every problem of a file is reported at once, with its dotted key and its line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.template.document import (
    MODEL_FILE,
    TEMPLATE_FILE,
    LandmarkInput,
    Template,
)
from action_recognition.template.model import (
    MODEL_CONFIG,
    ImageModelConfig,
    LandmarksConfig,
    ModelConfig,
    SteppingConfig,
)
from action_recognition.yaml_lines import KeyPath, load_yaml_with_lines

Loaded = TypeVar("Loaded")
_TEMPLATE: TypeAdapter[Template] = TypeAdapter(Template)
# The loss of causal networks, and of no others.
_EARLY = "early_cross_entropy"


def load_template(path: Path) -> Template:
    """Read and check template.yaml. Raises UserError as `load_checked`."""
    return load_checked(path, Template, _TEMPLATE)


def load_model_config(path: Path) -> ModelConfig:
    """Read and check model.yaml. Raises UserError as `load_checked`."""
    return load_checked(path, ModelConfig, MODEL_CONFIG)


def load_template_dir(folder: Path) -> tuple[Template, ModelConfig]:
    """Read both files of a template or work dir.

    Raises UserError: the problems of both files in one error, or where the two disagree.
    """
    problems: list[Problem] = []
    try:
        template = load_template(folder / TEMPLATE_FILE)
    except UserError as error:
        problems.extend(error.problems)
    try:
        model = load_model_config(folder / MODEL_FILE)
    except UserError as error:
        problems.extend(error.problems)

    if not problems:
        problems = _disagreements(folder / TEMPLATE_FILE, template, model)
    if problems:
        raise UserError(problems)
    return template, model


def _disagreements(path: Path, template: Template, model: ModelConfig) -> list[Problem]:
    """Return the problems of a template with this model."""
    clip_len = template.input.clip_len
    takes_landmarks = isinstance(model, LandmarksConfig)
    if takes_landmarks != isinstance(template.input, LandmarkInput):
        allowed = f"{'landmarks' if takes_landmarks else 'frames'}, which {model.type} takes"
        return [Problem(f"{path}: input.kind", f"found {template.input.kind!r}", allowed)]
    if isinstance(model, ImageModelConfig) and clip_len != 1:
        allowed = f"1, since {model.type} takes single pictures"
        return [Problem(f"{path}: input.clip_len", f"found {clip_len}", allowed)]
    if isinstance(model, SteppingConfig):
        return _causal_problems(path, template, model)

    if template.training.loss.type == _EARLY:
        others = "am_softmax or cross_entropy"
        return [Problem(f"{path}: training.loss.type", f"{_EARLY} is for causal networks", others)]
    return []


def _causal_problems(path: Path, template: Template, model: SteppingConfig) -> list[Problem]:
    """Return the problems of a causal network: it learns at every step, from whole steps."""
    problems = []
    loss = template.training.loss.type
    if loss != _EARLY:
        allowed = f"{_EARLY}, since {model.type} gives a result at every step"
        problems.append(Problem(f"{path}: training.loss.type", f"found {loss!r}", allowed))

    step, clip_len = model.frames_per_step, template.input.clip_len
    if clip_len % step:
        allowed = f"a multiple of {step}, the frames of a step"
        problems.append(Problem(f"{path}: input.clip_len", f"found {clip_len}", allowed))
    return problems


def load_checked(path: Path, schema: Any, adapter: TypeAdapter[Loaded]) -> Loaded:
    """Read a YAML file and check it against a schema, of which `adapter` is the validator.

    Raises UserError: every problem with file, line and dotted key.
    """
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
            _problem(detail, schema, _place(path, document, lines, detail))
            for detail in error.errors()
        ) from None


def _place(
    path: Path, document: dict[str, Any], lines: dict[KeyPath, int], detail: ErrorDetails
) -> str:
    """Return file, line and dotted key of an error. A missing key has the line of its section."""
    location = _without_tags(document, tuple(detail["loc"]))
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        location = (*location, "kind" if location[-1:] == ("input",) else "type")
    known = location
    while known and known not in lines:
        known = known[:-1]
    return f"{path}:{lines.get(known, 1)}: {'.'.join(map(str, location)) or 'the file'}"


def _problem(detail: ErrorDetails, schema: Any, where: str) -> Problem:
    """Put an error of pydantic into our words."""
    kind = detail["type"]
    if kind == "union_tag_invalid":
        tag, expected = detail["ctx"]["tag"], detail["ctx"]["expected_tags"]
        tags = expected.replace("'", "").split(", ")
        return Problem(where, f"found {tag!r}{nearest(tag, tags)}", " or ".join(tags))
    # A section without its `type` is reported as one that misses a key.
    if kind in ("missing", "union_tag_not_found"):
        fix = "add it; the templates under model_templates/ show every key"
        return Problem(where, "is missing", fix=fix)

    if kind == "extra_forbidden":
        key, allowed = str(detail["loc"][-1]), _fields_at(schema, tuple(detail["loc"])[:-1])
        return Problem(where, f"is not a known key{nearest(key, allowed)}", ", ".join(allowed))
    if kind == "value_error":
        return Problem(where, str(detail["ctx"]["error"]))
    allowed_values = detail["msg"].removeprefix("Input should be ")
    return Problem(where, f"found {detail['input']!r}", allowed_values)


def _without_tags(document: Any, location: KeyPath) -> KeyPath:
    """Return the keys that lead to an error in the file.

    Pydantic also names the `type` that it chose among several, which is no key of the file.
    """
    path: list[int | str] = []
    current = document
    for part in location:
        if isinstance(current, dict) and part not in current and part in _tags(current):
            continue
        path.append(part)
        current = _child(current, part)
    return tuple(path)


def _tags(section: dict[str, Any]) -> tuple[Any, Any]:
    """Return the names under which pydantic knows a section. An input without one has frames."""
    return section.get("type"), section.get("kind", "frames")


def _child(node: Any, part: int | str) -> Any:
    """Return what a key or index leads to, None where nothing is."""
    if isinstance(node, dict):
        return node.get(part)
    return node[part] if isinstance(node, list) and isinstance(part, int) else None


def _fields_at(annotation: Any, location: KeyPath) -> list[str]:
    """Return the keys that the section at `location` allows (with the types that were chosen)."""
    sections = _sections_in(annotation)
    for part in location:
        tagged = [
            section
            for section in sections
            for tag in ("type", "kind")
            if part in get_args(_annotation(section, tag))
        ]
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
    """Return the sections that a type allows: itself, those of a union, those of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for inner in get_args(annotation) for section in _sections_in(inner)]

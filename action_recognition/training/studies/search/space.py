"""SPACE.yaml: the values to try, the flags of every trial, and the number of trials."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from action_recognition.errors import Problem, UserError, nearest
from action_recognition.files import write_text
from action_recognition.template import (
    MODEL_CONFIG,
    MODEL_FILE,
    TEMPLATE_FILE,
    Template,
    load_checked,
    load_template_dir,
)
from action_recognition.template.sections import NonNegativeInt, PositiveInt, Section
from action_recognition.yaml_lines import load_yaml, load_yaml_with_lines

if TYPE_CHECKING:
    import optuna

_MODEL_PREFIX = "model."
Documents = tuple[dict[str, Any], dict[str, Any]]
"""template.yaml and model.yaml."""


class Range(Section):
    """Numbers from `low` to `high`, integers if both bounds are.

    With `log` as many numbers lie below the geometric mean of the bounds as above it.
    """

    low: float | int
    high: float | int
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} has no logarithm: log needs numbers above 0")
        return self


Dimension = Range | Annotated[list[Any], Field(min_length=1)]
"""A range, or the values to choose from."""


class SearchSpace(Section):
    """The content of SPACE.yaml.

    `space` holds dotted keys of template.yaml, and keys of model.yaml with the prefix `model.`.
    `train` holds flags of train.py without `--`.
    """

    # The folder with template.yaml and model.yaml, relative to the folder of SPACE.yaml.
    template: str
    train: dict[str, Any]
    trials: PositiveInt
    space: Annotated[dict[str, Dimension], Field(min_length=1)]
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "halving", "none"] = "median"
    # This many trials are drawn at random. None is pruned before this many are done.
    startup_trials: PositiveInt = 5
    # No trial is pruned before it has trained this many epochs.
    warmup_epochs: NonNegativeInt = 2
    seed: NonNegativeInt = 0


def load_space(path: Path) -> tuple[SearchSpace, Documents]:
    """Load SPACE.yaml and the template that it changes.

    Errors: UserError that names every wrong key, with the nearest right one, and every value that
    the template does not allow.
    """
    space = load_checked(path, SearchSpace, TypeAdapter(SearchSpace))
    documents = _load_documents(path.parent / space.template)

    # The problems name the lines of SPACE.yaml.
    lines = load_yaml_with_lines(path)[1]
    problems: list[Problem] = []
    for key, dimension in space.space.items():
        where = f"{path}:{lines.get(('space', key), 1)}: space.{key}"
        problems += _problems(where, key, dimension, documents)
    if problems:
        raise UserError(problems)
    return space, documents


def _load_documents(folder: Path) -> Documents:
    """Read template.yaml and model.yaml after a check that both are valid."""
    load_template_dir(folder)
    template, model = (load_yaml(folder / name) for name in (TEMPLATE_FILE, MODEL_FILE))
    return template, model


def with_values(documents: Documents, values: Mapping[str, Any]) -> Documents:
    """Return copies of both documents with the values at their dotted keys."""
    changed = copy.deepcopy(documents)
    for key, value in values.items():
        section, name = _place(changed, key)
        section[name] = value
    return changed


def write_documents(documents: Documents, folder: Path) -> None:
    """Write template.yaml and model.yaml into a folder, each atomically."""
    for name, document in zip((TEMPLATE_FILE, MODEL_FILE), documents, strict=True):
        write_text(folder / name, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def suggest(space: SearchSpace, trial: optuna.Trial) -> dict[str, Any]:
    """Draw the values of a trial.

    Optuna takes only plain values to choose from, so they are passed to it as JSON.
    """
    return {key: _suggest(key, dimension, trial) for key, dimension in space.space.items()}


def _suggest(key: str, dimension: Dimension, trial: optuna.Trial) -> Any:
    if isinstance(dimension, list):
        choices = [json.dumps(value) for value in dimension]
        return json.loads(str(trial.suggest_categorical(key, choices)))

    # Two whole bounds mean whole numbers.
    low, high = dimension.low, dimension.high
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, log=dimension.log)
    return trial.suggest_float(key, low, high, log=dimension.log)


def _problems(
    where: str, key: str, dimension: Dimension, documents: Documents
) -> Iterator[Problem]:
    """Yield a problem for an unknown key, or for each value that the template does not allow."""
    try:
        _place(documents, key)
    except KeyError:
        found = f"is no key of the template{nearest(key, dotted_keys(documents))}"
        allowed = f"a dotted key of {TEMPLATE_FILE}, of {MODEL_FILE} behind {_MODEL_PREFIX}"
        yield Problem(where, found, allowed)
        return

    # Of a range, only the bounds are checked.
    values = dimension if isinstance(dimension, list) else (dimension.low, dimension.high)
    for value in values:
        if (message := _refusal(with_values(documents, {key: value}))) is not None:
            yield Problem(where, f"the value {value!r} is not allowed: {message}")


def _refusal(documents: Documents) -> str | None:
    """Return why the documents are not valid, or None if they are."""
    template, model = documents
    try:
        TypeAdapter(Template).validate_python(template)
        MODEL_CONFIG.validate_python(model)
    except ValidationError as error:
        return error.errors(include_url=False)[0]["msg"]
    return None


def _place(documents: Documents, key: str) -> tuple[dict[str, Any], str]:
    """Return the section that holds a dotted key, and the key's name in it.

    Errors: KeyError if there is no such key.
    """
    section: Any = documents[1] if key.startswith(_MODEL_PREFIX) else documents[0]
    *sections, name = key.removeprefix(_MODEL_PREFIX).split(".")

    # A key below a plain value leads nowhere.
    for part in sections:
        section = section[part] if isinstance(section, dict) else {}
    if not isinstance(section, dict) or name not in section:
        raise KeyError(key)
    return section, name


def dotted_keys(documents: Documents) -> list[str]:
    """Return all keys that a space may name.

    >>> dotted_keys(({"a": {"b": 1}}, {"c": 2}))
    ['a', 'a.b', 'model.c']
    """
    return [*_dotted(documents[0], ""), *_dotted(documents[1], _MODEL_PREFIX)]


def _dotted(section: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, value in section.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")

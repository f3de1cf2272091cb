"""The items of a JSON list with the lines on which they begin, each checked against a schema of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from action_recognition.data.tables import read_text
from action_recognition.errors import user_error

_SPACE = re.compile(r"[ \t\r\n]*")
Model = TypeVar("Model", bound=BaseModel)


class Item(NamedTuple):
    """`where` is `file:line entry N`, N from 1."""

    where: str
    value: Any


def json_list(file: Path) -> Iterator[Item]:
    """The items of a file that holds one JSON list; a `UserError` names the line where it is none."""
    text, _ = read_text(file)
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        raise user_error(f"{file}:1", "is no JSON list", "[{...}, {...}]")
    position = _skip(text, position + 1)
    line, counted, number = 1, 0, 0
    again = "take the published file again"
    while text[position : position + 1] != "]":
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, position = json.JSONDecoder().raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raise user_error(
                f"{file}:{line}", f"is not readable as JSON ({error})", fix=again
            ) from None
        number += 1
        yield Item(f"{file}:{line} entry {number}", value)
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            raise user_error(
                f"{file}:{line}",
                "ends inside its list, or holds something between two entries",
                fix=again,
            )


def json_document(file: Path, model: type[Model]) -> Model:
    """The document of a file that holds one JSON object; a `UserError` lists what its schema does not allow."""
    text, _ = read_text(file)
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise user_error(str(file), schema_problem(error)) from None


def schema_problem(error: ValidationError) -> str:
    """What is wrong, in one line: the first three fields.

    >>> class Point(BaseModel):
    ...     x: int
    >>> try:
    ...     Point.model_validate({"x": "left"})
    ... except ValidationError as error:
    ...     print(schema_problem(error))
    x: Input should be a valid integer, unable to parse string as an integer (found 'left')
    """
    parts = []
    for detail in error.errors(include_url=False)[:3]:
        name = ".".join(str(part) for part in detail["loc"])
        found = "" if detail["type"] == "missing" else f" (found {str(detail['input'])[:40]!r})"
        parts.append(f"{name}: {detail['msg']}{found}" if name else f"{detail['msg']}{found}")
    return "; ".join(parts)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()

"""Read the items of a JSON list with their lines, each checked against its schema."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from action_recognition.data.tables import read_text
from action_recognition.dataset_tools.importing.found import Found, FoundClip
from action_recognition.dataset_tools.importing.media_index import MediaIndex
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import UserError, user_error

# Blanks between the values of JSON.
_SPACE = re.compile(r"[ \t\r\n]*")
_TAKE_AGAIN = "take the published file again"
# Files that are named by an id alone may be whole videos.
_PATTERNS_OF_WHOLE_VIDEOS = ("{id}", "{video_id}")
Model = TypeVar("Model", bound=BaseModel)


class Item(NamedTuple):
    """An item of a list. `where` is `file:line entry N`, N from 1."""

    where: str
    value: Any


def json_files(source: Path, is_entry: Callable[[object], bool]) -> list[Path]:
    """Return the JSON files of a source whose first item is an entry."""
    return [file for file in side_files(source, ".json") if is_entry(_first_item(file))]


def json_list(file: Path) -> Iterator[Item]:
    """Yield the items of a file that holds one JSON list.

    Raises UserError: the file holds none. The error names the line.
    """
    text, _ = read_text(file)
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        raise user_error(f"{file}:1", "is no JSON list", "[{...}, {...}]")
    position = _skip(text, position + 1)

    line, counted, number = 1, 0, 0
    while text[position : position + 1] != "]":
        # Lines are counted piece by piece: files are large.
        line, counted = line + text.count("\n", counted, position), position
        where = f"{file}:{line}"
        value, position = _decoded(text, position, where)
        number += 1
        yield Item(f"{where} entry {number}", value)
        position = _behind_comma(text, position, where)


def json_document(file: Path, model: type[Model]) -> Model:
    """Read a file that holds one JSON object.

    Raises UserError: the object breaks its schema. The error lists what is not allowed.
    """
    text, _ = read_text(file)
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise user_error(str(file), schema_problem(error)) from None


def schema_problem(error: ValidationError) -> str:
    """Tell in one line what is wrong with the first three fields.

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


@dataclass
class EntryReader:
    """Find the files of a source's entries. Collect clips and what is left out."""

    source: Path
    options: SourceOptions
    patterns: tuple[str, ...]
    is_entry: Callable[[object], bool]
    example: str

    def __post_init__(self) -> None:
        self.folder = self.source if self.source.is_dir() else self.source.parent
        self.files = json_files(self.source, self.is_entry)
        if not self.files:
            allowed = f"a list of entries such as {self.example}"
            raise user_error(str(self.source), "holds no JSON file of this format", allowed)
        self.index = MediaIndex(self.options.clips or self.folder)
        # Paths of clips are relative to the folder of the index.
        self.found = Found(self.index.root)
        self.num_refused = 0

    def items(self) -> list[tuple[Path, Item]]:
        """Return the items of all files, each with its file."""
        return [(file, item) for file in self.files for item in json_list(file)]

    def validated(self, model: type[Model], where: str, value: object) -> Model | None:
        """Check a value against a schema. Leave out what breaks it, and return None."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.num_refused += 1
            self.found.leave_out(where, "", schema_problem(error))
            return None

    def add(self, clip: FoundClip, **fields: str | int) -> None:
        """Add a clip with the file that its fields name, or leave it out."""
        given = self.options.clip_name
        match = self.index.find((given,) if given else self.patterns, **fields)
        if match.problem:
            self.found.leave_out(clip.where, match.path, match.problem)
            return
        # A file that is named for start and end, or by the user, holds the clip alone.
        span = clip.span if match.pattern in _PATTERNS_OF_WHOLE_VIDEOS else None
        self.found.clips.append(dataclasses.replace(clip, path=match.path, span=span))

    def result(self, classes: list[str]) -> Found:
        """Return all that was found.

        Raises UserError: every entry was refused.
        """
        left_out = self.found.left_out
        if self.num_refused and not self.found.clips and self.num_refused == len(left_out):
            # Every entry was refused: the file has another schema.
            where, reason = left_out[0].where, left_out[0].reason
            raise user_error(where, f"no entry follows the schema of this format: {reason}")
        self.found.classes = classes
        self.found.warnings += self.index.unused_warning()
        return self.found


def _first_item(file: Path) -> object:
    try:
        return next(json_list(file), Item("", None)).value
    except UserError:
        return None


def _decoded(text: str, position: int, where: str) -> tuple[Any, int]:
    """Decode one value. Return it and the position after it."""
    try:
        return json.JSONDecoder().raw_decode(text, position)
    except (ValueError, RecursionError) as error:
        found = f"is not readable as JSON ({error})"
        raise user_error(where, found, fix=_TAKE_AGAIN) from None


def _behind_comma(text: str, position: int, where: str) -> int:
    """Return the position of the next item, or of the end of the list."""
    position = _skip(text, position)
    if text[position : position + 1] == ",":
        return _skip(text, position + 1)
    if text[position : position + 1] != "]":
        found = "ends inside its list, or holds something between two entries"
        raise user_error(where, found, fix=_TAKE_AGAIN)
    return position


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()

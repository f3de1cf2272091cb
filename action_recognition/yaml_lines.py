"""Read YAML with the line number of every key, and refuse a key that occurs twice."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from action_recognition.errors import Problem, UserError, user_error
from action_recognition.files import check_plain_file

KeyPath = tuple[int | str, ...]

# Templates have some kB. The reader is slow, and takes 15 s for this.
_MAX_BYTES = 1_000_000
# An alias repeats what it stands for: few lines can stand for more values than memory holds.
_MAX_VALUES = 100_000
_MAX_DEPTH = 50
_BRACKETS = re.compile(r"[][{}]")
# A level of a block takes a column at least, and `- - -` opens three in one line. Lines may end in
# other characters than Python's, so such a run counts anywhere.
_DEEP_BLOCK = re.compile(r"[ \t?:-]{200}")
# What PyYAML raises for a value that its text cannot give.
_UNBUILDABLE = (
    yaml.YAMLError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
)


def load_yaml(path: Path) -> Any:
    """Return the document as plain Python values, None for an empty file.

    Raises UserError: as `load_yaml_with_lines`.
    """
    return load_yaml_with_lines(path)[0]


def load_yaml_with_lines(path: Path) -> tuple[Any, dict[KeyPath, int]]:
    """Return the document as plain Python values, and the 1-based line of each key and list item.

    Raises UserError: the file is missing or unreadable, its text is not YAML, a key occurs twice
    in one mapping, a value cannot be built, or aliases stand for too many values.
    """
    text = _text_of(path)
    if _bracket_depth(text) > _MAX_DEPTH:
        raise user_error(str(path), "is nested too deeply")
    loader, root = _composed(path, text)
    # An empty file.
    if root is None:
        return None, {}

    lines: dict[KeyPath, int] = {}
    problems = list(_walk(root, path, lines))
    if problems:
        raise UserError(problems)
    return _built(path, loader, root), lines


def _text_of(path: Path) -> str:
    check_plain_file(path, _MAX_BYTES)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise user_error(str(path), "there is no such file", fix="check the path") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise user_error(str(path), "is not a text file in UTF-8") from None


def _bracket_depth(text: str) -> int:
    """Return how deep brackets are nested. PyYAML takes seconds before it gives deep ones up."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        # Those within quotes count, too: no text has so many that are never closed.
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _loader_of(text: str) -> Any:
    """Return a loader of plain values: libyaml's, or PyYAML's own, which is 20 times as slow.

    PyYAML's own says what is wrong in a text, and gives deep nesting up, where libyaml's would run
    out of stack.
    """
    if yaml.__with_libyaml__ and not _DEEP_BLOCK.search(text) and _is_yaml(text):
        return yaml.CSafeLoader(text)
    return yaml.SafeLoader(text)


def _is_yaml(text: str) -> bool:
    try:
        yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError):
        return False
    return True


def _composed(path: Path, text: str) -> tuple[Any, yaml.Node | None]:
    """Return the loader and the tree of its nodes, which know their lines."""
    try:
        loader = _loader_of(text)
        return loader, loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(path, error) from None
    except yaml.YAMLError as error:
        raise user_error(str(path), f"is not YAML: {error}") from None
    except RecursionError:
        raise user_error(str(path), "is nested too deeply") from None


def _built(path: Path, loader: Any, root: yaml.Node) -> Any:
    """Return the values that the nodes stand for."""
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(path, error) from None
    # A date in a 13th month, a tag !!int before a word, a number of thousands of digits.
    except _UNBUILDABLE as error:
        found = f"has a value that cannot be read ({str(error)[:200]})"
        raise user_error(str(path), found, fix="put texts into quotes") from None


def _not_yaml(path: Path, error: yaml.MarkedYAMLError) -> UserError:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    return user_error(f"{path}:{line}", f"is not YAML: {error.problem}")


def _walk(root: yaml.Node, path: Path, lines: dict[KeyPath, int]) -> Iterator[Problem]:
    """Put the line of every key and item below `root` into `lines`, and yield keys that repeat.

    An alias is walked like what it stands for. Raises UserError: that never ends.
    """
    todo: list[tuple[yaml.Node, KeyPath]] = [(root, ())]
    for number in itertools.count(1):
        if not todo:
            return
        if number + len(todo) > _MAX_VALUES:
            found = f"stands for more than {_MAX_VALUES} values, by aliases (*name)"
            raise user_error(str(path), found, fix="write the values themselves")

        node, prefix = todo.pop()
        if len(prefix) > _MAX_DEPTH:
            raise user_error(str(path), "is nested too deeply, or an alias stands for itself")
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                key_path = (*prefix, str(key_node.value))
                # PyYAML counts lines from 0.
                line = key_node.start_mark.line + 1
                if key_path in lines:
                    yield _repeated(key_path, f"{path}:{line}", lines[key_path])
                lines[key_path] = line
                todo.append((value_node, key_path))
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                lines[(*prefix, index)] = item.start_mark.line + 1
                todo.append((item, (*prefix, index)))


def _repeated(key_path: KeyPath, place: str, first_line: int) -> Problem:
    dotted = ".".join(map(str, key_path))
    found = f"stands already on line {first_line}"
    return Problem(f"{place}: {dotted}", found, fix="keep one of them")

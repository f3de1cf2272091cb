"""Read YAML with the line number of every key, and refuse a key that occurs twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from action_recognition.errors import Problem, UserError, user_error

KeyPath = tuple[int | str, ...]


def load_yaml_with_lines(path: Path) -> tuple[Any, dict[KeyPath, int]]:
    """Return the document as plain Python values, and the 1-based line of each key and list item.

    Raises UserError: the file is missing or unreadable, its text is not YAML, or a key occurs twice
    in one mapping.
    """
    root, document = _parsed(path, _text_of(path))
    # An empty file.
    if root is None:
        return None, {}

    lines: dict[KeyPath, int] = {}
    problems = list(_walk(root, (), lines, path))
    if problems:
        raise UserError(problems)
    return document, lines


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise user_error(str(path), "there is no such file", fix="check the path") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise user_error(str(path), "is not a text file in UTF-8") from None


def _parsed(path: Path, text: str) -> tuple[yaml.Node | None, Any]:
    """Return the tree of nodes, which know their lines, and the values."""
    try:
        # Read twice: the nodes know lines, the loader knows types.
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise user_error(f"{path}:{line}", f"is not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise user_error(str(path), f"is not YAML: {error}") from None
    except RecursionError:
        raise user_error(str(path), "is nested too deeply") from None


def _walk(
    node: yaml.Node, prefix: KeyPath, lines: dict[KeyPath, int], path: Path
) -> Iterator[Problem]:
    """Put the line of every key and item below `node` into `lines`, and yield keys that repeat."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key_path = (*prefix, str(key_node.value))
            # PyYAML counts lines from 0.
            line = key_node.start_mark.line + 1
            if key_path in lines:
                yield _repeated(key_path, f"{path}:{line}", lines[key_path])

            lines[key_path] = line
            yield from _walk(value_node, key_path, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*prefix, index)] = item.start_mark.line + 1
            yield from _walk(item, (*prefix, index), lines, path)


def _repeated(key_path: KeyPath, place: str, first_line: int) -> Problem:
    dotted = ".".join(map(str, key_path))
    found = f"stands already on line {first_line}"
    return Problem(f"{place}: {dotted}", found, fix="keep one of them")

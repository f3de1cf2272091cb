"""YAML that remembers on which line each key stands, and refuses keys that stand twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from action_recognition.errors import Problem, UserError, user_error

KeyPath = tuple[int | str, ...]


def load_yaml_with_lines(path: Path) -> tuple[Any, dict[KeyPath, int]]:
    """The document (plain Python values) and the 1-based line of every key and list item.

    Errors: a missing or unreadable file, text that is not YAML, a key that stands twice in one mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise user_error(str(path), "there is no such file", fix="check the path") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise user_error(str(path), "is not a text file in UTF-8") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise user_error(f"{path}:{line}", f"is not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise user_error(str(path), f"is not YAML: {error}") from None
    except RecursionError:
        raise user_error(str(path), "is nested too deeply") from None
    if root is None:
        return None, {}
    lines: dict[KeyPath, int] = {}
    problems = list(_walk(root, (), lines, path))
    if problems:
        raise UserError(problems)
    return document, lines


def _walk(
    node: yaml.Node, prefix: KeyPath, lines: dict[KeyPath, int], path: Path
) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key_path = (*prefix, str(key_node.value))
            line = key_node.start_mark.line + 1
            if key_path in lines:
                yield Problem(
                    f"{path}:{line}: {'.'.join(map(str, key_path))}",
                    f"stands already on line {lines[key_path]}",
                    fix="keep one of them",
                )
            lines[key_path] = line
            yield from _walk(value_node, key_path, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*prefix, index)] = item.start_mark.line + 1
            yield from _walk(item, (*prefix, index), lines, path)

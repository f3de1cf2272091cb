"""Templates: every value of template.yaml and model.yaml as something else, and files that are no
YAML.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.hostile.harness import Call, Case
from tests.hostile.stage import Stage, copy_of

_ODD_VALUES: Final[Mapping[str, Any]] = {
    "nested": {"a": {"b": 1}},
    "text": "many\nwords",
    "huge": 10**30,
    "negative": -1e300,
    "not a number": float("nan"),
}
_NEVER_RIGHT: Final = ("nested",)
_ODD_FILES: Final[Mapping[str, str]] = {
    "empty": "",
    "a list": "- 1\n- 2\n",
    "a word": "word\n",
    "a tab": "name:\tx\n\tinput: 1\n",
    "an open quote": 'name: "x\n',
    "an open bracket": "labels: [a, b\n",
    "twice the same key": "name: a\nname: b\n",
    "a tag of Python": "name: !!python/object/apply:os.getcwd []\n",
    "an alias of itself": "labels: &a [*a]\n",
    "an unknown alias": "labels: *nowhere\n",
    "a 13th month": "name: 2024-13-40\n",
    "many digits": "name: " + "9" * 6000 + "\n",
    "deep brackets": "labels: " + "[" * 3000 + "]" * 3000 + "\n",
    "two documents": "name: a\n---\nname: b\n",
    "a null byte": "name: a\0b\n",
    "a key that is a list": "? [a, b]\n: 1\n",
    "a control character": "name: \x07\n",
    "a number as a key": "1: 2\n",
    "binary": "name: !!binary aGVsbG8=\n",
    "sexagesimal": "name: 190:20:30\n",
}


def cases(stage: Stage) -> Iterator[Case]:
    """Instantiate a template in which one thing is odd."""
    for name in ("template.yaml", "model.yaml"):
        content = yaml.safe_load((stage.template.parent / name).read_text())
        for keys in _leaves(content):
            yield from _with_odd_values(stage, name, content, keys)
        for title, text in _ODD_FILES.items():
            yield _case(stage, f"{name}: {title}", name, text, "refused")


def _with_odd_values(
    stage: Stage, name: str, content: Any, keys: tuple[Any, ...]
) -> Iterator[Case]:
    place = ".".join(map(str, keys))
    for title, value in _ODD_VALUES.items():
        text = yaml.safe_dump(_changed(content, keys, value), sort_keys=False)
        expected = "refused" if title in _NEVER_RIGHT else "either"
        yield _case(stage, f"{name}: {place}: {title}", name, text, expected)

    text = yaml.safe_dump(_changed(content, keys, None, remove=True), sort_keys=False)
    yield _case(stage, f"{name}: without {place}", name, text, "either")


def _case(stage: Stage, title: str, name: str, text: str, expected: Any) -> Case:
    def make(folder: Path) -> Call:
        template = copy_of(stage.template.parent, folder / "template")
        (template / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        work_dir = folder / "work"
        return Call("tools/instantiate_template.py", [template, work_dir], [work_dir])

    return Case("templates", title, make, expected)


def _leaves(content: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys that lead to every value."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from _leaves(value, (*before, key))
    else:
        yield before


def _changed(content: Any, keys: tuple[Any, ...], value: Any, remove: bool = False) -> Any:
    changed = copy.deepcopy(content)
    inside = changed
    for key in keys[:-1]:
        inside = inside[key]
    if remove:
        del inside[keys[-1]]
    else:
        inside[keys[-1]] = value
    return changed

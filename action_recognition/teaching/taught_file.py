"""`taught.json` beside a model: the embeddings of all examples, so that more can be learned."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from action_recognition.errors import user_error
from action_recognition.files import write_json

TAUGHT_FILE: Final = "taught.json"
NO_GESTURE: Final = "no gesture"
"""The name of what is taught by clips that are no gesture."""
_FORMAT: Final = 1


@dataclass(frozen=True, eq=False)
class Example:
    """A clip that was shown: the name of its file, its SHA-256, and its embedding (E,)."""

    file: str
    sha256: str
    embedding: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Taught:
    """Examples of each taught gesture, in the order of their columns.

    `NO_GESTURE` among them has clips that are no gesture.

    `weights_sha256` names the checkpoint whose embeddings they are.
    """

    weights_sha256: str
    gestures: dict[str, tuple[Example, ...]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Return the number of examples of each gesture."""
        return {name: len(examples) for name, examples in self.gestures.items()}

    def with_examples(self, name: str, examples: Iterable[Example]) -> Taught:
        """Return it with more examples of a gesture. A clip that it has already is not repeated."""
        found = _merged(self.gestures.get(name, ()), examples)
        return replace(self, gestures={**self.gestures, name: found})

    def without(self, name: str) -> Taught:
        """Return it without a gesture."""
        kept = {other: found for other, found in self.gestures.items() if other != name}
        return replace(self, gestures=kept)

    def renamed(self, old: str, new: str) -> Taught:
        """Return it with another name in the same place."""
        found = {new if name == old else name: found for name, found in self.gestures.items()}
        return replace(self, gestures=found)


def _merged(old: tuple[Example, ...], new: Iterable[Example]) -> tuple[Example, ...]:
    found = {example.sha256: example for example in (*old, *new)}
    return tuple(found.values())


def embeddings_of(examples: Iterable[Example], size: int) -> NDArray[np.float32]:
    """Return the embeddings (N, size) of examples, also of none."""
    rows = [example.embedding for example in examples]
    return np.stack(rows) if rows else np.zeros((0, size), np.float32)


def write_taught(path: Path, taught: Taught) -> None:
    """Write the file. Embeddings are numbers of six digits."""
    content = {
        "format": _FORMAT,
        "weights_sha256": taught.weights_sha256,
        "gestures": [
            {"name": name, "examples": [_plain(example) for example in examples]}
            for name, examples in taught.gestures.items()
        ],
    }
    write_json(path, content, ensure_ascii=False)


def read_taught(path: Path, embedding_size: int) -> Taught | None:
    """Read the file, None where there is none. Raises UserError: it is damaged."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError(content["format"])
        gestures = {
            str(item["name"]): _examples(item["examples"], embedding_size)
            for item in content["gestures"]
        }
        return Taught(str(content["weights_sha256"]), gestures)
    except (ValueError, TypeError, KeyError):
        found = "is not readable as the examples of taught gestures"
        fix = "export the model again, then teach the gestures again"
        raise user_error(str(path), found, fix=fix) from None


def _plain(example: Example) -> dict[str, Any]:
    numbers = [round(float(value), 6) for value in example.embedding]
    return {"file": example.file, "sha256": example.sha256, "embedding": numbers}


def _examples(items: list[dict[str, Any]], size: int) -> tuple[Example, ...]:
    found = []
    for item in items:
        embedding = np.array(item["embedding"], np.float32)
        if embedding.shape != (size,) or not np.isfinite(embedding).all():
            raise ValueError(embedding.shape)
        found.append(Example(str(item["file"]), str(item["sha256"]), embedding))
    return tuple(found)

"""The flags of instantiate_template.py, and the work dir that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from action_recognition import console
from action_recognition.template import Template

Say = Callable[[str], None]


def silent(_: str) -> None:
    """Print nothing. It replaces a `say` function."""


@dataclass(frozen=True)
class InstantiateOptions:
    """The flags of instantiate_template.py.

    `say` gets the lines for every user, `detail` those that --verbose adds.
    """

    load_snapshot: bool = True
    snapshot: Path | None = None
    force: bool = False
    say: Say = console.say
    detail: Say = silent


@dataclass(frozen=True)
class WorkDir:
    """A finished work dir."""

    path: Path
    template: Template
    # The content of instantiated_from.json.
    record: dict[str, Any] = field(repr=False)

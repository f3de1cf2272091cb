"""The formats that can be imported, and which one a source has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from action_recognition.data.importing.class_folders import read_class_folders
from action_recognition.data.importing.found import Found
from action_recognition.errors import user_error


@dataclass(frozen=True)
class SourceOptions:
    """What some formats need to be told: where the clips are, how their files are named, how many classes to take."""

    clips: Path | None = None
    clip_name: str | None = None
    num_classes: int | None = None


READERS: dict[str, Callable[[Path, SourceOptions], Found]] = {
    "class_folders": lambda source, options: read_class_folders(source),
}


def read_source(source: Path, name: str, options: SourceOptions) -> tuple[Found, str]:
    """What a source holds, and its format (`name`, or the one that is recognised for "auto")."""
    if not source.exists():
        raise user_error(str(source), "there is no such file or folder")
    name = recognise(source) if name == "auto" else name
    return READERS[name](source, options), name


def recognise(source: Path) -> str:
    """The format of a source."""
    return "class_folders"

"""What some formats need to be told, and words that all of them share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.data.dataset_files import Split
from action_recognition.dataset_tools.importing.found import split_of

_WORDS = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class SourceOptions:
    """Where the clips are, how their files are named, how many classes to take, and their names."""

    clips: Path | None = None
    clip_name: str | None = None
    num_classes: int | None = None
    classes: Sequence[str] | None = None


def named_split(file: Path) -> Split | None:
    """The split that a file is named for.

    >>> named_split(Path("MSASL_val.json")), named_split(Path("train100.txt")), named_split(Path("mine.csv"))
    ('val', 'train', None)
    """
    return next((split for word in _WORDS.findall(file.stem) if (split := split_of(word))), None)

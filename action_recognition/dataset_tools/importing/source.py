"""Options that only some formats take, and the splits that file names tell."""

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
    """The folder of the clips, the pattern of their names, and the number and names of classes."""

    clips: Path | None = None
    clip_name: str | None = None
    num_classes: int | None = None
    classes: Sequence[str] | None = None


def named_split(file: Path) -> Split | None:
    """Return the split that a file is named for.

    >>> [named_split(Path(name)) for name in ("MSASL_val.json", "train100.txt", "mine.csv")]
    ['val', 'train', None]
    """
    return next((split for word in _WORDS.findall(file.stem) if (split := split_of(word))), None)

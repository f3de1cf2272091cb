"""Options that only some formats take, and the splits that file names tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.data.dataset_files import Split
from action_recognition.dataset_tools.importing.found import split_of

_WORDS = re.compile(r"[A-Za-z]+")
# The end of a word such as `trainlist` or `vallistall`.
_LIST = re.compile(r"(?<=.)list\w*$", re.IGNORECASE)


@dataclass(frozen=True)
class SourceOptions:
    """The folder of the clips, the pattern of their names, and the number and names of classes.

    `modality` chooses among several films of each clip, such as color and depth. `split_number`
    chooses among several splits of one set, such as UCF101's three. `columns` are those of a list
    behind its path, and `first_label` is the number of the first class in it.
    """

    clips: Path | None = None
    clip_name: str | None = None
    num_classes: int | None = None
    classes: Sequence[str] | None = None
    modality: str | None = None
    split_number: int | None = None
    columns: tuple[str, ...] | None = None
    first_label: int | None = None


def named_split(file: Path) -> Split | None:
    """Return the split that a file is named for.

    >>> [named_split(Path(name)) for name in ("MSASL_val.json", "trainlist01.txt", "mine.csv")]
    ['val', 'train', None]
    """
    words = (_LIST.sub("", word) for word in _WORDS.findall(file.stem))
    return next((split for word in words if (split := split_of(word))), None)

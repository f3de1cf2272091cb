"""The result of a format's reader: the clips that it found, and what it left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from action_recognition.data.annotation_lines import Numbers
from action_recognition.data.dataset_files import Split

_SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validate": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def split_of(name: str) -> Split | None:
    """Return the split that a word means.

    >>> split_of("Validation"), split_of("wave")
    ('val', None)
    """
    return _SPLIT_NAMES.get(name.strip().lower())


class Seconds(NamedTuple):
    """The time of a gesture in a whole video. `end_s` None is the video's end."""

    start_s: float
    end_s: float | None


class Frames(NamedTuple):
    """The frames of a gesture in its file: the first, from 0, and the one after the last."""

    start: int
    end: int


class Share(NamedTuple):
    """The place of a gesture in its video, as parts of its length, 0..1."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundClip:
    """A clip of a source.

    `path` is below the data root, with '/'. `where` is the place that names the clip: `file:line`,
    or the path itself. `span` is the place of the gesture in the file, None for all of it.
    `frame_rate_fps` is the rate that the source states.
    """

    path: str
    label: str
    where: str
    split: Split | None = None
    person: str | None = None
    span: Numbers | Seconds | Frames | Share | None = None
    frame_rate_fps: float | None = None


class Remark(NamedTuple):
    """Something left out or changed: the place that names it, its file, and why or how."""

    where: str
    path: str
    reason: str


@dataclass
class Found:
    """All that a reader found below `data_root`.

    `classes` are in their order. None means that the names in use are to be sorted.
    `folder_rate_fps` is the rate of frame folders where the format states one. `negative_label` is
    the class without a gesture where the format has one. `are_folders` is True where folders alone
    tell classes and splits.
    """

    data_root: Path
    clips: list[FoundClip] = field(default_factory=list)
    left_out: list[Remark] = field(default_factory=list)
    changed: list[Remark] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    classes: Sequence[str] | None = None
    folder_rate_fps: float | None = None
    negative_label: str | None = None
    are_folders: bool = False

    def leave_out(self, where: str, path: str, reason: str) -> None:
        """Remember that something was left out, and why."""
        self.left_out.append(Remark(where, path, reason))

"""The clips of annotation files as columns: a million of them in about 100 MB.

Processes that fork share the columns.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.annotation_lines import Numbers
from action_recognition.data.sampling import FrameRange
from action_recognition.data.shards.path import ShardPath

MediaPath = Path | ShardPath
"""A video file or a folder of frames, on disk or inside a shard."""

UNKNOWN = 0
"""`clip_end`, `video_end` and `frame_rate_fps` of a two-column line, whose clip is the whole video.

`frame_source.completed` fills them in.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRecord(FrameRange):
    """One clip of an annotation file. Frame numbers are 0-based, ends exclusive.

    `line` is the place in the annotation file, as in `train.txt:12`.
    """

    path: MediaPath
    label: int
    line: str

    @property
    def is_whole_video(self) -> bool:
        """True for a two-column line. Its length and rate are known once the video is opened."""
        return self.video_end == UNKNOWN


class MediaRoot(Protocol):
    """The place to which the paths of annotation lines are relative."""

    def path(self, text: str) -> MediaPath:
        """Return the video or frame folder of what `PathLookup.find` gave for a line's path."""


class PathLookup(Protocol):
    """Finds the paths of annotation lines while they are read.

    Whatever it remembers for that is not kept with the clips.
    """

    @property
    def root(self) -> MediaRoot:
        """The root from which the paths start."""

    def find(self, path: str) -> tuple[str, str]:
        """Return the text for `root.path`, and what is wrong with the path (empty if nothing)."""


class ClipTable(Sequence[ClipRecord]):
    """Clips in the order of their lines. A record is made when it is asked for.

    A table equals any sequence of the same records.
    """

    def __init__(self, columns: ClipColumns) -> None:
        # Arrays of numbers and one text for all paths, with the end of each in it.
        self._files, self._roots = list(columns.files), list(columns.roots)
        self._paths = bytes(columns.paths)
        self._path_ends = np.array(columns.path_ends, dtype=np.int64)
        self._ranges = np.array(columns.ranges, dtype=np.int64).reshape(-1, 4)
        self._rates_fps = np.array(columns.rates_fps, dtype=np.float64)
        self._places = np.array(columns.places, dtype=np.int32).reshape(-1, 2)

        self.labels: NDArray[np.int32] = np.array(columns.labels, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> ClipRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[ClipRecord]: ...
    def __getitem__(self, index: int | slice) -> ClipRecord | list[ClipRecord]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        # `range` resolves a negative index, and raises IndexError beyond the ends.
        return self._record(range(len(self))[index])

    def _record(self, i: int) -> ClipRecord:
        """Make the record of a row from 0 to the length."""
        file, line = self._places[i].tolist()
        clip_start, clip_end, video_start, video_end = self._ranges[i].tolist()
        return ClipRecord(
            clip_start=clip_start,
            clip_end=clip_end,
            video_start=video_start,
            video_end=video_end,
            frame_rate_fps=float(self._rates_fps[i]),
            path=self._roots[file].path(self._path_text(i)),
            label=int(self.labels[i]),
            line=f"{self._files[file]}:{line}",
        )

    def _path_text(self, i: int) -> str:
        """Cut a row's path out of the text of all paths."""
        # A path begins where that of the row before ends.
        start = self._path_ends[i - 1] if i else 0
        return self._paths[start : self._path_ends[i]].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[ClipRecord]:
        # Records are not kept: a million of them would fill the memory of every process.
        return map(self._record, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(self) == len(other)
            and all(a == b for a, b in zip(self, other, strict=True))
        )

    # As a list, which has no hash either.
    __hash__ = None  # type: ignore[assignment]


def labels_of(records: Sequence[ClipRecord]) -> NDArray[np.int32]:
    """Return the label of every record."""
    if isinstance(records, ClipTable):
        return records.labels
    return np.array([record.label for record in records], dtype=np.int32)


class ClipColumns:
    """The columns of a table, while lines are read."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.roots: list[MediaRoot] = []
        self.paths = bytearray()
        # Eight bytes per end of a path, frame number and rate, four per label, file and line.
        self.path_ends, self.ranges = array("q"), array("q")
        self.rates_fps, self.labels, self.places = array("d"), array("i"), array("i")

    def start_file(self, file: Path, root: MediaRoot) -> None:
        """Take the clips that are added from now on as those of this file."""
        self.files.append(file)
        self.roots.append(root)

    def add(self, line_number: int, found_path: str, label: int, numbers: Numbers) -> None:
        """Add a clip of the current file. `found_path` is the text for the root's `path`."""
        # Undecodable bytes of a file name survive the way through the text.
        self.paths += found_path.encode("utf-8", "surrogateescape")
        self.path_ends.append(len(self.paths))
        self.ranges.extend(numbers[:4])
        self.rates_fps.append(numbers[4])
        self.labels.append(label)
        self.places.extend((len(self.files) - 1, line_number))

    def __len__(self) -> int:
        return len(self.labels)

"""One entry of the frame cache: a file with the uncompressed frames of a part of a video.

Each frame has a checksum. A video is known by the sha256 of its content. One that changes gets a
new entry, one that moves keeps its own.
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.shards.path import ShardImage, ShardPath
from action_recognition.data.transforms import Frames
from action_recognition.files import write_atomically

# Magic, frames of the video, its rate (0: not stated), first frame, frames here, height, width.
_HEADER = struct.Struct("<8sqdqqqq")
_MAGIC = b"frames01"


@dataclass(frozen=True, slots=True)
class Entry:
    """Frames `first` to `first + count` of a video of `num_frames`, in a file."""

    path: Path
    num_frames: int
    frame_rate_fps: float | None
    first: int
    count: int
    height: int
    width: int

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Return the entry in a file, or None when there is none, or not the whole of it."""
        try:
            with path.open("rb") as file:
                header, size = file.read(_HEADER.size), os.fstat(file.fileno()).st_size
        except OSError:
            return None
        if len(header) < _HEADER.size:
            return None

        # A file that was cut short, or is of another kind, is no entry.
        magic, num_frames, rate, *numbers = _HEADER.unpack(header)
        entry = cls(path, num_frames, rate or None, *numbers)
        return entry if magic == _MAGIC and size == entry.size_bytes else None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.height * self.width * 3

    @property
    def data_start(self) -> int:
        """Place of the first frame in the file, behind the header and the checksums."""
        return _HEADER.size + 4 * self.count

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole file."""
        return self.data_start + self.count * self.frame_bytes

    def read(self, frame_indices: Sequence[int]) -> Frames | None:
        """Return (T, H, W, 3) of those frames of the video.

        None when the file is gone, damaged or does not hold them.
        """
        places = np.asarray(frame_indices) - self.first
        if places.min() < 0 or places.max() >= self.count:
            return None

        frames = np.empty((len(places), self.height, self.width, 3), dtype=np.uint8)
        try:
            is_whole = self._read_into(frames, places.tolist())
        except (OSError, struct.error):
            return None
        return frames if is_whole else None

    def _read_into(self, frames: Frames, places: Sequence[int]) -> bool:
        """Fill `frames` with the frames at those places of the file. False: one is damaged."""
        with self.path.open("rb", buffering=0) as file:
            file.seek(_HEADER.size)
            sums = struct.unpack(f"<{self.count}I", file.read(4 * self.count))

            for place, frame in zip(places, frames, strict=True):
                file.seek(self.data_start + place * self.frame_bytes)
                is_full = file.readinto(frame.data) == self.frame_bytes
                if not is_full or zlib.crc32(frame.data) != sums[place]:
                    return False
        return True

    def write(self, frames: Frames) -> None:
        """Write the file with these frames, all of the entry's. Other processes see it whole."""
        shape = (self.first, self.count, self.height, self.width)
        # Header, one CRC-32 per frame, then the pixels.
        header = _HEADER.pack(_MAGIC, self.num_frames, self.frame_rate_fps or 0.0, *shape)
        sums = struct.pack(f"<{len(frames)}I", *(zlib.crc32(frame.data) for frame in frames))

        with (
            write_atomically(self.path, per_process=True) as partial,
            partial.open("wb") as file,
        ):
            file.write(header + sums)
            frames.tofile(file)


def media_hash(path: MediaPath) -> str:
    """Return the sha256 of a video file or frame folder, empty for a path that does not exist."""
    if not path.exists():
        return ""
    # Size and time are part of the key of what is remembered.
    state = path.stat()
    return _content_hash(path, state.st_size, state.st_mtime_ns)


# About 30 MB. A file that changes gets a new entry.
@functools.lru_cache(maxsize=100_000)
def _content_hash(path: MediaPath, size: int, mtime_ns: int) -> str:
    """Return the sha256 of a file, or of the images of a frame folder with their names."""
    files: list[Path | ShardPath | ShardImage] = (
        sorted(path.iterdir(), key=str) if path.is_dir() else [path]
    )

    digest = hashlib.sha256()
    for file in files:
        content = b"" if file.is_dir() else file.read_bytes()
        digest.update(f"{file.name if len(files) > 1 else ''}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()

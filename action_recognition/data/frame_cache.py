"""Small decoded frames on disk: what a clip's video looks like at the size that a network sees, kept by what the video holds.

An entry is the part of a video that an annotation line names, uncompressed, each frame with a checksum: frames are the same to the bit as
those read from the files and resized. A video that changes, or moves, is found by the sha256 of its bytes. The limit holds for all
processes that share the folder: a full cache drops entries that this run has not used, and then takes no more, since dropping what the
next epoch needs would leave a cache that never hits.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.clip_table import ClipRecord, MediaPath
from action_recognition.data.frame_folder import check_frame_numbers
from action_recognition.data.frame_source import FileFrames, completed
from action_recognition.data.shard_path import ShardImage, ShardPath
from action_recognition.data.transforms import Frames, shrink_picture
from action_recognition.data.video import container_frame_rate, count_frames, read_frames
from action_recognition.errors import UserError, user_error

DEFAULT_CACHE_GB = 20.0
VERSION = 1
"""Part of every key: raise it when the same video would give other frames."""
_MAX_ENTRY_BYTES = (
    128 * 1024**2
)  # 500 frames of 256 x 341; a longer part is read from its file, so that memory stays bounded
_STALE_PART_S = 3600.0
_HEADER = struct.Struct(
    "<8sqdqqqq"
)  # magic, frames of the video, its rate (0: not stated), first frame, frames here, height, width
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
        """The entry in a file; None when there is none, or not the whole of it."""
        try:
            with path.open("rb") as file:
                header, size = file.read(_HEADER.size), os.fstat(file.fileno()).st_size
        except OSError:
            return None
        if len(header) < _HEADER.size:
            return None
        magic, num_frames, rate, *numbers = _HEADER.unpack(header)
        entry = cls(path, num_frames, rate or None, *numbers)
        return (
            entry
            if magic == _MAGIC and size == entry.data_start + entry.count * entry.frame_bytes
            else None
        )

    @property
    def frame_bytes(self) -> int:
        return self.height * self.width * 3

    @property
    def data_start(self) -> int:
        return _HEADER.size + 4 * self.count

    def read(self, frame_indices: Sequence[int]) -> Frames | None:
        """(T, H, W, 3) of those frames of the video; None when the file is gone, damaged or does not hold them."""
        places = np.asarray(frame_indices) - self.first
        if places.min() < 0 or places.max() >= self.count:
            return None
        frames = np.empty((len(places), self.height, self.width, 3), dtype=np.uint8)
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(_HEADER.size)
                sums = struct.unpack(f"<{self.count}I", file.read(4 * self.count))
                for place, frame in zip(places.tolist(), frames, strict=True):
                    file.seek(self.data_start + place * self.frame_bytes)
                    if (
                        file.readinto(frame.data) != self.frame_bytes
                        or zlib.crc32(frame.data) != sums[place]
                    ):
                        return None
        except (OSError, struct.error):
            return None
        return frames


class FrameCache:
    """A `FrameSource` in front of the files; `short_side` is what clips are resized to. Copies in other processes share the limit.

    A `UserError` names a folder that cannot be written to.
    """

    def __init__(self, folder: Path, limit_bytes: int, short_side: int) -> None:
        self.folder, self.limit_bytes, self.short_side = folder, limit_bytes, short_side
        self.began = time.time()
        self._files = FileFrames(short_side)
        self._last: tuple[ClipRecord, Entry | None] | None = None
        self._unkept: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._total() as total:
                total.value = self._scan()
        except OSError as error:
            raise user_error(
                f"--frame-cache {folder}",
                f"cannot be written to ({error.strerror})",
                "a folder of yours",
            ) from None

    def complete(self, record: ClipRecord, default_rate_fps: float) -> ClipRecord:
        entry = self._entry(record)
        self._last = (record, entry)
        if entry is None:
            return self._files.complete(record, default_rate_fps)
        full = completed(record, entry.num_frames, entry.frame_rate_fps, default_rate_fps)
        self._last = (full, entry)
        return full

    def read(self, record: ClipRecord, frame_indices: Sequence[int]) -> Frames:
        entry = (
            self._last[1]
            if self._last is not None and self._last[0] is record
            else self._entry(record)
        )
        if entry is None:
            return self._files.read(record, frame_indices)
        check_frame_numbers(record.path, frame_indices, entry.num_frames)
        frames = entry.read(frame_indices)
        if frames is None:
            self._remove(entry.path)
            return self._files.read(record, frame_indices)
        return frames

    def _entry(self, record: ClipRecord) -> Entry | None:
        """The entry for the record's part of its video, made if it is not there; None when it cannot be kept."""
        key = self._key(record)
        path = self.folder / key[:2] / f"{key}.frames"
        entry = Entry.of(path)
        if entry is not None:
            self._mark_used(path)
            return entry
        if key in self._unkept:
            return None
        try:
            entry = self._fill(record, path)
        except (
            UserError,
            OSError,
        ):  # damage outside of the frames that are asked for, or a full disk: the files say what matters
            entry = None
        if entry is None:
            self._unkept.add(key)
        return entry

    def _key(self, record: ClipRecord) -> str:
        state = record.path.stat() if record.path.exists() else None
        content = _content(record.path, state.st_size, state.st_mtime_ns) if state else ""
        parts = (VERSION, content, self.short_side, record.video_start, record.video_end)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def _fill(self, record: ClipRecord, path: Path) -> Entry | None:
        num_frames, rate = count_frames(record.path), container_frame_rate(record.path)
        full = completed(record, num_frames, rate, default_rate_fps=1.0)
        first, count = full.video_start, full.video_end - full.video_start
        height, width = self._shrink(read_frames(record.path, [first])[0]).shape[:2]
        size = _HEADER.size + count * (4 + height * width * 3)
        if size > min(_MAX_ENTRY_BYTES, self.limit_bytes) or not self._reserve(size):
            return None
        try:
            frames = read_frames(record.path, range(first, first + count), self._shrink)
            header = _HEADER.pack(_MAGIC, num_frames, rate or 0.0, first, count, height, width)
            if path.exists():  # another process was quicker
                self._reserve(-size)
            else:
                _write(path, header, frames)
        except BaseException:
            self._reserve(-size)
            raise
        return Entry.of(path)

    def _shrink(self, picture_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return shrink_picture(picture_hwc, self.short_side)

    def _reserve(self, size: int) -> bool:
        """Count `size` bytes as used, if they fit or can be made to."""
        with self._total() as total:
            if total.value + size > self.limit_bytes:
                total.value -= self._drop_unused(total.value + size - self.limit_bytes)
            if total.value + size > self.limit_bytes:
                return False
            total.value += size
        return True

    def _drop_unused(self, excess: int) -> int:
        """Remove entries that were not used since this run began, the longest unused first; returns the bytes that became free."""
        unused = sorted(
            (status.st_mtime, status.st_size, path)
            for path, status in self._entries()
            if status.st_mtime < self.began
        )
        freed = 0
        for _, size, path in unused:
            if freed >= excess:
                break
            path.unlink(missing_ok=True)
            freed += size
        return freed

    def _remove(self, path: Path) -> None:
        try:
            size = path.stat().st_size
            path.unlink()
        except OSError:
            return
        with self._total() as total:
            total.value -= size

    def _entries(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self.folder.glob("*/*.frames"):
            try:
                yield path, path.stat()
            except OSError:
                continue  # another process removed it

    def _scan(self) -> int:
        """Bytes of all entries; what an interrupted run left half-written is removed."""
        for path in self.folder.glob("*/.*.part"):
            if path.stat().st_mtime < self.began - _STALE_PART_S:
                path.unlink(missing_ok=True)
        return sum(status.st_size for _, status in self._entries())

    @contextmanager
    def _total(self) -> Iterator[_Total]:
        """The number of bytes in use, for one process at a time."""
        number = os.open(self.folder / "total_bytes", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            total = _Total(int(os.pread(number, 20, 0) or b"0"))
            yield total
            os.pwrite(
                number, b"%020d" % max(0, total.value), 0
            )  # of one length, so that a full disk cannot cut it off
        finally:
            os.close(number)

    def _mark_used(self, path: Path) -> None:
        try:
            if path.stat().st_mtime < self.began:
                os.utime(path)
        except OSError:
            return  # someone else's folder, or gone: only the order of removal suffers


@dataclass
class _Total:
    value: int


def _write(path: Path, header: bytes, frames: Frames) -> None:
    """Write beside, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            file.write(
                header
                + struct.pack(f"<{len(frames)}I", *(zlib.crc32(frame.data) for frame in frames))
            )
            frames.tofile(file)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@functools.lru_cache(maxsize=100_000)  # about 30 MB; a file that changes gets a new entry
def _content(path: MediaPath, size: int, mtime_ns: int) -> str:
    """sha256 of a file, or of the images of a frame folder with their names."""
    files: list[Path | ShardPath | ShardImage] = (
        sorted(path.iterdir(), key=str) if path.is_dir() else [path]
    )
    digest = hashlib.sha256()
    for file in files:
        content = b"" if file.is_dir() else file.read_bytes()
        digest.update(f"{file.name if len(files) > 1 else ''}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()

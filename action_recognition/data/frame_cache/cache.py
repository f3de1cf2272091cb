"""Small decoded frames on disk: a clip's video at the size that a network sees.

An entry is the part of a video that an annotation line names. Its frames are the same to the bit as
those that are read from the files and resized.

The limit holds for all processes that share the folder. A full cache drops entries that this run
has not used, and then takes no more. To drop what the next epoch needs would leave a cache that
never hits.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.clip_table import ClipRecord
from action_recognition.data.frame_cache.entry import Entry, media_hash
from action_recognition.data.frame_cache.used_bytes import UsedBytes
from action_recognition.data.frame_folder import check_frame_numbers
from action_recognition.data.frame_source import FileFrames, completed
from action_recognition.data.media import READING_VERSION
from action_recognition.data.transforms import Frames, shrink_picture
from action_recognition.data.video import container_frame_rate, count_frames, read_frames
from action_recognition.errors import UserError, user_error

DEFAULT_CACHE_GB = 20.0
# 500 frames of 256 x 341. A longer part is read from its file, so that memory stays bounded.
_MAX_ENTRY_BYTES = 128 * 1024**2
_STALE_PART_S = 3600.0


class FrameCache:
    """A `FrameSource` in front of the files. `short_side` is the size to which clips are resized.

    Copies in other processes share the limit. Raises UserError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, limit_bytes: int, short_side: int) -> None:
        self.folder, self.limit_bytes, self.short_side = folder, limit_bytes, short_side
        self.began = time.time()
        self._files = FileFrames(short_side)
        self._used = UsedBytes(folder)
        # The last completed record with its entry, and the keys of parts that cannot be kept.
        self._last: tuple[ClipRecord, Entry | None] | None = None
        self._unkept: set[str] = set()

        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._used.locked() as used:
                used.num_bytes = self._scan()
        except OSError as error:
            found = f"cannot be written to ({error.strerror})"
            raise user_error(f"--frame-cache {folder}", found, "a folder of yours") from None

    def complete(self, record: ClipRecord, default_rate_fps: float) -> ClipRecord:
        """Return the record with the ends and rate of a two-column line, see `completed`."""
        entry = self._entry(record)
        self._last = (record, entry)
        if entry is None:
            return self._files.complete(record, default_rate_fps)

        full = completed(record, entry.num_frames, entry.frame_rate_fps, default_rate_fps)
        self._last = (full, entry)
        return full

    def read(self, record: ClipRecord, frame_indices: Sequence[int]) -> Frames:
        """Return those frames of the record's video, (T, H, W, 3) uint8 RGB, shrunk."""
        # The record that `complete` has just returned needs no second look at the disk.
        if self._last is not None and self._last[0] is record:
            entry = self._last[1]
        else:
            entry = self._entry(record)
        if entry is None:
            return self._files.read(record, frame_indices)

        check_frame_numbers(record.path, frame_indices, entry.num_frames)
        frames = entry.read(frame_indices)

        # A damaged entry is removed and made again the next time.
        if frames is None:
            self._remove(entry.path)
            return self._files.read(record, frame_indices)
        return frames

    def _entry(self, record: ClipRecord) -> Entry | None:
        """Return the entry of the record's part of its video, made if there is none.

        None when it cannot be kept.
        """
        key = self._key(record)
        path = self.folder / key[:2] / f"{key}.frames"
        entry = Entry.of(path)
        if entry is not None:
            self._mark_used(path)
            return entry
        if key in self._unkept:
            return None

        # Damage outside of the wanted frames, or a full disk: the files say what matters.
        try:
            entry = self._fill(record, path)
        except (UserError, OSError):
            entry = None
        if entry is None:
            self._unkept.add(key)
        return entry

    def _key(self, record: ClipRecord) -> str:
        # The content, not the path: a video that moves keeps its entry.
        content = media_hash(record.path)
        parts = (READING_VERSION, content, self.short_side, record.video_start, record.video_end)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def _fill(self, record: ClipRecord, path: Path) -> Entry | None:
        """Decode the record's part of its video and write it. None: there is no room for it."""
        entry = self._planned_entry(record, path)
        size = entry.size_bytes
        if size > min(_MAX_ENTRY_BYTES, self.limit_bytes) or not self._reserve(size):
            return None

        try:
            places = range(entry.first, entry.first + entry.count)
            frames = read_frames(record.path, places, self._shrink)
            if path.exists():  # another process was quicker
                self._reserve(-size)
            else:
                entry.write(frames)
        except BaseException:
            self._reserve(-size)
            raise
        return Entry.of(path)

    def _planned_entry(self, record: ClipRecord, path: Path) -> Entry:
        """Return the entry for the record's part of its video, before its frames are decoded."""
        num_frames, rate = count_frames(record.path), container_frame_rate(record.path)
        full = completed(record, num_frames, rate, default_rate_fps=1.0)
        first, count = full.video_start, full.video_end - full.video_start

        # One frame tells the size of all.
        height, width = self._shrink(read_frames(record.path, [first])[0]).shape[:2]

        return Entry(path, num_frames, rate, first, count, height, width)

    def _shrink(self, picture_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return shrink_picture(picture_hwc, self.short_side)

    def _reserve(self, size: int) -> bool:
        """Count `size` bytes as used, if they fit or can be made to."""
        with self._used.locked() as used:
            if used.num_bytes + size > self.limit_bytes:
                used.num_bytes -= self._drop_unused(used.num_bytes + size - self.limit_bytes)
            if used.num_bytes + size > self.limit_bytes:
                return False
            used.num_bytes += size
        return True

    def _drop_unused(self, excess: int) -> int:
        """Remove entries that were not used since this run began, the longest unused first.

        Returns the bytes that became free.
        """
        # The time of the last use is the time stamp of the file.
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
        """Remove an entry and count its bytes as free."""
        try:
            size = path.stat().st_size
            path.unlink()
        except OSError:
            return
        with self._used.locked() as used:
            used.num_bytes -= size

    def _entries(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self.folder.glob("*/*.frames"):
            try:
                yield path, path.stat()
            except OSError:
                continue  # another process removed it

    def _scan(self) -> int:
        """Return the bytes of all entries. Half-written files of interrupted runs are removed."""
        # A young one may belong to another process that is writing.
        for path in self.folder.glob("*/.*.part"):
            if path.stat().st_mtime < self.began - _STALE_PART_S:
                path.unlink(missing_ok=True)

        return sum(status.st_size for _, status in self._entries())

    def _mark_used(self, path: Path) -> None:
        try:
            if path.stat().st_mtime < self.began:
                os.utime(path)
        except OSError:
            return  # someone else's folder, or gone: only the order of removal suffers

"""The bytes that the frame cache uses, counted in a file that all processes share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class UsedBytes:
    """A number of bytes in a file of the cache's folder. The file is its own lock."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "total_bytes"
        self.num_bytes = 0

    @contextmanager
    def locked(self) -> Iterator[Self]:
        """Read the number, let one process at a time change `num_bytes`, and write it back."""
        number = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            self.num_bytes = int(os.pread(number, 20, 0) or b"0")
            yield self

            # Always of one length, so that a full disk cannot cut it off.
            os.pwrite(number, b"%020d" % max(0, self.num_bytes), 0)
        finally:
            os.close(number)

"""Features on disk by key: files that are whole or absent, checked when read, limited in size."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from action_recognition.files import write_atomically

DEFAULT_LIMIT_BYTES = 512 * 1024**2  # about 100 000 views of 1280 features
_HEADER = struct.Struct("<qq")  # label, number of features
_DIGEST_SIZE = hashlib.sha256().digest_size


class FeatureCache:
    """A folder with one small file per key, a hexadecimal number.

    A file holds the SHA-256 of the rest, the label, the number of features, and the features as
    float32. A file that is cut off, changed or of another length counts as missing, so that it is
    written again.
    """

    def __init__(self, folder: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.folder, self.limit_bytes = folder, limit_bytes

    def path(self, key: str) -> Path:
        """Return the path of the file for a key."""
        return self.folder / key[:2] / f"{key}.features"

    def read(self, key: str) -> tuple[npt.NDArray[np.float32], int] | None:
        """Return features (F,) and label, or None if they are missing or damaged."""
        path = self.path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None

        # A file that another program changed does not have its digest.
        digest, payload = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        if len(payload) < _HEADER.size or hashlib.sha256(payload).digest() != digest:
            return None
        label, number = _HEADER.unpack_from(payload)
        features = np.frombuffer(payload, dtype="<f4", offset=_HEADER.size)
        if len(features) != number:
            return None

        self._mark_used(path)
        return features.astype(np.float32), int(label)

    def write(self, key: str, features: npt.NDArray[np.float32], label: int) -> None:
        """Write features (F,) and label atomically: other runs may use the same folder."""
        payload = _HEADER.pack(label, len(features)) + features.astype("<f4").tobytes()
        with write_atomically(self.path(key), per_process=True) as partial:
            partial.write_bytes(hashlib.sha256(payload).digest() + payload)

    def trim(self) -> int:
        """Remove the least recently used files until the rest is within the limit.

        Return the number of removed files.
        """
        files = self._files()

        # The time of use decides, see `_mark_used`.
        total, removed = sum(size for _, size, _ in files), 0
        for _, size, path in sorted(files):
            if total <= self.limit_bytes:
                break
            path.unlink(missing_ok=True)
            total, removed = total - size, removed + 1
        return removed

    def _files(self) -> list[tuple[int, int, Path]]:
        """Return time of use in ns, size in bytes and path of every file."""
        files = []
        for path in self.folder.glob("*/*.features"):
            try:
                status = path.stat()
            except OSError:
                continue  # another run removed it
            files.append((status.st_mtime_ns, status.st_size, path))
        return files

    @staticmethod
    def _mark_used(path: Path) -> None:
        try:
            os.utime(path)
        except OSError:
            # The file is somebody else's or gone. Only the order of removal is worse then.
            return

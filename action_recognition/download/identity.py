"""The size and sha256 of a file: those found and those expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from action_recognition.files import sha256_of

Say = Callable[[str], None]


@dataclass(frozen=True)
class FileFacts:
    """The size in bytes and the sha256 that identify a file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Expected:
    """The size and sha256 that a file should have, None where they are unknown.

    The publisher stated them, or they were `recorded` when the file was first fetched.
    """

    size: int | None = None
    sha256: str | None = None
    known_as: Literal["published", "recorded"] = "published"

    def mismatch(self, found: FileFacts) -> str:
        """Return the difference as a sentence, or an empty string.

        >>> Expected(size=3).mismatch(FileFacts(4, "ab"))
        'size 4 bytes, published are 3'
        """
        if self.size is not None and found.size != self.size:
            return f"size {found.size} bytes, {self.known_as} are {self.size}"
        if self.sha256 is not None and found.sha256 != self.sha256:
            return f"sha256 {found.sha256}, {self.known_as} is {self.sha256}"
        return ""


def file_facts(path: Path) -> FileFacts:
    """Return the size and sha256 of a file on disk, which is read in pieces."""
    return FileFacts(path.stat().st_size, sha256_of(path))


def part_file(target: Path) -> Path:
    """Return the path at which an unfinished download of `target` waits to be resumed."""
    return target.with_name(target.name + ".part")

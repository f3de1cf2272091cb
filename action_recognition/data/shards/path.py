"""A video or frame folder inside a shard (a tar file), used as a path when clips are read.

Nothing is unpacked.
"""

from __future__ import annotations

import functools
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from action_recognition.errors import user_error

COPY_AGAIN = "copy it again, or make it again with tools/data/make_shards.py"


class MemberState(NamedTuple):
    """Size in bytes, and the time at which the shard changed."""

    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True, slots=True)
class ShardPath:
    """`size` bytes of `shard` from byte `offset`: a file, or (`is_frames`) a folder's images.

    A file is the content alone, the images are tar members. `inner` is the path that the annotation
    line has. The methods are those of `pathlib.Path`.
    """

    shard: Path
    offset: int
    size: int
    is_frames: bool
    inner: str

    def __str__(self) -> str:
        return f"{self.shard}:{self.inner}"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.inner).name

    @property
    def suffix(self) -> str:
        """The suffix of the path, with its dot."""
        return PurePosixPath(self.inner).suffix

    def exists(self) -> bool:
        """Return True where the shard exists."""
        return self.shard.exists()

    def is_dir(self) -> bool:
        """Return True for a frame folder."""
        return self.is_frames

    def resolve(self) -> ShardPath:
        """Return the path itself: a shard holds no links."""
        return self

    def relative_to(self, root: object) -> PurePosixPath:
        """Return the path that the annotation line has."""
        return PurePosixPath(self.inner)

    def stat(self) -> MemberState:
        """Return size and time of the last change."""
        return MemberState(self.size, self.shard.stat().st_mtime_ns)

    def read_bytes(self) -> bytes:
        """Return the file's content, or all members. Raises UserError: the shard ends before."""
        return _block(self.shard, self.offset, self.size)

    def iterdir(self) -> Iterator[ShardImage]:
        """Yield the images of a frame folder. Raises UserError: the shard is damaged there."""
        try:
            with tarfile.open(fileobj=io.BytesIO(self.read_bytes()), mode="r:") as members:
                for member in filter(is_plain, members):
                    content = members.extractfile(member)
                    if content is not None:
                        yield ShardImage(f"{self}/{member.name.partition('.')[2]}", content.read())
        except tarfile.TarError as error:
            found = f"the shard is damaged here ({error})"
            raise user_error(str(self), found, fix=COPY_AGAIN) from None


@dataclass(frozen=True, slots=True)
class ShardImage:
    """One image of a frame folder in a shard. The methods are those of `pathlib.Path`."""

    path: str
    content: bytes

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.path).stem

    @property
    def suffix(self) -> str:
        """The suffix of the path, with its dot."""
        return PurePosixPath(self.path).suffix

    def is_dir(self) -> bool:
        """Return False: an image is a file."""
        return False

    def read_bytes(self) -> bytes:
        """Return the content."""
        return self.content


def is_plain(member: tarfile.TarInfo) -> bool:
    """Return True for a member of a tar file that is as large there as when it is read.

    No link, no folder, nothing sparse.
    """
    return member.isreg() and not member.issparse()


# A clip's video is asked for its length, its rate and its frames one after the other.
@functools.lru_cache(maxsize=2)
def _block(shard: Path, offset: int, size: int) -> bytes:
    """Read bytes of a shard. Raises UserError: it cannot be read, or ends before."""
    try:
        with shard.open("rb", buffering=0) as file:
            file.seek(offset)
            content = file.read(size)
    except OSError as error:
        raise user_error(str(shard), f"the shard cannot be read ({error.strerror})") from None

    if len(content) < size:
        raise truncated(shard, file_size=offset + len(content), expected=offset + size)
    return content


def truncated(shard: Path, file_size: int, expected: int) -> Exception:
    """Return the error that names a shard that is too short."""
    found = f"the shard is truncated: {file_size} of at least {expected} bytes are present"
    return user_error(str(shard), found, fix=COPY_AGAIN)

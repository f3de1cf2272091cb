"""The places of videos in shards: `shards:PATTERN` as a data root.

A shard is a tar file in WebDataset's form. The members of a sample follow each other, and their
names are a key, a dot and an extension. A sample of ours is `KEY.json`, which holds the path of the
video, and the video (`KEY.mp4`) or the images of a frame folder (`KEY.img_00001.jpg`, ...).

Clips are read from their places, in any order. Training and evaluation see exactly what they see of
files.
"""

from __future__ import annotations

import glob
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from action_recognition.data.shards.path import COPY_AGAIN, ShardPath, is_plain, truncated
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.json_files import parse_json

PREFIX = "shards:"
INDEX_SUFFIX = ".index.json"
_BLOCK_BYTES = 512
_LONGEST_DESCRIPTION = 2**20  # a path, and what is known of its clips
_PATTERNS = f"{PREFIX}DIR/NAME-*.tar or {PREFIX}DIR/NAME-{{000..009}}.tar"


class ShardSample(NamedTuple):
    """The place of a video or frame folder in its shard, see `ShardPath`."""

    path: str
    is_frames: bool
    offset: int
    size: int


class ShardRoot:
    """Shards as a `MediaRoot`."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self.shards = list(shards)

    def path(self, text: str) -> ShardPath:
        """Return the place that `ShardLookup.find` gave as a text."""
        # The path is the last part, because it may hold blanks.
        number, offset, size, is_frames, inner = text.split(" ", 4)
        return ShardPath(self.shards[int(number)], int(offset), int(size), is_frames == "1", inner)


class ShardLookup:
    """Finds videos in the shards of a pattern.

    Raises UserError: shards that do not exist, are truncated or not ours.
    """

    def __init__(self, pattern: str) -> None:
        self.root = ShardRoot(shard_files(pattern))
        # Texts take less memory than objects, and go into a clip table as they are.
        self._places: dict[str, str] = {}
        for number, samples in enumerate(_indices(self.root.shards)):
            for path, is_frames, offset, size in samples:
                self._places[path] = f"{number} {offset} {size} {int(is_frames)} {path}"

    def find(self, path: str) -> tuple[str, str]:
        """Return the place of a line's path as a text, and what is wrong (empty if nothing)."""
        # `./a//b.mp4` is `a/b.mp4`.
        place = self._places.get(path) or self._places.get(str(PurePosixPath(path)))
        if place is not None:
            return place, ""
        if not path:
            return "", "the line has no path"
        return "", f"no video {path!r} in the {len(self.root.shards)} shards"


def is_shards(root: Path) -> bool:
    """Return True for a data root that is a pattern of shards.

    >>> is_shards(Path("shards:/data/train-*.tar")), is_shards(Path("/data"))
    (True, False)
    """
    return str(root).startswith(PREFIX)


def shard_files(pattern: str) -> list[Path]:
    """Return the files of `shards:PATTERN`.

    Braces with numbers (`{000..009}`) name every file, `*` those that exist. Raises UserError: some
    of the named ones do not exist.
    """
    # It comes with webdataset.
    from braceexpand import braceexpand

    files: list[Path] = []
    problems = []
    for one in braceexpand(pattern.removeprefix(PREFIX)):
        # Not Path.glob: the pattern may be absolute.
        found = sorted(glob.glob(one))  # noqa: PTH207
        files += map(Path, found)
        if not found:
            problems.append(Problem(f"{PREFIX}{one}", "there is no such shard", _PATTERNS))
    if problems:
        raise UserError(problems)
    return files


def _indices(shards: Sequence[Path]) -> Iterator[list[ShardSample]]:
    """Yield the samples of every shard.

    Raises UserError: all shards that are truncated or not ours.
    """
    problems: list[Problem] = []
    for shard in shards:
        try:
            yield shard_index(shard)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)


def shard_index(shard: Path) -> list[ShardSample]:
    """Return the samples of a shard.

    They come from the index beside it when that is its own, else from the headers in the shard.
    """
    size = shard.stat().st_size
    index = shard.with_name(shard.name + INDEX_SUFFIX)
    try:
        samples, expected = _read_index(index)
    except FileNotFoundError:
        return scan_shard(shard)
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = f"is not an index of a shard ({type(error).__name__})"
        raise user_error(str(index), found, fix="remove it; it is then not needed") from None

    if size < expected:
        raise truncated(shard, size, expected)
    # An index of a smaller shard is out of date.
    return samples if size == expected else scan_shard(shard)


def _read_index(index: Path) -> tuple[list[ShardSample], int]:
    """Return the samples and the bytes of the shard that an index states."""
    document = parse_json(index.read_bytes())
    expected, samples = int(document["bytes"]), [ShardSample(*row) for row in document["samples"]]
    if any(not 0 <= one.offset <= one.offset + one.size <= expected for one in samples):
        raise ValueError("a sample lies outside of its shard")
    return samples, expected


def scan_shard(shard: Path) -> list[ShardSample]:
    """Return the samples of a shard by its headers.

    Raises UserError: it is truncated, no tar file, or without our KEY.json.
    """
    try:
        with tarfile.open(shard, mode="r:") as members:
            groups: dict[str, list[tarfile.TarInfo]] = {}
            for member in filter(is_plain, members):
                groups.setdefault(member.name.partition(".")[0], []).append(member)
            samples = [_sample(members, group, shard) for group in groups.values()]
            end = members.offset + 2 * _BLOCK_BYTES  # a tar file ends in two empty blocks
    except tarfile.TarError as error:
        found = f"is truncated or not a tar file ({error})"
        raise user_error(str(shard), found, fix=COPY_AGAIN) from None

    size = shard.stat().st_size
    if size < end or not samples:
        raise truncated(shard, size, end)
    return samples


def _sample(members: tarfile.TarFile, group: Sequence[tarfile.TarInfo], shard: Path) -> ShardSample:
    """Return the place of the members of one key. Raises UserError: they are no sample of ours."""
    key = group[0].name.partition(".")[0]
    descriptions = [member for member in group if member.name == f"{key}.json"]
    media = [member for member in group if member.name != f"{key}.json"]
    path = _described_path(members, descriptions[0]) if descriptions and media else ""
    if not path:
        found = f"sample {key!r} has no video, or no .json that holds its path"
        raise user_error(str(shard), found, "shards of tools/data/make_shards.py")

    # Of a video its content, of a frame folder the members with their headers.
    first, last = media[0], media[-1]
    if is_frame_sample(path, first.name.partition(".")[2]):
        # Content is padded to whole blocks.
        end = last.offset_data + -(-last.size // _BLOCK_BYTES) * _BLOCK_BYTES
        return ShardSample(path, True, first.offset, end - first.offset)
    return ShardSample(path, False, first.offset_data, first.size)


def _described_path(members: tarfile.TarFile, description: tarfile.TarInfo) -> str:
    """Return the path in a KEY.json, empty when it holds none."""
    # A header may claim any size: it is not read unless it is small.
    content = members.extractfile(description) if description.size <= _LONGEST_DESCRIPTION else None
    try:
        return str(parse_json(content.read())["path"]) if content else ""
    except (ValueError, KeyError, TypeError):
        return ""


def is_frame_sample(path: str, extension: str) -> bool:
    """Return True for a frame folder. The extension of a file is the suffix of its path.

    >>> is_frame_sample("videos/a.mp4", "mp4"), is_frame_sample("frames/12", "00001.jpg")
    (False, True)
    """
    return not path.endswith(f".{extension}") if extension != "bin" else False

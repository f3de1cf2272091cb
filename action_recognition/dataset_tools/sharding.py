"""Writer of shards: the videos of an annotation file as a few large tar files.

The shards follow WebDataset's form. The module `data.shards.index` describes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_recognition.data.clip_table import ClipRecord, ClipTable
from action_recognition.data.frame_folder import list_frame_files
from action_recognition.data.shards.index import INDEX_SUFFIX, ShardSample, scan_shard, shard_index
from action_recognition.errors import UserError, naming, user_error
from action_recognition.files import write_atomically, write_text

_NUMBERS = ("clip_start", "clip_end", "video_start", "video_end", "frame_rate_fps")


@dataclass(frozen=True)
class ShardVideo:
    """A video file or frame folder that goes into a shard.

    `inner` is its path in annotation lines, `clips` are the clips that these lines cut out of it.
    """

    inner: str
    path: Path
    clips: tuple[ClipRecord, ...]

    def files(self) -> list[Path]:
        """Return the file, or the images of the folder in their order.

        Raises UserError: the folder has a gap.
        """
        if self.path.is_dir():
            return [Path(str(file)) for file in list_frame_files(self.path)]
        return [self.path]

    def state(self) -> tuple[int, float]:
        """Return the size in bytes, and the time of the last change."""
        states = [file.stat() for file in self.files()]
        return sum(state.st_size for state in states), max(state.st_mtime for state in states)

    def sample(self, key: str, labels: Sequence[str]) -> dict[str, Any]:
        """Return a sample for `webdataset.TarWriter`: bytes by extension.

        The extension `json` has the path and the known facts of the clips.
        """
        clips = [_described(clip, labels) for clip in self.clips]
        description = json.dumps({"path": self.inner, "clips": clips}, ensure_ascii=False).encode()
        if self.path.is_dir():
            # Every image is a member of the sample.
            media = {file.name: file.read_bytes() for file in self.files()}
        else:
            media = {self.path.suffix[1:] or "bin": self.path.read_bytes()}
        return {"__key__": key, "json": description, **media}


def _described(clip: ClipRecord, labels: Sequence[str]) -> dict[str, Any]:
    """Return the label of a clip, and its numbers if its line has them."""
    description: dict[str, Any] = {"label": clip.label, "label_name": labels[clip.label]}
    if not clip.is_whole_video:
        description |= {name: getattr(clip, name) for name in _NUMBERS}
    return description


def videos_of(clips: ClipTable, root: Path, seed: int) -> list[ShardVideo]:
    """Return each video once, in an order drawn by `seed`.

    A reader that takes shards from their beginning thus sees all classes early.
    """
    found: dict[str, list[ClipRecord]] = {}
    for clip in clips:
        found.setdefault(clip.path.relative_to(root).as_posix(), []).append(clip)

    videos = [ShardVideo(inner, root / inner, tuple(of_video)) for inner, of_video in found.items()]
    return [videos[place] for place in np.random.default_rng(seed).permutation(len(videos))]


def plan_shards(videos: Sequence[ShardVideo], max_bytes: int) -> Iterator[list[ShardVideo]]:
    """Yield the videos of each shard: as many as fit into `max_bytes`, and at least one."""
    shard: list[ShardVideo] = []
    size = 0
    for video in videos:
        video_bytes, _ = video.state()
        # A video that is larger than a shard gets its own.
        if shard and size + video_bytes > max_bytes:
            yield shard
            shard, size = [], 0
        shard.append(video)
        size += video_bytes
    if shard:
        yield shard


def write_shards(
    plan: Sequence[Sequence[ShardVideo]],
    folder: Path,
    name: str,
    labels: Sequence[str],
    progress: Callable[[int, int], None],
) -> list[Path]:
    """Write `NAME-000000.tar`, ... with an index beside each, and return their paths.

    A shard that already holds the same videos is kept.
    Raises UserError: the folder has shards of this name that do not belong to these.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = [folder / f"{name}-{number:06d}.tar" for number in range(len(plan))]
    _refuse_others(shards, folder, name)

    # Keys count through all shards, those that are kept included.
    first_key = 0
    for number, (shard, videos) in enumerate(zip(shards, plan, strict=True)):
        progress(number, len(plan))
        if not _is_done(shard, videos):
            _write_shard(shard, videos, first_key, labels)
        first_key += len(videos)
    progress(len(plan), len(plan))
    return shards


def _refuse_others(shards: Sequence[Path], folder: Path, name: str) -> None:
    """Raise UserError if the folder has a shard of this name that is none of `shards`."""
    others = sorted(set(folder.glob(f"{name}-*.tar")) - set(shards))
    if others:
        raise user_error(
            str(others[0]),
            "is no shard of these clips, but the pattern would match it",
            fix="remove it, or name another --output",
        )


def _is_done(shard: Path, videos: Sequence[ShardVideo]) -> bool:
    """Return True if a shard holds these videos and is newer than all of them."""
    try:
        rows = shard_index(shard) if shard.with_name(shard.name + INDEX_SUFFIX).is_file() else []
        written = shard.stat().st_mtime
    except (OSError, UserError):
        return False

    return [row.path for row in rows] == [video.inner for video in videos] and all(
        video.state()[1] < written for video in videos
    )


def _write_shard(
    shard: Path, videos: Sequence[ShardVideo], first_key: int, labels: Sequence[str]
) -> None:
    """Write a shard beside its place, read it back, write its index, then rename it."""
    from webdataset.writer import TarWriter

    with write_atomically(shard) as partial:
        with naming(shard), partial.open("wb") as file:
            with TarWriter(file, encoder=False, mtime=0.0) as writer:
                for number, video in enumerate(videos):
                    writer.write(video.sample(f"{first_key + number:09d}", labels))
            # On disk before the rename, so that a crash leaves no shard without its content.
            file.flush()
            os.fsync(file.fileno())

        # Reading it back finds a damaged shard before it takes its place.
        _write_index(shard, partial.stat().st_size, scan_shard(partial))


def _write_index(shard: Path, size: int, samples: Sequence[ShardSample]) -> None:
    """Write the index beside a shard of `size` bytes."""
    document = {"bytes": size, "samples": [list(sample) for sample in samples]}
    text = json.dumps(document, ensure_ascii=False) + "\n"
    write_text(shard.with_name(shard.name + INDEX_SUFFIX), text)

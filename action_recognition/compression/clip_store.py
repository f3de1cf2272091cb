"""Clips decoded once for several passes over them: a file of pixels that goes with the folder it lies in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from action_recognition.data.annotations import ClipRecord
from action_recognition.deploy.backends import Pixels
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.evaluation.clip_scores import centre_clips, none_could_be_read


@dataclass(frozen=True)
class StoredClips:
    """The clips that could be read: `pixels` (N, 3, T, H, W) uint8 RGB, mapped from the disk; their records in the same order."""

    records: list[ClipRecord]
    pixels: Pixels

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(N,)."""
        return np.array([record.label for record in self.records], np.int64)

    def chosen(self, indices: npt.NDArray[np.integer]) -> list[Pixels]:
        """Those clips, each (3, T, H, W)."""
        return [self.pixels[index] for index in indices]


def store_clips(
    file: Path,
    records: Sequence[ClipRecord],
    metadata: DeployMetadata,
    num_workers: int,
    strict: bool,
    flag: str,
    hand_detector: Path | None = None,
) -> StoredClips:
    """Decode the centre clip of every record into `file`; damaged clips are named and left out. Errors: none can be read; a full disk."""
    shape = (len(records), *metadata.clip_shape)
    with file.open("wb") as handle:
        os.posix_fallocate(
            handle.fileno(), 0, int(np.prod(shape))
        )  # a full disk says so now; writing into the map would end the process
    pixels = np.memmap(file, np.uint8, "r+", shape=shape)
    kept: list[ClipRecord] = []
    for batch in centre_clips(
        records, metadata, num_workers, strict, hand_detector, "reading clips"
    ):
        for clip, index in zip(batch.clips.numpy(), batch.indices.tolist(), strict=True):
            pixels[len(kept)] = clip
            kept.append(records[index])
    if not kept:
        raise none_could_be_read(flag)
    return StoredClips(kept, pixels[: len(kept)])

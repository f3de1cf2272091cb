"""The clips of the accuracy gate, decoded once for several passes over them.

They are stored in a file of pixels in a temporary folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from action_recognition.data.annotations import ClipRecord
from action_recognition.deploy.backends import Clips
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.evaluation.clip_scores import centre_clips, none_could_be_read

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class StoredClips:
    """The clips that could be read, with their records in the same order.

    `pixels` are (N, 3, T, H, W) uint8 RGB, mapped from the disk.
    """

    records: list[ClipRecord]
    pixels: Clips

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Return the labels (N,)."""
        return np.array([record.label for record in self.records], np.int64)

    def chosen(self, indices: npt.NDArray[np.integer]) -> list[Clips]:
        """Return the clips of these indices, each (3, T, H, W)."""
        return [self.pixels[index] for index in indices]


@dataclass(frozen=True)
class GateClips:
    """The clips of the gate. `is_val` (N,) marks validation clips, `fold` (N,) is each one's."""

    stored: StoredClips
    is_val: npt.NDArray[np.bool_]
    fold: Indices

    @property
    def num_folds(self) -> int:
        """Return the number of folds."""
        return int(self.fold.max()) + 1

    @property
    def parts(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Return the masks (N,) of the training and the validation clips, without empty ones."""
        parts = {"train": ~self.is_val, "validation": self.is_val}
        return {name: part for name, part in parts.items() if part.any()}

    def to_quantise_on(self, count: int, seed: int, without_fold: int | None = None) -> Indices:
        """Return up to `count` training clips outside a fold, in an order drawn from all.

        If no training clip is left, any clips outside the fold are taken.
        """
        # Drawn from all first, so that folds share most of their clips.
        drawn = np.random.default_rng(seed).permutation(np.flatnonzero(~self.is_val))
        allowed = drawn[self.fold[drawn] != without_fold][:count]
        return allowed if len(allowed) else np.flatnonzero(self.fold != without_fold)[:count]


def store_clips(
    file: Path,
    records: Sequence[ClipRecord],
    metadata: DeployMetadata,
    num_workers: int,
    strict: bool,
    flag: str,
    hand_detector: Path | None = None,
) -> StoredClips:
    """Decode the centre clip of every record into `file`. Damaged clips are named and left out.

    Raises UserError: no clip can be read. Raises OSError: the disk is full.
    """
    shape = (len(records), *metadata.clip_shape)
    _reserve(file, int(np.prod(shape)))
    # Mapped, so that all clips need not fit into memory.
    pixels = np.memmap(file, np.uint8, "r+", shape=shape)

    kept: list[ClipRecord] = []
    title = "reading clips"
    for batch in centre_clips(records, metadata, num_workers, strict, hand_detector, title):
        for clip, index in zip(batch.clips.numpy(), batch.indices.tolist(), strict=True):
            # Damaged clips leave no gap.
            pixels[len(kept)] = clip
            kept.append(records[index])

    if not kept:
        raise none_could_be_read(flag)
    # The file keeps the size for all records.
    return StoredClips(kept, pixels[: len(kept)])


def _reserve(file: Path, num_bytes: int) -> None:
    """Allocate a file on the disk, so that a full disk raises an error now.

    Writing into the memory map of a full disk would end the process.
    """
    with file.open("wb") as handle:
        os.posix_fallocate(handle.fileno(), 0, num_bytes)

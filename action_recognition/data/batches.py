"""Samples and batches of clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch


class Sample(NamedTuple):
    """One clip: (3, T, H, W) uint8 RGB 0..255.

    `label` is that after mirroring, `index` the place in the data set. `inside` (T,) bool of a
    random clip is True for frames within the annotated clip. `targets` (T,) int64 of a fragment of
    a stream are the labels of its frames, negative for none.
    """

    clip: torch.Tensor
    label: int
    # It hides tuple.index, which nobody calls on a sample.
    index: int  # type: ignore[assignment]
    inside: torch.Tensor | None = None
    targets: torch.Tensor | None = None


class DamagedClip(NamedTuple):
    """A clip that could not be read. `message` names the annotation line and the file."""

    # It hides tuple.index, as in `Sample`.
    index: int  # type: ignore[assignment]
    message: str


class Batch(NamedTuple):
    """`clips` (N, 3, T, H, W) uint8 RGB 0..255, `labels` and `indices` (N,) int64.

    N is 0 when every clip is damaged. `inside` (N, T) bool of random clips and `targets` (N, T) of
    fragments are those of `Sample`.
    """

    clips: torch.Tensor
    labels: torch.Tensor
    indices: torch.Tensor
    damaged: list[DamagedClip]
    inside: torch.Tensor | None = None
    targets: torch.Tensor | None = None


def collate(
    items: Sequence[Sample | DamagedClip],
    stack: Callable[[list[torch.Tensor]], torch.Tensor] = torch.stack,
) -> Batch:
    """Return a batch of the clips that could be read, and the damaged ones.

    No clip is taken of a video with a damaged clip. `stack` joins the clips.
    """
    damaged = [item for item in items if isinstance(item, DamagedClip)]
    without = {item.index for item in damaged}
    samples = [item for item in items if isinstance(item, Sample) and item.index not in without]

    labels = torch.tensor([sample.label for sample in samples], dtype=torch.int64)
    indices = torch.tensor([sample.index for sample in samples], dtype=torch.int64)
    clips = stack([sample.clip for sample in samples]) if samples else _no_clips()
    inside = _stacked([sample.inside for sample in samples])
    targets = _stacked([sample.targets for sample in samples])
    return Batch(clips, labels, indices, damaged, inside, targets)


def _no_clips() -> torch.Tensor:
    return torch.empty(0, 3, 0, 0, 0, dtype=torch.uint8)


def _stacked(rows: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    """Return (N, T), or None unless every sample has its row."""
    given = [row for row in rows if row is not None]
    return torch.stack(given) if rows and len(given) == len(rows) else None

"""Samples and batches of clips, and the loader that reads them in worker processes."""

from __future__ import annotations

import atexit
import functools
import multiprocessing
import signal
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from action_recognition.data.video import set_decode_threads


class Sample(NamedTuple):
    """One clip: (3, T, H, W) uint8 RGB 0..255.

    `label` is that after mirroring, `index` the place in the data set. `inside` (T,) bool of a
    random clip is True for frames within the annotated clip.
    """

    clip: torch.Tensor
    label: int
    # It hides tuple.index, which nobody calls on a sample.
    index: int  # type: ignore[assignment]
    inside: torch.Tensor | None = None


class DamagedClip(NamedTuple):
    """A clip that could not be read. `message` names the annotation line and the file."""

    # It hides tuple.index, as in `Sample`.
    index: int  # type: ignore[assignment]
    message: str


class Batch(NamedTuple):
    """`clips` (N, 3, T, H, W) uint8 RGB 0..255, `labels` and `indices` (N,) int64.

    N is 0 when every clip is damaged. `inside` (N, T) bool of random clips is that of `Sample`.
    """

    clips: torch.Tensor
    labels: torch.Tensor
    indices: torch.Tensor
    damaged: list[DamagedClip]
    inside: torch.Tensor | None = None


def collate(items: Sequence[Sample | DamagedClip]) -> Batch:
    """Return a batch of the clips that could be read, and the damaged ones.

    No clip is taken of a video with a damaged clip.
    """
    damaged = [item for item in items if isinstance(item, DamagedClip)]
    without = {item.index for item in damaged}
    samples = [item for item in items if isinstance(item, Sample) and item.index not in without]

    labels = torch.tensor([sample.label for sample in samples], dtype=torch.int64)
    indices = torch.tensor([sample.index for sample in samples], dtype=torch.int64)
    return Batch(_stacked_clips(samples), labels, indices, damaged, _stacked_inside(samples))


def _stacked_clips(samples: Sequence[Sample]) -> torch.Tensor:
    if not samples:
        return torch.empty(0, 3, 0, 0, 0, dtype=torch.uint8)
    return torch.stack([sample.clip for sample in samples])


def _stacked_inside(samples: Sequence[Sample]) -> torch.Tensor | None:
    """Return (N, T), or None unless every sample has its `inside`."""
    places = [sample.inside for sample in samples if sample.inside is not None]
    return torch.stack(places) if samples and len(places) == len(samples) else None


def make_loader(
    dataset: Dataset[Sample | DamagedClip],
    batch_size: int,
    sampler: Sampler[int] | Sampler[tuple[int, int, int]],
    num_workers: int = 0,
    drop_last: bool = False,
    pin_memory: bool = False,
) -> DataLoader[Batch]:
    """Return a loader of `Batch` in the sampler's order. Workers live as long as the loader."""
    if num_workers:
        _end_workers_at_exit()
    # DataLoader[T] is typed by its items. Here T is the batch that it yields.
    loader: DataLoader[Batch] = DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        drop_last=drop_last,
        pin_memory=pin_memory,
        collate_fn=collate,
        worker_init_fn=_start_worker,
        persistent_workers=num_workers > 0,
    )
    return loader


@functools.cache
def _end_workers_at_exit() -> None:
    # Registered after multiprocessing's own handler, so that it runs before that one.
    atexit.register(_kill_workers)


def _kill_workers() -> None:
    """Kill data workers at the end of the process.

    Python ends daemons by SIGTERM, which workers ignore, and waits. It would wait for ever where a
    loader is still in use, as after an interruption.
    """
    workers = [child for child in multiprocessing.active_children() if child.daemon]
    if workers and hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch takes a killed worker for a failure

    for worker in workers:
        worker.kill()


def _start_worker(worker_id: int) -> None:
    # Ctrl-C in a terminal and a cluster's SIGTERM reach all processes.
    # The main one still needs clips until it has saved.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)

    # The workers are the parallel part.
    cv2.setNumThreads(0)
    set_decode_threads(1)

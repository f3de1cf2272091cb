"""Batches: damaged clips are left out, workers change nothing, and none outlives its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from action_recognition.data.batches import Batch, DamagedClip, Sample, collate
from action_recognition.data.clip_orders import (
    EpochShuffleSampler,
)
from action_recognition.data.loading.loader import make_loader
from action_recognition.template import (
    Augmentation,
    ClipInput,
)
from tests.data.clip_sets import dataset


def test_batches_leave_damaged_clips_out(root: Path, clip_input: ClipInput) -> None:
    """A batch keeps the whole clips, and may be empty."""
    clips = dataset(root, ["a.mp4 2", "broken.mp4 1", "b.mp4 1"], clip_input)
    batch = collate([clips[i] for i in range(3)])

    assert batch.clips.shape == (2, 3, 8, 48, 48) and batch.clips.dtype == torch.uint8
    assert batch.labels.tolist() == [2, 1] and batch.indices.tolist() == [0, 2]
    assert batch.labels.dtype == torch.int64
    assert [damaged.index for damaged in batch.damaged] == [1]
    empty = collate([clips[1], clips[1]])
    assert len(empty.clips) == len(empty.labels) == len(empty.indices) == 0
    assert len(empty.damaged) == 2
    assert empty.clips.ndim == 5 and empty.labels.dtype == torch.int64


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_give_the_same_batches(
    root: Path, clip_input: ClipInput, augmentation: Augmentation, context: str
) -> None:
    """One worker gives over two epochs what the main process gives."""
    lines = ["a.mp4 0", "b.mp4 1", "broken.mp4 1", "frames 2", "a.mp4 2"]
    clips = dataset(root, lines, clip_input, augmentation, seed=7)

    def epoch_batches(num_workers: int) -> list[Batch]:
        """Return the batches of two epochs."""
        sampler = EpochShuffleSampler(len(clips), seed=7)
        loader = make_loader(clips, 2, sampler, num_workers)
        if num_workers:
            loader.multiprocessing_context = context
        # The second epoch goes through the same workers.
        batches = []
        for epoch in (3, 4):  # the second epoch through the same workers
            sampler.set_epoch(epoch)
            batches += list(loader)
        return batches

    alone, with_workers = epoch_batches(0), epoch_batches(1)
    assert len(alone) == 6
    for one, two in zip(alone, with_workers, strict=True):
        for name in ("clips", "labels", "indices"):
            assert torch.equal(getattr(one, name), getattr(two, name))
        assert one.damaged == two.damaged


def test_a_video_with_a_damaged_clip_gives_none_to_the_batch() -> None:
    """The whole clip of a damaged video is left out too."""
    whole = [Sample(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), 0, index) for index in (4, 4, 7)]
    batch = collate([*whole, DamagedClip(7, "gone")])
    assert batch.indices.tolist() == [4, 4]


@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)"])
def test_a_process_ends_though_a_loader_is_in_use(ending: str) -> None:
    """Workers that still decode do not keep the process from its end."""
    # `in_use` holds the iterator, so that it still exists when Python ends.
    program = f"""
import torch
from action_recognition.data.batches import Sample
from action_recognition.data.loading.loader import make_loader

class Clips:
    def __len__(self): return 8
    def __getitem__(self, key): return Sample(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), 0, key)

in_use = [iter(make_loader(Clips(), 2, range(8), num_workers=2))]
next(in_use[0])
in_use.append(in_use)  # a cycle, as an exception's traceback is
{ending}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (3 if ending else 0, "")

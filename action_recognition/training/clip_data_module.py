"""The clips of a run: loaders for training and validation on any number of devices."""

from __future__ import annotations

from typing import Any, Literal

import lightning as L
from torch.utils.data import DataLoader

from action_recognition.data.batches import Batch
from action_recognition.data.clip_orders import (
    ClassBalancedSampler,
    EpochShuffleSampler,
    ShareSampler,
)
from action_recognition.data.landmarks.stream_dataset import AnyClipDataset
from action_recognition.data.loading.loader import make_loader


class ClipData(L.LightningDataModule):
    """Loaders for the training clips of a run, and for its validation clips if it has any.

    Training takes the clips in the recipe's order and drops the last partial batch. `batch_size`
    counts videos. An epoch makes `passes` over the clips. Validation takes each clip exactly once.
    A checkpoint holds the place in the epoch, so that a resumed run takes the next batch.
    """

    def __init__(
        self,
        train: AnyClipDataset,
        val: AnyClipDataset | None,
        *,
        batch_size: int,
        clips_per_video: int,
        num_workers: int,
        seed: int,
        sampling: Literal["shuffled", "class_balanced"] = "shuffled",
        passes: int = 1,
    ) -> None:
        super().__init__()
        self.train, self.val = train, val
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self.sampling, self.clips_per_video, self.passes = sampling, clips_per_video, passes
        self._place = (0, 0)

    @property
    def _ranks(self) -> tuple[int, int]:
        """The rank of this process and the number of processes."""
        trainer = self.trainer
        return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

    @property
    def _on_gpu(self) -> bool:
        """True if the run uses a GPU.

        Batches then wait in pinned memory, from which the GPU takes them while it computes.
        """
        return self.trainer is not None and bool(self.trainer.strategy.root_device.type == "cuda")

    def steps_per_epoch(self) -> int:
        """Return the number of optimiser steps of one epoch on the devices of this run.

        The last step may accumulate fewer batches than the others.
        """
        _, world_size = self._ranks

        # The share of a process is rounded up, and its last partial batch is dropped.
        num_clips = len(self.train) * self.passes
        batches = max(1, -(-num_clips // world_size) // self.batch_size)
        accumulated = self.trainer.accumulate_grad_batches if self.trainer is not None else 1
        return -(-batches // accumulated)

    def state_dict(self) -> dict[str, Any]:
        """Return the completed epochs and the batches of the current epoch that were trained on.

        Batches that were only decoded do not count.
        """
        loop = self.trainer.fit_loop
        epochs = loop.epoch_progress.current

        # Between two epochs no batch counts.
        within_epoch = epochs.ready > epochs.processed
        batches = loop.epoch_loop.batch_progress.current.processed if within_epoch else 0
        return {"epochs": epochs.processed, "batches": batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the place in the epoch."""
        self._place = (int(state_dict["epochs"]), int(state_dict["batches"]))

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the training clips, which continues at the restored place."""
        sampler, num_clips = self._train_sampler(), self.batch_size * self.clips_per_video
        epoch, batches = self._place

        # Workers ask for the first clips before Lightning tells the sampler its epoch.
        sampler.set_epoch(epoch)
        sampler.skip(epoch, batches * num_clips)
        return make_loader(
            self.train,
            num_clips,
            sampler,
            self.num_workers,
            drop_last=True,
            pin_memory=self._on_gpu,
        )

    def _train_sampler(self) -> EpochShuffleSampler:
        rank, world_size = self._ranks
        if self.sampling == "class_balanced":
            return ClassBalancedSampler(
                self.train.labels(), self.seed, rank, world_size, self.clips_per_video, self.passes
            )
        return EpochShuffleSampler(
            len(self.train), self.seed, rank, world_size, self.clips_per_video, self.passes
        )

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Return the loader of this process's share of the validation clips, or no loader."""
        if self.val is None:
            return []
        rank, world_size = self._ranks
        return make_loader(
            self.val,
            self.batch_size,
            ShareSampler(len(self.val), rank, world_size),
            self.num_workers,
            pin_memory=self._on_gpu,
        )

"""The clips of a run: annotations to loaders, for any number of devices."""

from __future__ import annotations

from typing import Any, Literal

import lightning as L
from torch.utils.data import DataLoader

from action_recognition.data.datasets import (
    Batch,
    ClassBalancedSampler,
    ClipDataset,
    EpochShuffleSampler,
    ShareSampler,
    make_loader,
)


class ClipData(L.LightningDataModule):
    """Loaders for training (in the recipe's order, last partial batch dropped; `batch_size` counts videos) and validation.

    In validation each clip comes exactly once. A checkpoint holds the place in the epoch: a run that goes on takes the next batch.
    """

    def __init__(
        self,
        train: ClipDataset,
        val: ClipDataset,
        *,
        batch_size: int,
        clips_per_video: int,
        num_workers: int,
        seed: int,
        sampling: Literal["shuffled", "class_balanced"] = "shuffled",
    ) -> None:
        super().__init__()
        self.train, self.val = train, val
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self.sampling, self.clips_per_video = sampling, clips_per_video
        self._place = (0, 0)

    @property
    def _ranks(self) -> tuple[int, int]:
        """The rank of this process and the number of processes."""
        trainer = self.trainer
        return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

    @property
    def _on_gpu(self) -> bool:
        """Then batches wait in memory from which the device takes them while it computes."""
        return self.trainer is not None and bool(self.trainer.strategy.root_device.type == "cuda")

    def steps_per_epoch(self) -> int:
        """Optimiser steps of one epoch on the devices of this run; the last one may be of fewer batches than are accumulated."""
        _, world_size = self._ranks
        batches = max(1, -(-len(self.train) // world_size) // self.batch_size)
        accumulated = self.trainer.accumulate_grad_batches if self.trainer is not None else 1
        return -(-batches // accumulated)

    def state_dict(self) -> dict[str, Any]:
        """Epochs behind the run, and batches of the one that is under way: those that were trained on, not those already decoded."""
        loop = self.trainer.fit_loop
        epochs = loop.epoch_progress.current
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
                self.train.labels(), self.seed, rank, world_size, self.clips_per_video
            )
        return EpochShuffleSampler(
            len(self.train), self.seed, rank, world_size, self.clips_per_video
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of this process's share of the validation clips."""
        rank, world_size = self._ranks
        return make_loader(
            self.val,
            self.batch_size,
            ShareSampler(len(self.val), rank, world_size),
            self.num_workers,
            pin_memory=self._on_gpu,
        )

"""The clips of a run: annotations to loaders, for any number of devices."""

from __future__ import annotations

from typing import Literal

import lightning as L
from torch.utils.data import DataLoader

from action_recognition.data.datasets import Batch, ClassBalancedSampler, ClipDataset, EpochShuffleSampler, ShareSampler, make_loader


class ClipData(L.LightningDataModule):
    """Loaders for training (in the recipe's order, last partial batch dropped; `batch_size` counts videos) and validation.

    In validation each clip comes exactly once.
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

    @property
    def _ranks(self) -> tuple[int, int]:
        trainer = self.trainer
        return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

    def steps_per_epoch(self) -> int:
        """Optimiser steps of one epoch on the devices of this run."""
        _, world_size = self._ranks
        return max(1, -(-len(self.train) // world_size) // self.batch_size)

    def train_dataloader(self) -> DataLoader[Batch]:
        return make_loader(self.train, self.batch_size * self.clips_per_video, self._train_sampler(), self.num_workers, drop_last=True)

    def _train_sampler(self) -> EpochShuffleSampler:
        rank, world_size = self._ranks
        if self.sampling == "class_balanced":
            return ClassBalancedSampler(self.train.labels(), self.seed, rank, world_size, self.clips_per_video)
        return EpochShuffleSampler(len(self.train), self.seed, rank, world_size, self.clips_per_video)

    def val_dataloader(self) -> DataLoader[Batch]:
        rank, world_size = self._ranks
        return make_loader(self.val, self.batch_size, ShareSampler(len(self.val), rank, world_size), self.num_workers)

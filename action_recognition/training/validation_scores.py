"""What the latest and the best validation said about each clip, for the callbacks that make pictures of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt
from lightning.pytorch.callbacks import Callback
from torchmetrics import CatMetric

from action_recognition.data.datasets import Batch
from action_recognition.metrics import mean_top_k_accuracy


@dataclass(frozen=True)
class ScoredValidation:
    """Cosines (N, C) of the validation clips that could be read, their labels (N,) and places in the data set (N,)."""

    epoch: int
    cosine: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Top-1, mean over classes (0..1)."""
        return mean_top_k_accuracy(self.cosine, self.labels, 1)


class ValidationScores(Callback):
    """Keeps the scores of the latest and of the best validation; stands before the callbacks that read them."""

    def __init__(self) -> None:
        self.latest: ScoredValidation | None = None
        self.best: ScoredValidation | None = None
        self._indices = CatMetric()

    def on_validation_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if len(batch.indices):
            self._indices = self._indices.to(batch.indices.device)
            self._indices.update(batch.indices)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # Called before the module's own hook, which empties its metrics.
        module: Any = pl_module
        if not module.val_cosine.update_called or not self._indices.update_called:
            return
        labels = module.val_labels.compute().reshape(-1).cpu().numpy().astype(np.int64)
        cosine = module.val_cosine.compute().reshape(len(labels), -1).cpu().numpy()
        indices = self._indices.compute().reshape(-1).cpu().numpy().astype(np.int64)
        self._indices.reset()
        self.latest = ScoredValidation(trainer.current_epoch + 1, cosine, labels, indices)
        if self.best is None or self.latest.accuracy > self.best.accuracy:
            self.best = self.latest

"""The scores of each clip in the latest and the best validation, for callbacks that draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt
from lightning.pytorch.callbacks import Callback

from action_recognition.metrics import mean_top_k_accuracy
from action_recognition.training.machine.processes import gather_rows


@dataclass(frozen=True)
class ScoredValidation:
    """Cosines (N, C) of the validation clips that could be read.

    `labels` are (N,). `indices` (N,) are the clips' places in the data set.
    """

    epoch: int
    cosine: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Top-1, mean over classes (0..1)."""
        return mean_top_k_accuracy(self.cosine, self.labels, 1)


@dataclass(frozen=True)
class BestBefore:
    """The best network before the first epoch, whose checkpoint is `best.pth` already.

    Epochs replace it only if they are better. `accuracy` is top-1 in %, the mean over classes.
    `scored` is None where its scores of single clips are not known.
    """

    accuracy: float
    scored: ScoredValidation | None


def score_all(
    epoch: int,
    own: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int64]]],
    num_classes: int,
) -> ScoredValidation:
    """Join the batches (cosine, labels, indices) of all processes in the order of the data set.

    The result is the same however the clips were shared.
    """
    empty = (np.empty((0, num_classes), np.float32), np.empty(0, np.int64), np.empty(0, np.int64))
    # The empty arrays fix shapes and types for a process without batches.
    columns = [
        np.concatenate([start, *(batch[place] for batch in own)])
        for place, start in enumerate(empty)
    ]
    cosine, labels, indices = gather_rows(tuple(columns))

    order = np.argsort(indices, kind="stable")
    return ScoredValidation(epoch, cosine[order], labels[order], indices[order])


class ValidationScores(Callback):
    """Keeps the scores of the latest and the best validation.

    `best` is what `best.pth` holds: with `keeps_last` the latest. `before` is the best from before
    the first epoch. This callback comes before the callbacks that read the scores.
    """

    def __init__(self, before: BestBefore | None = None, keeps_last: bool = False) -> None:
        self.latest: ScoredValidation | None = None
        self.best = before.scored if before is not None else None
        self.keeps_last = keeps_last

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the scores from the module."""
        # All processes take part in the exchange.
        module: Any = pl_module
        scored: ScoredValidation = module.scored_validation()
        if not len(scored.labels):
            return

        self.latest = scored
        is_better = self.best is None or self.latest.accuracy > self.best.accuracy
        if is_better or self.keeps_last:
            self.best = self.latest

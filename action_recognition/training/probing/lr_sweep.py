"""`--find-lr`: a short run whose learning rate grows at every step.

The rate to train with lies where the loss falls fastest.
Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
from lightning.pytorch.callbacks import Callback

from action_recognition.data.batches import Batch
from action_recognition.files import write_text
from action_recognition.plots import draw_rate_sweep

PICTURE, TABLE = "find_lr.png", "find_lr.csv"
NUM_STEPS = 100
LOWEST, HIGHEST = 1e-6, 1.0  # base learning rates
_SMOOTHING = 0.9  # share of the mean before
_WORSE = 4.0  # the sweep ends when the loss is this many times its minimum
_MIN_STEPS = 10
_UNSURE_STEPS = 5  # the first smoothed losses are means of few steps


class RateSweep(Callback):
    """Sets the learning rate of every step and keeps the losses.

    Each parameter group keeps its ratio to the base rate. The run ends after `num_steps` steps, or
    as soon as the loss has diverged.
    """

    def __init__(self, base_learning_rate: float, num_steps: int = NUM_STEPS) -> None:
        self.base, self.num_steps = base_learning_rate, num_steps
        self.rates: list[float] = []
        self.losses: list[float] = []

    def rate(self, step: int) -> float:
        """Return the base rate of a step: from `LOWEST` to `HIGHEST` by equal factors."""
        return float(LOWEST * (HIGHEST / LOWEST) ** (step / max(1, self.num_steps - 1)))

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Set the rate of each parameter group, after the schedule has set its own."""
        factor = self.rate(trainer.global_step) / self.base
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Keep the loss of the step. Stop the run when it diverges or after the last step."""
        # Lightning returns nothing for a step that was skipped.
        if outputs is None:
            return
        loss = float(outputs["loss"])
        if math.isfinite(loss):
            self.rates.append(self.rate(trainer.global_step - 1))
            self.losses.append(loss)

        if not math.isfinite(loss) or self._diverged() or trainer.global_step >= self.num_steps:
            trainer.should_stop = True

    def _diverged(self) -> bool:
        means = smoothed(self.losses)
        return len(means) > _MIN_STEPS and means[-1] > _WORSE * min(means)


def smoothed(losses: Sequence[float]) -> list[float]:
    """Return the exponential mean of the losses so far, corrected for its start.

    >>> smoothed([2.0, 2.0, 2.0])
    [2.0, 2.0, 2.0]
    """
    mean, out = 0.0, []
    for number, loss in enumerate(losses, start=1):
        mean = _SMOOTHING * mean + (1.0 - _SMOOTHING) * loss
        out.append(round(mean / (1.0 - _SMOOTHING**number), 12))
    return out


def steepest(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """Return the rate where the smoothed loss falls fastest over the logarithm of the rate.

    Return None if the loss never falls, or after fewer than ten steps.

    >>> rates = [10.0 ** (i / 10) for i in range(-40, 0)]
    >>> def loss(rate):
    ...     return 3.0 - 2.0 / (1.0 + math.exp(-6 * (math.log10(rate) + 2)))
    >>> round(math.log10(steepest(rates, [loss(rate) for rate in rates])), 1) < -1.0
    True
    """
    if len(losses) < _MIN_STEPS:
        return None

    # The rates grow by equal factors, so the slope is over their logarithm.
    slopes = np.gradient(np.array(smoothed(losses)), np.log(np.array(rates)))[_UNSURE_STEPS:]
    place = int(np.argmin(slopes))
    return float(rates[_UNSURE_STEPS + place]) if slopes[place] < 0 else None


def write_sweep(
    folder: Path, rates: Sequence[float], losses: Sequence[float], found: float | None
) -> list[Path]:
    """Write find_lr.csv and find_lr.png. Return their paths."""
    means = smoothed(losses)

    rows = [
        f"{rate:.6g},{loss:.6g},{mean:.6g}"
        for rate, loss, mean in zip(rates, losses, means, strict=True)
    ]
    table = "\n".join(["learning_rate,loss,smoothed", *rows]) + "\n"

    # The picture shows the losses, their means and the rate found.
    write_text(folder / TABLE, table)
    draw_rate_sweep(folder / PICTURE, rates, losses, means, found)
    return [folder / TABLE, folder / PICTURE]

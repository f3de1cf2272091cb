"""A callback that writes and draws the curves of a run, epoch by epoch."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from action_recognition.training.reporting.curve_files import (
    CURVES_FILE,
    CURVES_PICTURE,
    draw_curves,
    read_curves,
    write_curves,
)

_DRAW_EVERY_S = 60.0  # drawing takes up to half a second, in which nothing is learned


class Curves(Callback):
    """Writes curves.csv after every epoch, and draws it now and then and at the end.

    Accuracies are in %. `val_accuracy` is the mean over classes. `train_top1` is the share of the
    augmented training clips that were right at the step that learned from them. `learning_rate` is
    the highest of all layers at the end of the epoch. `seconds` is the wall time of the epoch with
    its validation. A value that the epoch did not measure stays empty. The rows before
    `--resume-from` stay.
    """

    def __init__(self, folder: Path, num_classes: int) -> None:
        self.folder, self.num_classes = folder, num_classes
        self.rows: list[dict[str, float]] = []
        self._epoch_began = 0.0
        self._drawn_at = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Read the rows of the epochs before the checkpoint, and start the clocks."""
        # A resumed run knows its epoch here, but not yet when the fit starts.
        path = self.folder / CURVES_FILE
        rows = read_curves(path) if path.is_file() else []
        self.rows = [row for row in rows if row["epoch"] <= trainer.current_epoch]

        # A run that resumes within an epoch does not announce that epoch's start.
        # A short run is drawn at its end alone.
        self._epoch_began = self._drawn_at = time.monotonic()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the epoch's clock."""
        self._epoch_began = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add the epoch's row to the CSV file, and draw the curves from time to time."""
        # The means are sums over all processes, so that each of them has to call them.
        module: Any = pl_module
        mean_loss, top1 = module.epoch_loss.mean(), module.epoch_top1.mean()
        if mean_loss is None or not trainer.is_global_zero:
            return

        # An epoch that is trained again replaces its row.
        row = self._row(trainer, mean_loss, math.nan if top1 is None else 100.0 * top1)
        self.rows = [*(old for old in self.rows if old["epoch"] < row["epoch"]), row]
        write_curves(self.folder / CURVES_FILE, self.rows)
        if time.monotonic() - self._drawn_at > _DRAW_EVERY_S:
            self._draw()

    def _row(self, trainer: L.Trainer, mean_loss: float, train_top1: float) -> dict[str, float]:
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        accuracies = {
            f"val_{name}": float(trainer.callback_metrics.get(f"val/{name}", math.nan))
            for name in ("accuracy", "top1", "top5")
        }
        return {
            "epoch": float(trainer.current_epoch + 1),
            "train_loss": mean_loss,
            "train_top1": train_top1,
            **accuracies,
            "learning_rate": max(float(group["lr"]) for group in groups),
            "seconds": time.monotonic() - self._epoch_began,
        }

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw the curves of all epochs."""
        if trainer.is_global_zero and self.rows:
            self._draw()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Draw the curves of the epochs so far."""
        self.on_fit_end(trainer, pl_module)

    def _draw(self) -> None:
        draw_curves(self.folder / CURVES_PICTURE, self.rows, self.num_classes)
        self._drawn_at = time.monotonic()

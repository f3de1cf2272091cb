"""Writes what a run learned, epoch by epoch; what was before --resume-from stays."""

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
    """Writes the CSV after every epoch, and draws it now and then and at the end.

    Accuracies are in %; `val_accuracy` is the mean over classes; `learning_rate` is the highest of all layers at the epoch's end;
    `seconds` is the wall time of the epoch with its validation. What an epoch did not measure stays empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, float]] = []
        self._epoch_began = 0.0
        self._drawn_at = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # Here, not when the fit starts, current_epoch is above 0 in a run that goes on: what was before it stays.
        path = self.folder / CURVES_FILE
        self.rows = (
            [row for row in read_curves(path) if row["epoch"] <= trainer.current_epoch]
            if path.is_file()
            else []
        )
        # The epoch's own start is not announced where a run goes on within it; a short run is drawn at its end alone.
        self._epoch_began = self._drawn_at = time.monotonic()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._epoch_began = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        module: Any = pl_module
        mean_loss = module.epoch_loss.mean()  # on every rank, since it is a sum over all
        if mean_loss is None or not trainer.is_global_zero:
            return
        metrics = trainer.callback_metrics
        row = {
            "epoch": float(trainer.current_epoch + 1),
            "train_loss": mean_loss,
            **{
                f"val_{name}": float(metrics.get(f"val/{name}", math.nan))
                for name in ("accuracy", "top1", "top5")
            },
            "learning_rate": max(
                float(group["lr"])
                for optimizer in trainer.optimizers
                for group in optimizer.param_groups
            ),
            "seconds": time.monotonic() - self._epoch_began,
        }
        self.rows = [*(old for old in self.rows if old["epoch"] < row["epoch"]), row]
        write_curves(self.folder / CURVES_FILE, self.rows)
        if time.monotonic() - self._drawn_at > _DRAW_EVERY_S:
            self._draw()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero and self.rows:
            self._draw()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        self.on_fit_end(trainer, pl_module)

    def _draw(self) -> None:
        draw_curves(self.folder / CURVES_PICTURE, self.rows)
        self._drawn_at = time.monotonic()

"""The callback that reports a trial's epochs to Optuna and ends trials that are given up."""

from __future__ import annotations

import math
from pathlib import Path

import lightning as L
import optuna
from lightning.pytorch.callbacks import Callback

from action_recognition.training.reporting.curve_files import CURVES_FILE, read_curves


class PruneTrial(Callback):
    """Reports the validation accuracy of every epoch to a trial. Ends the run if it is pruned."""

    def __init__(self, trial: optuna.Trial, outputs: Path) -> None:
        self.trial, self.outputs = trial, outputs
        self.pruned = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report the epochs before an interruption.

        For Optuna a continued trial is a new one, which has no values yet.
        """
        path = self.outputs / CURVES_FILE
        for row in read_curves(path) if trainer.current_epoch and path.is_file() else ():
            if row["epoch"] <= trainer.current_epoch and not math.isnan(row["val_accuracy"]):
                self.trial.report(row["val_accuracy"], int(row["epoch"]))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report the epoch's validation accuracy, and stop the run if the pruner gives it up."""
        accuracy = trainer.callback_metrics.get("val/accuracy")
        if accuracy is None or not trainer.is_global_zero:
            return
        self.trial.report(float(accuracy), trainer.current_epoch + 1)

        if self.trial.should_prune():
            self.pruned = True
            trainer.should_stop = True

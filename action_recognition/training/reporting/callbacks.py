"""Callbacks that end a run early or report what is wrong with its clips and losses."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch import Tensor

from action_recognition.console import say
from action_recognition.data.annotations import ClipRecord
from action_recognition.data.batches import Batch, DamagedClip
from action_recognition.errors import user_error
from action_recognition.training.step.module import GestureTraining


class StopEarly(EarlyStopping):
    """Ends the run after `num_epochs` epochs without a better validation accuracy."""

    def __init__(self, num_epochs: int) -> None:
        super().__init__("val/accuracy", patience=num_epochs, mode="max")

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print why the run ended, if this callback ended it."""
        if trainer.should_stop and trainer.is_global_zero and self.wait_count >= self.patience:
            reason = f"no better validation for {self.patience} epochs"
            say(f"stopped early: {reason} (training.early_stop_epochs)")


class DamagedClips(Callback):
    """Prints each clip that could not be read, once, and counts them.

    With `strict` the first such clip ends the run with a UserError.
    """

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.messages: dict[tuple[str, int], str] = {}

    def _see(self, split: str, damaged: list[DamagedClip]) -> None:
        for clip in damaged:
            if self.strict:
                raise user_error("--strict", f"a clip could not be read: {clip.message}")

            # The same clip comes again in every epoch.
            if (split, clip.index) not in self.messages:
                self.messages[split, clip.index] = clip.message
                print(f"skipped ({split}): {clip.message}", file=sys.stderr, flush=True)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Report the damaged clips of a training batch."""
        self._see("train", batch.damaged)

    def on_validation_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Report the damaged clips of a validation batch."""
        self._see("val", batch.damaged)

    def summary(self) -> str:
        """Return one line about the number of damaged clips, empty if every clip was read."""
        count = len(self.messages)
        plural = "s" if count > 1 else ""
        return f"{count} damaged clip{plural} skipped (named above)" if count else ""


class FiniteLoss(Callback):
    """Ends the run at the first step whose loss or gradient is not finite.

    The run ends before anything of the step is saved, with a UserError that names its clips.
    With float16 the scaler skips steps whose scaled gradients overflow, so only the loss is
    checked. With several processes the loss of one process makes all gradients non-finite, so that
    all of them end at once.
    """

    def __init__(self, records: Sequence[ClipRecord], check_gradient: bool = True) -> None:
        self.records, self.check_gradient = records, check_gradient
        self._indices: list[int] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Remember the clips of the batch."""
        self._indices = list(dict.fromkeys(batch.indices.tolist()))

    def on_before_backward(
        self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor
    ) -> None:
        """Check the loss, unless the gradients of several processes will show it."""
        if trainer.world_size == 1 or not self.check_gradient:
            self._check(trainer, "loss", float(loss.detach()))

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Check the norm of the gradient."""
        if outputs is not None and self.check_gradient:
            assert isinstance(pl_module, GestureTraining)
            self._check(trainer, "gradient's norm", float(pl_module.gradient_norm))

    def _check(self, trainer: L.Trainer, name: str, value: float) -> None:
        if math.isfinite(value):
            return

        # The error names annotation line and file of each clip.
        records = [self.records[index] for index in self._indices]
        clips = ", ".join(f"{record.line} ({record.path.name})" for record in records)
        place = f"in epoch {trainer.current_epoch + 1}, at step {trainer.global_step}"
        raise user_error(
            "training",
            f"the {name} became {value} {place}, over the clips {clips}",
            fix="look at these clips, or lower --base-learning-rate; "
            "best.pth and latest.pth are from the epochs before",
        )

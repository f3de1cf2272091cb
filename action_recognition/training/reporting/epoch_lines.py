"""The lines that a run prints about its progress."""

from __future__ import annotations

import time
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from action_recognition.console import clock_in, say
from action_recognition.data.batches import Batch
from action_recognition.training.step.module import GestureTraining

_EPOCHS_IN_ESTIMATE = 5


class EpochLines(Callback):
    """Prints one line per epoch: loss, accuracy, speed, and the time at which the run will end.

    Within a long epoch it prints a line every `every_s` seconds. `data wait` is the share of the
    steps' time in which the next batch had not arrived. Speed and wait are logged too.
    """

    def __init__(self, every_s: float = 60.0) -> None:
        self.every_s = every_s
        self._epoch_began = self._said_at = 0.0
        self._num_clips = self._num_steps = 0
        self._step_ended_s = self._waited_s = self._stepped_s = 0.0
        self._durations: list[float] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start to measure: a run that resumes within an epoch does not announce that epoch."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the epoch's clocks and counters."""
        self._epoch_began, self._num_clips, self._num_steps = time.monotonic(), 0, 0
        self._said_at = self._epoch_began
        self._step_ended_s, self._waited_s, self._stepped_s = time.perf_counter(), 0.0, 0.0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Add the time from the end of the last step to the arrival of this batch."""
        assert isinstance(pl_module, GestureTraining)
        self._waited_s += max(0.0, pl_module.batch_arrived_s - self._step_ended_s)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Count the step, and print a line if the last one is long ago."""
        self._num_clips += len(batch.labels)
        self._num_steps += 1
        now = time.perf_counter()
        self._stepped_s, self._step_ended_s = self._stepped_s + now - self._step_ended_s, now

        if time.monotonic() - self._said_at > self.every_s and trainer.is_global_zero:
            self._say_step(trainer, batch_idx)

    def _say_step(self, trainer: L.Trainer, batch_idx: int) -> None:
        self._said_at = time.monotonic()
        num_steps = int(trainer.num_training_batches)
        left_s = (num_steps - batch_idx - 1) * self._stepped_s / self._num_steps
        place = f"epoch {trainer.current_epoch + 1}, step {batch_idx + 1} of {num_steps}"
        say(f"  {place}: {self._speed()}, the epoch's steps end about {clock_in(left_s)}")

    def _speed(self) -> str:
        # The time of the steps, without that of the validation.
        clips_per_s = self._num_clips / max(self._stepped_s, 1e-9)
        return f"{clips_per_s:.1f} clips/s, data wait {self._wait_percent():.0f} %"

    def _wait_percent(self) -> float:
        return 100.0 * min(1.0, self._waited_s / max(self._stepped_s, 1e-9))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the speed and print the epoch's line."""
        if self._stepped_s:
            self.log("speed/clips_per_s", self._num_clips / self._stepped_s)
            self.log("speed/data_wait_percent", self._wait_percent())

        # All processes take part in the mean. Only the first one prints it.
        assert isinstance(pl_module, GestureTraining)
        loss = pl_module.epoch_loss.mean()
        if loss is not None and trainer.is_global_zero and trainer.max_epochs is not None:
            self._say_epoch(trainer, trainer.max_epochs, loss)

    def _say_epoch(self, trainer: L.Trainer, max_epochs: int, loss: float) -> None:
        # The first epoch of each phase costs differently, so the estimate follows the last few.
        seconds = time.monotonic() - self._epoch_began
        self._durations = [*self._durations[1 - _EPOCHS_IN_ESTIMATE :], seconds]
        epochs_left = max_epochs - trainer.current_epoch - 1
        left_s = epochs_left * sum(self._durations) / len(self._durations)

        # A run on all clips has none to validate on.
        top1 = trainer.callback_metrics.get("val/accuracy")
        validated = "" if top1 is None else f"val top-1 {float(top1):.1f} %, "
        say(
            f"epoch {trainer.current_epoch + 1}/{max_epochs}: loss {loss:.3f}, "
            f"{validated}{self._speed()}, {seconds:.0f} s, "
            f"ends about {clock_in(left_s)}"
        )

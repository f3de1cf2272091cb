"""What a run says while it goes, and what ends it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch import Tensor

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.datasets import Batch, DamagedClip
from action_recognition.errors import UserError, user_error
from action_recognition.training.step.module import GestureTraining

# What gloo, NCCL and the store say when the other side is gone.
_LOST_PEER = (
    "Connection closed by peer",
    "Connection reset by peer",
    "ncclRemoteError",
    "Broken pipe",
    "Timed out waiting",
    "Socket Timeout",
)


class StopEarly(EarlyStopping):
    """Ends the run after `num_epochs` epochs without a better validation accuracy."""

    def __init__(self, num_epochs: int) -> None:
        super().__init__("val/accuracy", patience=num_epochs, mode="max")

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.should_stop and trainer.is_global_zero and self.wait_count >= self.patience:
            print(
                f"stopped early: no better validation for {self.patience} epochs (training.early_stop_epochs)",
                flush=True,
            )


class DamagedClips(Callback):
    """Names each clip that could not be read, once, and counts them; with `strict` the first one ends the run."""

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.messages: dict[tuple[str, int], str] = {}

    def _see(self, split: str, damaged: list[DamagedClip]) -> None:
        for clip in damaged:
            if self.strict:
                raise user_error("--strict", f"a clip could not be read: {clip.message}")
            if (split, clip.index) not in self.messages:
                self.messages[split, clip.index] = clip.message
                print(f"skipped ({split}): {clip.message}", file=sys.stderr, flush=True)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self._see("train", batch.damaged)

    def on_validation_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._see("val", batch.damaged)

    def summary(self) -> str:
        """One line, empty when every clip was read."""
        count = len(self.messages)
        return (
            f"{count} damaged clip{'s' if count > 1 else ''} skipped (named above)" if count else ""
        )


class FiniteLoss(Callback):
    """Ends the run at the first step whose loss or gradient is no number, before anything of it is saved, and names the step's clips.

    With float16 the gradients are scaled, and those that overflow are left out by the scaler: then only the loss is checked.
    With several processes a loss of one of them makes all gradients no numbers, by which all end at once.
    """

    def __init__(self, records: Sequence[ClipRecord], check_gradient: bool = True) -> None:
        self.records, self.check_gradient = records, check_gradient
        self._indices: list[int] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self._indices = list(dict.fromkeys(batch.indices.tolist()))

    def on_before_backward(
        self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor
    ) -> None:
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
        if outputs is not None and self.check_gradient:
            assert isinstance(pl_module, GestureTraining)
            self._check(trainer, "gradient's norm", float(pl_module.gradient_norm))

    def _check(self, trainer: L.Trainer, name: str, value: float) -> None:
        if math.isfinite(value):
            return
        clips = ", ".join(
            f"{self.records[index].line} ({self.records[index].path.name})"
            for index in self._indices
        )
        raise user_error(
            "training",
            f"the {name} became {value} in epoch {trainer.current_epoch + 1}, at step {trainer.global_step}, over the clips {clips}",
            fix="look at these clips, or lower --base-learning-rate; best.pth and latest.pth are those of the epochs before",
        )


class EpochLines(Callback):
    """One line per epoch: loss, accuracy, speed, and when the run will end; within a long epoch a line a minute.

    `data wait` is the share of the steps' time in which the next batch was not there yet. Speed and wait are logged too.
    """

    def __init__(self, every_s: float = 60.0) -> None:
        self.every_s = every_s
        self._epoch_began = self._said_at = 0.0
        self._num_clips = self._num_steps = 0
        self._step_ended_s = self._waited_s = self._stepped_s = 0.0
        self._durations: list[float] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.on_train_epoch_start(
            trainer, pl_module
        )  # which is not called where a run goes on within an epoch

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._epoch_began, self._num_clips, self._num_steps = time.monotonic(), 0, 0
        self._said_at = self._epoch_began
        self._step_ended_s, self._waited_s, self._stepped_s = time.perf_counter(), 0.0, 0.0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
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
        print(
            f"  epoch {trainer.current_epoch + 1}, step {batch_idx + 1} of {num_steps}: {self._speed()}, "
            f"the epoch's steps end about {_clock_in(left_s)}",
            flush=True,
        )

    def _speed(self) -> str:
        return f"{self._num_clips / max(self._stepped_s, 1e-9):.1f} clips/s, data wait {self._wait_percent():.0f} %"

    def _wait_percent(self) -> float:
        return 100.0 * min(1.0, self._waited_s / max(self._stepped_s, 1e-9))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._stepped_s:
            self.log("speed/clips_per_s", self._num_clips / self._stepped_s)
            self.log("speed/data_wait_percent", self._wait_percent())
        assert isinstance(pl_module, GestureTraining)
        loss = pl_module.epoch_loss.mean()
        if loss is None or not trainer.is_global_zero or trainer.max_epochs is None:
            return
        seconds = time.monotonic() - self._epoch_began
        # The first epoch of each phase costs differently, so the estimate follows the last few.
        self._durations = [*self._durations[-4:], seconds]
        left = (
            (trainer.max_epochs - trainer.current_epoch - 1)
            * sum(self._durations)
            / len(self._durations)
        )
        print(
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}: loss {loss:.3f}, "
            f"val top-1 {float(trainer.callback_metrics['val/accuracy']):.1f} %, "
            f"{self._speed()}, {seconds:.0f} s, ends about {_clock_in(left)}",
            flush=True,
        )


def _clock_in(seconds: float) -> str:
    return (datetime.now() + timedelta(seconds=seconds)).strftime("%H:%M:%S")


def describe_failure(error: BaseException) -> UserError | None:
    """The user error behind an exception that came through a data worker, another process or Lightning, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UserError):
            return seen
        if (known := _of_the_machine(str(seen))) is not None:
            return known
        seen = seen.__cause__ or seen.__context__
    return None


def _of_the_machine(message: str) -> UserError | None:
    go_on = "then go on with --resume-from latest"
    if "DataLoader worker" in message and (
        "killed by signal" in message or "exited unexpectedly" in message
    ):
        return user_error(
            "--num-workers",
            f"a process that decodes clips died: {_first_line(message)}",
            fix=f"use fewer, {go_on}",
        )
    if any(part in message for part in _LOST_PEER):
        where = "several processes"
        return user_error(
            where,
            "another process of this run ended",
            fix=f"see what it or its machine says, {go_on}",
        )
    if (
        "out of memory" in message or "can't allocate memory" in message
    ):  # one process says what fits, see `out_of_memory`
        found, keep = (
            f"does not fit into memory: {_first_line(message)}",
            "--accumulate N keeps as many clips a step",
        )
        return user_error(
            "--batch-size", found, "what --find-batch-size finds", f"make it smaller; {keep}"
        )
    if "EADDRINUSE" in message or "address already in use" in message.lower():
        return user_error(
            "MASTER_PORT",
            f"is in use: {_first_line(message)}",
            fix="name another one, the same on all machines",
        )
    return None


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0][:200]

"""What a run says and saves while it goes."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch import Tensor

from action_recognition.checkpoint import read_checkpoint, save_atomically
from action_recognition.data.annotations import ClipRecord
from action_recognition.data.datasets import Batch, DamagedClip
from action_recognition.errors import UserError, user_error
from action_recognition.training.module import GestureTraining


class AtomicCheckpointIO(CheckpointIO):
    """Checkpoints that are whole or not there, and are read without executing anything."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        save_atomically(checkpoint, Path(path))

    def load_checkpoint(self, path: str | Path, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:
        return read_checkpoint(Path(path)).content

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)


class _PthCheckpoint(ModelCheckpoint):
    """Written after an epoch is wholly done, so that going on from it starts the next one."""

    FILE_EXTENSION = ".pth"

    def __init__(self, folder: Path, filename: str, monitor: str | None) -> None:
        super().__init__(
            dirpath=folder,
            filename=filename,
            monitor=monitor,
            mode="max",
            save_top_k=1,
            enable_version_counter=False,
            save_on_train_epoch_end=True,
        )


class SaveLatest(_PthCheckpoint):
    """`latest.pth` after every epoch, and at Ctrl-C."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "latest", monitor=None)
        self.path = folder / "latest.pth"

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt) and trainer.global_step:
            trainer.save_checkpoint(self.path)
            print(f"interrupted: saved {self.path}; go on with --resume-from latest", flush=True)


class SaveBest(_PthCheckpoint):
    """`best.pth` where the validation accuracy was highest."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "best", monitor="val/accuracy")


class StopEarly(EarlyStopping):
    """Ends the run after `num_epochs` epochs without a better validation accuracy."""

    def __init__(self, num_epochs: int) -> None:
        super().__init__("val/accuracy", patience=num_epochs, mode="max")

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.should_stop and trainer.is_global_zero and self.wait_count >= self.patience:
            print(f"stopped early: no better validation for {self.patience} epochs (training.early_stop_epochs)", flush=True)


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

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int) -> None:
        self._see("train", batch.damaged)

    def on_validation_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._see("val", batch.damaged)

    def summary(self) -> str:
        """One line, empty when every clip was read."""
        count = len(self.messages)
        return f"{count} damaged clip{'s' if count > 1 else ''} skipped (named above)" if count else ""


class FiniteLoss(Callback):
    """Ends the run at the first step whose loss or gradient is no number, before anything of it is saved, and names the step's clips."""

    def __init__(self, records: Sequence[ClipRecord]) -> None:
        self.records = records
        self._indices: list[int] = []

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int) -> None:
        self._indices = list(dict.fromkeys(batch.indices.tolist()))

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        self._check(trainer, "loss", float(loss.detach()))

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if outputs is not None:
            assert isinstance(pl_module, GestureTraining)
            self._check(trainer, "gradient's norm", float(pl_module.gradient_norm))

    def _check(self, trainer: L.Trainer, name: str, value: float) -> None:
        if math.isfinite(value):
            return
        clips = ", ".join(f"{self.records[index].line} ({self.records[index].path.name})" for index in self._indices)
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
        self._num_clips = 0
        self._step_ended_s = self._waited_s = self._stepped_s = 0.0
        self._durations: list[float] = []

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._epoch_began, self._num_clips = time.monotonic(), 0
        self._said_at = self._epoch_began
        self._step_ended_s, self._waited_s, self._stepped_s = time.perf_counter(), 0.0, 0.0

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int) -> None:
        assert isinstance(pl_module, GestureTraining)
        self._waited_s += max(0.0, pl_module.batch_arrived_s - self._step_ended_s)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int) -> None:
        self._num_clips += len(batch.labels)
        now = time.perf_counter()
        self._stepped_s, self._step_ended_s = self._stepped_s + now - self._step_ended_s, now
        if time.monotonic() - self._said_at > self.every_s and trainer.is_global_zero:
            self._say_step(trainer, batch_idx)

    def _say_step(self, trainer: L.Trainer, batch_idx: int) -> None:
        self._said_at = time.monotonic()
        num_steps = int(trainer.num_training_batches)
        left_s = (num_steps - batch_idx - 1) * self._stepped_s / (batch_idx + 1)
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
        if not trainer.is_global_zero or trainer.max_epochs is None:
            return
        seconds = time.monotonic() - self._epoch_began
        # The first epoch of each phase costs differently, so the estimate follows the last few.
        self._durations = [*self._durations[-4:], seconds]
        left = (trainer.max_epochs - trainer.current_epoch - 1) * sum(self._durations) / len(self._durations)
        assert isinstance(pl_module, GestureTraining)
        if not pl_module.epoch_loss.update_called:
            return
        print(
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}: loss {float(pl_module.epoch_loss.compute()):.3f}, "
            f"val top-1 {float(trainer.callback_metrics['val/accuracy']):.1f} %, "
            f"{self._speed()}, {seconds:.0f} s, ends about {_clock_in(left)}",
            flush=True,
        )


def _clock_in(seconds: float) -> str:
    return (datetime.now() + timedelta(seconds=seconds)).strftime("%H:%M:%S")


def describe_failure(error: BaseException) -> UserError | None:
    """The user error behind an exception that came through a data worker or Lightning, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UserError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None

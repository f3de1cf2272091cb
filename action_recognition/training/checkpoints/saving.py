"""Checkpoints of a run: when they are written and what each of them holds."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from action_recognition.checkpoint import read_checkpoint, save_atomically
from action_recognition.console import say
from action_recognition.training.checkpoints.stop_request import StopRequest

LATEST, PREVIOUS, BEST = "latest.pth", "previous.pth", "best.pth"
# The section of a checkpoint that a resumed run must have in common with the run before.
RUN_KEY = "run"
# Several processes agree on the time by a message. Sent at every step, it would slow all of them.
_ASK_EVERY_STEPS = 20


class AtomicCheckpointIO(CheckpointIO):
    """Checkpoint files that are whole or absent, and are read without executing anything.

    The checkpoint that `latest.pth` replaces is kept as `previous.pth`.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint atomically. Keep the latest one before it as `previous.pth`."""
        path = Path(path)

        # Only the latest checkpoint has a predecessor worth keeping.
        previous = path.with_name(PREVIOUS) if path.name == LATEST else None
        save_atomically(checkpoint, path, previous=previous)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint without executing anything in it."""
        return read_checkpoint(Path(path)).content

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint file if it exists."""
        Path(path).unlink(missing_ok=True)


class _PthCheckpoint(ModelCheckpoint):
    """A checkpoint after a completed epoch, so that a run resumed from it starts the next one."""

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

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the scores if the file that reached them is in this folder.

        The folder may have had another name when the checkpoint was written.
        """
        own = Path(str(self.dirpath)) / f"{self.filename}{self.FILE_EXTENSION}"
        if not own.is_file():
            return

        # The paths are those of this folder. The scores come from the checkpoint.
        scores = {str(own): score for score in state_dict.get("best_k_models", {}).values()}
        here = {
            "dirpath": self.dirpath,
            "best_model_path": str(own),
            "kth_best_model_path": str(own) if scores else "",
            "best_k_models": scores,
            "last_model_path": "",
        }
        super().load_state_dict({**state_dict, **here})
        # Lightning saves the current score but does not restore it.
        self.current_score = state_dict.get("current_score")


class SaveBest(_PthCheckpoint):
    """`best.pth`, written whenever the validation accuracy is the highest so far.

    With `accuracy_before`, in %, the file is there already and is kept until an epoch is better.
    This callback comes before `SaveLatest`, whose checkpoint contains the best score.
    """

    def __init__(self, folder: Path, accuracy_before: float | None = None) -> None:
        super().__init__(folder, BEST.removesuffix(".pth"), monitor="val/accuracy")
        self._accuracy_before = accuracy_before

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the score of the file that is there before the first epoch."""
        if self._accuracy_before is not None and not self.best_k_models:
            path, score = str(Path(str(self.dirpath)) / BEST), torch.tensor(self._accuracy_before)
            self.best_k_models: dict[str, torch.Tensor] = {path: score}
            self.kth_best_model_path = path
            self.best_model_path, self.best_model_score, self.kth_value = path, score, score


class SaveLatest(_PthCheckpoint):
    """`latest.pth`, written after every epoch, every `every_minutes` within one, and on `stop`.

    With `every_minutes` 0 there are no checkpoints within an epoch. A checkpoint within an epoch is
    written between two steps of the optimiser, so it contains no half-accumulated gradients. None
    is written between the last step and the validation, because Lightning would resume without
    validating.
    After a signal within the validation, a resumed run repeats that validation.
    """

    def __init__(
        self, folder: Path, every_minutes: float, stop: StopRequest, run: dict[str, Any]
    ) -> None:
        super().__init__(folder, LATEST.removesuffix(".pth"), monitor=None)
        self.path = folder / LATEST
        self.stop, self.run = stop, run
        self._every_s = 60.0 * every_minutes
        self._due_at = 0.0
        self._loops_at_validation: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state: a resumed run needs nothing from this callback."""
        return {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Install the signal handlers and schedule the first checkpoint within an epoch."""
        # These replace Lightning's, which message the other processes from within the handler.
        self.stop.install()
        self._due_at = time.monotonic() + self._every_s

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save a checkpoint when one is due, and pass on a request to stop."""
        loop = trainer.fit_loop.epoch_loop

        # No checkpoint is written before the validation or between accumulated batches.
        if loop.batch_progress.is_last_batch or loop._should_accumulate():
            return

        if self._is_due(trainer):
            trainer.save_checkpoint(self.path)
            self._due_at = time.monotonic() + self._every_s

        if self.stop.signum is not None and trainer.is_global_zero:
            # Lightning then ends all processes before the same step.
            trainer._signal_connector.received_sigterm = True

    def _is_due(self, trainer: L.Trainer) -> bool:
        due = self._every_s > 0 and time.monotonic() >= self._due_at
        if trainer.world_size == 1:
            return due

        # All processes have to save at the same step, so the first one decides.
        return trainer.global_step % _ASK_EVERY_STEPS == 0 and bool(trainer.strategy.broadcast(due))

    def on_validation_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Remember the loops' state as the validation begins."""
        if batch_idx == 0:
            self._loops_at_validation = _loops_before_validation(trainer)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """End the validation of a single process that was asked to stop."""
        # Several processes would wait for the one that leaves the validation.
        if self.stop.signum is not None and trainer.world_size == 1:
            raise SIGTERMException

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Forget the loops' state at the start of the validation."""
        super().on_validation_end(trainer, pl_module)
        self._loops_at_validation = None

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the run's section. Within a validation, store the loops as they were before it."""
        checkpoint[RUN_KEY] = self.run
        if self._loops_at_validation is not None:
            checkpoint["loops"]["fit_loop"] = self._loops_at_validation

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Save a last checkpoint when a signal ends the run."""
        if isinstance(exception, SIGTERMException):
            trainer.save_checkpoint(self.path)
            if trainer.is_global_zero:
                say(f"interrupted: saved {self.path}; continue with --resume-from latest")

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Give the signals back."""
        self.stop.restore()


def _loops_before_validation(trainer: L.Trainer) -> dict[str, Any]:
    """Return the state of the loops from which Lightning repeats the whole validation."""
    state: dict[str, Any] = copy.deepcopy(trainer.fit_loop.state_dict())

    # A validation that stopped within its first batch is repeated from the start.
    first = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
    state["epoch_loop.val_loop.batch_progress"] |= {"total": dict(first), "current": dict(first)}
    return state

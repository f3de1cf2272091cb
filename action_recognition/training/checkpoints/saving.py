"""Checkpoints of a run: when they are written, and what a signal does."""

from __future__ import annotations

import copy
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from action_recognition.checkpoint import read_checkpoint, save_atomically

LATEST, PREVIOUS, BEST = "latest.pth", "previous.pth", "best.pth"
RUN_KEY = "run"  # section of a checkpoint: what a run that goes on must have in common with the one before
_ASK_EVERY_STEPS = (
    20  # several processes agree on the time by a message, which every step would notice
)


class AtomicCheckpointIO(CheckpointIO):
    """Checkpoints that are whole or not there, and are read without executing anything; `previous.pth` is the latest but one."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        path = Path(path)
        save_atomically(
            checkpoint, path, previous=path.with_name(PREVIOUS) if path.name == LATEST else None
        )

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        return read_checkpoint(Path(path)).content

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)


class StopRequest:
    """SIGINT and SIGTERM as a wish that is looked at between two steps; a second one ends the run at once, as Ctrl-C does."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Take both signals, in the main thread (elsewhere Python lets nobody)."""
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._before.setdefault(signum, signal.getsignal(signum))
                signal.signal(signum, self._note)

    def restore(self) -> None:
        """Give the signals back to who had them."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is not None:
            raise KeyboardInterrupt
        self.signum = signum


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

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the scores where the file that reached them is in this folder, whatever the folder was called then."""
        own = Path(str(self.dirpath)) / f"{self.filename}{self.FILE_EXTENSION}"
        if own.is_file():
            scores = {str(own): score for score in state_dict.get("best_k_models", {}).values()}
            paths = {
                "dirpath": self.dirpath,
                "best_model_path": str(own),
                "kth_best_model_path": str(own) if scores else "",
            }
            super().load_state_dict(
                {**state_dict, **paths, "best_k_models": scores, "last_model_path": ""}
            )
            self.current_score = state_dict.get(
                "current_score"
            )  # Lightning saves it, and does not take it back


class SaveBest(_PthCheckpoint):
    """`best.pth` where the validation accuracy was highest. Stands before `SaveLatest`, whose checkpoint knows the best score."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, BEST.removesuffix(".pth"), monitor="val/accuracy")


class SaveLatest(_PthCheckpoint):
    """`latest.pth` after every epoch, every `every_minutes` within one (0: never), and when `stop` asks for the end.

    A checkpoint within an epoch lies between two steps of the optimiser: gradients that are being accumulated are in none.
    None lies between the last step and the validation, from which Lightning would go on without validating; at a signal
    within the validation the checkpoint is one from which the validation begins anew.
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
        return {}  # nothing of it is looked at again

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.stop.install()  # over Lightning's own, which sends messages to the other processes from within the handler
        self._due_at = time.monotonic() + self._every_s

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        loop = trainer.fit_loop.epoch_loop
        if loop.batch_progress.is_last_batch or loop._should_accumulate():
            return
        if self._is_due(trainer):
            trainer.save_checkpoint(self.path)
            self._due_at = time.monotonic() + self._every_s
        if self.stop.signum is not None and trainer.is_global_zero:
            trainer._signal_connector.received_sigterm = (
                True  # Lightning then ends all processes before the same step
            )

    def _is_due(self, trainer: L.Trainer) -> bool:
        due = self._every_s > 0 and time.monotonic() >= self._due_at
        if trainer.world_size == 1:
            return due
        return trainer.global_step % _ASK_EVERY_STEPS == 0 and bool(trainer.strategy.broadcast(due))

    def on_validation_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx == 0:
            state = copy.deepcopy(trainer.fit_loop.state_dict())
            first = {
                "ready": 1,
                "started": 1,
                "processed": 0,
                "completed": 0,
            }  # within the first batch Lightning validates anew
            state["epoch_loop.val_loop.batch_progress"] |= {
                "total": dict(first),
                "current": dict(first),
            }
            self._loops_at_validation = state

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self.stop.signum is not None and trainer.world_size == 1:
            raise SIGTERMException

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        super().on_validation_end(trainer, pl_module)
        self._loops_at_validation = None

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[RUN_KEY] = self.run
        if self._loops_at_validation is not None:
            checkpoint["loops"]["fit_loop"] = self._loops_at_validation

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        if isinstance(exception, SIGTERMException):
            trainer.save_checkpoint(self.path)
            if trainer.is_global_zero:
                print(
                    f"interrupted: saved {self.path}; go on with --resume-from latest", flush=True
                )

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self.stop.restore()

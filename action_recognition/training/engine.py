"""A run by Lightning's Trainer: its callbacks, loggers and checkpoints, and the way it ends."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import lightning as L
from lightning.pytorch.callbacks import Callback, RichProgressBar
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from action_recognition.checkpoint import RawCheckpoint
from action_recognition.console import has_the_terminal, say
from action_recognition.errors import Terminated, UserError
from action_recognition.template import Template, Training
from action_recognition.training.checkpoints.saving import (
    AtomicCheckpointIO,
    SaveBest,
    SaveLatest,
)
from action_recognition.training.checkpoints.state_check import HasStepped, useless_state
from action_recognition.training.checkpoints.stop_request import StopRequest
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.machine.devices import DevicePlan
from action_recognition.training.machine.memory import CollectEachEpoch, objects_kept
from action_recognition.training.machine.precision import compile_backbone, trainer_precision
from action_recognition.training.machine.processes import (
    SayWhoDied,
    SharedStatistics,
    end_with_parent,
)
from action_recognition.training.probing.out_of_memory import caused_by_memory, with_batch_that_fits
from action_recognition.training.reporting.callbacks import DamagedClips, FiniteLoss, StopEarly
from action_recognition.training.reporting.epoch_lines import EpochLines
from action_recognition.training.reporting.failures import describe_failure
from action_recognition.training.reporting.report_callbacks import seeing_it_learn
from action_recognition.training.reporting.run_log import RunLog
from action_recognition.training.step.averaging import AveragedWeights
from action_recognition.training.step.module import GestureTraining
from action_recognition.training.step.validation_scores import BestBefore, ValidationScores

if TYPE_CHECKING:
    from action_recognition.training.options import TrainOptions


@dataclass(frozen=True)
class Engine:
    """The parts of a Trainer beside module and data.

    `run` is the section about the run that its checkpoints keep, see `changes_since`.
    """

    devices: DevicePlan
    run: dict[str, Any]
    resume: RawCheckpoint | None
    scores: ValidationScores
    best_before: BestBefore | None
    watchers: Sequence[Callback] = ()


class _Failure(NamedTuple):
    """The error that ended a run, and True if a smaller batch could avoid it."""

    error: UserError
    is_memory: bool


def fit(
    module: GestureTraining,
    data: ClipData,
    template: Template,
    options: TrainOptions,
    engine: Engine,
) -> None:
    """Train until the last epoch, an error or a signal.

    Errors: UserError, which names the batch size that fits if the memory was too small.
    Terminated or KeyboardInterrupt after a signal.
    """
    quieten_lightning()
    callbacks = DamagedClips(options.strict), StopRequest(), HasStepped()
    run = _Run(module, data, template, options, engine, *callbacks)
    for line in engine.devices.words:
        say(line)

    trainer = run.trainer()
    if options.compile:
        compile_backbone(module.network.backbone)
    end_with_parent()
    try:
        failure = run.train(trainer)
    finally:
        if run.damaged.summary():
            say(run.damaged.summary())
    if failure is None:
        return

    # Without the trainer nothing holds the memory of the run, in which smaller batches are tried.
    device = trainer.strategy.root_device
    del trainer
    if failure.is_memory:
        raise with_batch_that_fits(failure.error, module, template, device)
    raise failure.error


@dataclass(frozen=True)
class _Run:
    """A run with the callbacks that its end depends on."""

    module: GestureTraining
    data: ClipData
    template: Template
    options: TrainOptions
    engine: Engine
    damaged: DamagedClips
    stop: StopRequest
    has_stepped: HasStepped

    def trainer(self) -> L.Trainer:
        """Return the Trainer of the run. With a terminal it shows a progress bar."""
        interactive = has_the_terminal()
        bar = [RichProgressBar(leave=False)] if interactive else []

        options, devices = self.options, self.engine.devices
        return L.Trainer(
            **devices.trainer_settings(self.module.schedule),
            precision=trainer_precision(options.precision, devices.accelerator),
            accumulate_grad_batches=options.accumulate,
            max_epochs=self.template.hyper_parameters.basic.epochs,
            gradient_clip_val=self.template.training.optimizer.gradient_clip_norm,
            callbacks=[*self._callbacks(), *bar],
            logger=_loggers(options, self.engine.resume),
            plugins=[AtomicCheckpointIO(), *devices.plugins],
            enable_progress_bar=interactive,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=0 if self.data.val is None else None,
            use_distributed_sampler=False,
            log_every_n_steps=10,
        )

    def _callbacks(self) -> list[Callback]:
        folder, labels = self.options.save_checkpoints_to, self.module.description["labels"]
        every_minutes = self.options.save_every_minutes
        # Lightning calls them in this order. Some read what those before them have stored.
        return [
            self.damaged,
            self.has_stepped,
            CollectEachEpoch(),
            *_recipe_callbacks(self.template.training, self.data, self.options),
            *self._early_stop(),
            EpochLines(),
            *self._best(folder),
            SaveLatest(folder, every_minutes, self.stop, self.engine.run),
            *seeing_it_learn(folder, labels, self.data, self.template, self.engine.scores),
            *self.engine.watchers,
        ]

    def _early_stop(self) -> list[Callback]:
        """Return what ends the run early. Where the last epoch counts, all epochs are trained."""
        epochs = self.template.training.early_stop_epochs
        return [] if epochs is None or self.engine.scores.keeps_last else [StopEarly(epochs)]

    def _best(self, folder: Path) -> list[Callback]:
        """Return what keeps the best epoch, nothing where the last one counts."""
        if self.engine.scores.keeps_last:
            return []
        before = self.engine.best_before
        return [SaveBest(folder, None if before is None else before.accuracy)]

    def train(self, trainer: L.Trainer) -> _Failure | None:
        """Train to the end and return None, or the error that has a known cause.

        An error without a known cause and a UserError itself are raised.
        """
        resume = self.engine.resume
        try:
            with objects_kept():
                trainer.fit(
                    self.module,
                    datamodule=self.data,
                    ckpt_path=resume.path if resume else None,
                    weights_only=True,
                )
        except SystemExit:
            # At a signal Lightning ends the process itself, but the exit code is ours to choose.
            if trainer.interrupted:
                is_term = self.stop.signum == signal.SIGTERM
                raise (Terminated if is_term else KeyboardInterrupt) from None
            raise
        except Exception as error:
            known = describe_failure(error)
            if known is None and resume is not None and not self.has_stepped.yes:
                known = useless_state(resume, error)
            if known is None or known is error:
                raise
            is_single = self.engine.devices.world_size == 1
            return _Failure(known, caused_by_memory(error) and is_single)
        return None


def _recipe_callbacks(training: Training, data: ClipData, options: TrainOptions) -> list[Callback]:
    # With 16-mixed the scaler leaves out the steps whose scaled gradients overflow.
    check_gradient = options.precision != "16-mixed"
    finite_loss = FiniteLoss(data.train.records, check_gradient=check_gradient)
    callbacks: list[Callback] = [SharedStatistics(), finite_loss]
    if training.ema_decay is not None:
        callbacks.append(AveragedWeights(training.ema_decay))
    return callbacks


def _loggers(options: TrainOptions, resume: RawCheckpoint | None) -> list[Logger]:
    folder = options.save_checkpoints_to
    tensorboard = tensorboard_folder(options)
    steps = int(resume.content["global_step"]) if resume is not None else 0

    # Steps that a killed run wrote after its checkpoint are not shown twice.
    purge = {"purge_step": steps} if steps else {}
    return [RunLog(folder, steps), TensorBoardLogger(tensorboard, name="", version="", **purge)]


def tensorboard_folder(options: TrainOptions) -> Path:
    """Return the folder for TensorBoard: that of the flag, or one beside the checkpoints."""
    return options.tensorboard_dir or options.save_checkpoints_to / "tensorboard"


def quieten_lightning() -> None:
    """Silence Lightning's hints. They repeat this toolkit's lines or concern its own choices."""
    launcher = logging.getLogger("lightning.fabric.strategies.launchers.subprocess_script")
    launcher.setLevel(logging.INFO)
    launcher.addFilter(SayWhoDied())

    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")

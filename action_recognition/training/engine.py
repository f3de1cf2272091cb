"""A run by Lightning's Trainer: callbacks, loggers, checkpoints, and how it ends."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import lightning as L
from lightning.pytorch.callbacks import Callback, RichProgressBar
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from action_recognition.checkpoint import RawCheckpoint
from action_recognition.console import say
from action_recognition.errors import Terminated
from action_recognition.template import Template, Training
from action_recognition.training.checkpoints.saving import (
    AtomicCheckpointIO,
    SaveBest,
    SaveLatest,
    StopRequest,
)
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
from action_recognition.training.reporting.callbacks import (
    DamagedClips,
    EpochLines,
    FiniteLoss,
    StopEarly,
    describe_failure,
)
from action_recognition.training.reporting.report_callbacks import seeing_it_learn
from action_recognition.training.reporting.run_log import RunLog
from action_recognition.training.step.averaging import AveragedWeights
from action_recognition.training.step.module import GestureTraining

if TYPE_CHECKING:
    from action_recognition.training.options import TrainOptions


@dataclass(frozen=True)
class Engine:
    """What the Trainer is made from beside module and data; `run` is what checkpoints keep about it, see `changes_since`."""

    devices: DevicePlan
    run: dict[str, Any]
    resume: RawCheckpoint | None
    watchers: Sequence[Callback] = ()


def _loggers(options: TrainOptions, resume: RawCheckpoint | None) -> list[Logger]:
    folder = options.save_checkpoints_to
    tensorboard = options.tensorboard_dir or folder / "tensorboard"
    steps = int(resume.content["global_step"]) if resume is not None else 0
    purge = (
        {"purge_step": steps} if steps else {}
    )  # what a run that was killed wrote after its checkpoint is not shown twice
    return [RunLog(folder, steps), TensorBoardLogger(tensorboard, name="", version="", **purge)]


def fit(
    module: GestureTraining,
    data: ClipData,
    template: Template,
    options: TrainOptions,
    engine: Engine,
) -> None:
    quieten_lightning()
    damaged, stop = DamagedClips(options.strict), StopRequest()
    interactive = sys.stdout.isatty()
    folder = options.save_checkpoints_to
    saving = [SaveBest(folder), SaveLatest(folder, options.save_every_minutes, stop, engine.run)]
    callbacks: list[Callback] = [
        damaged,
        CollectEachEpoch(),
        *_recipe_callbacks(template.training, data, options),
        EpochLines(),
        *saving,
    ]
    callbacks += [
        *seeing_it_learn(folder, module.description["labels"], data.val, template),
        *engine.watchers,
    ]
    for line in engine.devices.words:
        say(line)
    trainer = L.Trainer(
        **engine.devices.trainer_settings(module.schedule),
        precision=trainer_precision(options.precision, engine.devices.accelerator),
        accumulate_grad_batches=options.accumulate,
        max_epochs=template.hyper_parameters.basic.epochs,
        gradient_clip_val=template.training.optimizer.gradient_clip_norm,
        callbacks=[*callbacks, RichProgressBar(leave=False)] if interactive else callbacks,
        logger=_loggers(options, engine.resume),
        plugins=[AtomicCheckpointIO(), *engine.devices.plugins],
        enable_progress_bar=interactive,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        log_every_n_steps=10,
    )
    if options.compile:
        compile_backbone(module.network.backbone)
    end_with_parent()
    try:
        with objects_kept():
            trainer.fit(
                module,
                datamodule=data,
                ckpt_path=engine.resume.path if engine.resume else None,
                weights_only=True,
            )
    except SystemExit:
        if (
            trainer.interrupted
        ):  # Lightning ends the process itself at a signal; the exit code is ours to choose
            raise (Terminated if stop.signum == signal.SIGTERM else KeyboardInterrupt) from None
        raise
    except Exception as error:
        known = describe_failure(error)
        if known is None or known is error:
            raise
        failure, no_memory = known, caused_by_memory(error) and engine.devices.world_size == 1
    else:
        return
    finally:
        if damaged.summary():
            say(damaged.summary())
    device = trainer.strategy.root_device
    del trainer  # and with the exception, which is gone here, all that it holds
    raise with_batch_that_fits(failure, module, template, device) if no_memory else failure


def _recipe_callbacks(training: Training, data: ClipData, options: TrainOptions) -> list[Callback]:
    callbacks: list[Callback] = [
        SharedStatistics(),
        FiniteLoss(data.train.records, check_gradient=options.precision != "16-mixed"),
    ]
    if training.ema_decay is not None:
        callbacks.append(AveragedWeights(training.ema_decay))
    if training.early_stop_epochs is not None:
        callbacks.append(StopEarly(training.early_stop_epochs))
    return callbacks


def quieten_lightning() -> None:
    """Its hints repeat what is said here or concern choices that are made here."""
    launcher = logging.getLogger("lightning.fabric.strategies.launchers.subprocess_script")
    launcher.setLevel(logging.INFO)
    launcher.addFilter(SayWhoDied())
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")

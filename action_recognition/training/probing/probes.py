"""Searches that `train.py` makes before a run: for the batch size and for the learning rate."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import lightning as L
import torch

from action_recognition.console import say
from action_recognition.template import Template
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.probing.batch_probe import Probed, probe_batch_sizes, probe_lines
from action_recognition.training.probing.lr_sweep import NUM_STEPS, RateSweep, steepest, write_sweep
from action_recognition.training.reporting.callbacks import DamagedClips
from action_recognition.training.step.module import GestureTraining

_SHARE_OF_STEEPEST = 0.1
"""The proposed rate as a share of the steepest one.

Training at the steepest rate itself soon diverges. A tenth is the rule of thumb for the schedules
here, which start at their highest rate.
"""


@dataclass(frozen=True)
class Place:
    """The device of a search and the folder for its files.

    `gpu_num` is that of train.py, 0 is the CPU.
    """

    gpu_num: int | None
    folder: Path

    @property
    def device(self) -> torch.device:
        """The GPU, or the CPU if there is no GPU or none is wanted."""
        use_gpu = self.gpu_num != 0 and torch.cuda.is_available()
        return torch.device("cuda") if use_gpu else torch.device("cpu")


def find_out(
    what: Literal["batch_size", "lr"],
    module: GestureTraining,
    data: ClipData,
    template: Template,
    place: Place,
) -> None:
    """Print the batch size or learning rate to train with. The run's weights are not kept."""
    if what == "batch_size":
        _find_batch_size(module, data, template, place.device)
    else:
        _find_lr(module, data, template, place)


def _find_batch_size(
    module: GestureTraining, data: ClipData, template: Template, device: torch.device
) -> None:
    """Print which batches fit and how fast they are, on one device."""
    say(f"--find-batch-size: training steps on synthetic clips, {device.type}")
    found: list[Probed] = []
    for probed in probe_batch_sizes(module, template, device, largest=len(data.train)):
        found.append(probed)
        # Somebody at a terminal sees each batch as soon as it was tried.
        if sys.stdout.isatty():
            say(f"  {probed.batch_size}: {probed.clips_per_s:.1f} clips/s")

    for line in probe_lines(found, device.type == "cuda"):
        say(line)


def _find_lr(module: GestureTraining, data: ClipData, template: Template, place: Place) -> None:
    """Sweep over the learning rate on one device, on this run's clips, and print the rate found."""
    say(f"--find-lr: {NUM_STEPS} steps at growing rates")
    sweep = RateSweep(module.base_learning_rate)
    _sweep_trainer(sweep, template, place.device).fit(module, datamodule=data)

    # A run that diverged at once has no losses to draw.
    found = steepest(sweep.rates, sweep.losses)
    if sweep.losses:
        for path in write_sweep(place.folder, sweep.rates, sweep.losses, found):
            say(f"wrote {path}")

    if found is None:
        advice = "look at the picture, or try more clips a batch"
        say(f"no learning rate was found: the loss never fell; {advice}")
    else:
        proposed = f"--base-learning-rate {_SHARE_OF_STEEPEST * found:.1g}"
        say(f"the loss falls fastest at {found:.2g}; proposed: {proposed}")


def _sweep_trainer(sweep: RateSweep, template: Template, device: torch.device) -> L.Trainer:
    """Return a trainer for `NUM_STEPS` steps that neither validates nor writes files."""
    return L.Trainer(
        accelerator=device.type.replace("cuda", "gpu"),
        devices=1,
        max_steps=NUM_STEPS,
        limit_val_batches=0,
        gradient_clip_val=template.training.optimizer.gradient_clip_norm,
        callbacks=[DamagedClips(strict=False), sweep],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )

"""What train.py finds out before a run: the batch size, the learning rate."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import lightning as L
import torch

from action_recognition.template import Template
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.probing.batch_probe import Probed, probe_batch_sizes, probe_lines
from action_recognition.training.probing.lr_sweep import NUM_STEPS, RateSweep, steepest, write_sweep
from action_recognition.training.reporting.callbacks import DamagedClips
from action_recognition.training.step.module import GestureTraining

_SHARE_OF_STEEPEST = 0.1
"""Training at the steepest rate itself soon diverges; a tenth is the rule of thumb for the schedules here, which start at the top."""


@dataclass(frozen=True)
class Place:
    """Where it is found out: `gpu_num` is that of train.py (0 is the CPU), `folder` gets what is written."""

    gpu_num: int | None
    folder: Path

    @property
    def device(self) -> torch.device:
        return (
            torch.device("cuda")
            if self.gpu_num != 0 and torch.cuda.is_available()
            else torch.device("cpu")
        )


def find_out(
    what: Literal["batch_size", "lr"],
    module: GestureTraining,
    data: ClipData,
    template: Template,
    place: Place,
) -> None:
    """Say which batch size or learning rate to train with; the run's weights are not kept."""
    if what == "batch_size":
        _find_batch_size(module, data, template, place.device)
    else:
        _find_lr(module, data, template, place)


def _find_batch_size(
    module: GestureTraining, data: ClipData, template: Template, device: torch.device
) -> None:
    """Which batches fit and how fast they are, on one device."""
    print(f"--find-batch-size: training steps on made clips, {device.type}", flush=True)
    found: list[Probed] = []
    for probed in probe_batch_sizes(module, template, device, largest=len(data.train)):
        found.append(probed)
        if sys.stdout.isatty():
            print(f"  {probed.batch_size}: {probed.clips_per_s:.1f} clips/s", flush=True)
    for line in probe_lines(found, device.type == "cuda"):
        print(line, flush=True)


def _find_lr(module: GestureTraining, data: ClipData, template: Template, place: Place) -> None:
    """A sweep over the learning rate on one device, on this run's clips."""
    sweep = RateSweep(module.base_learning_rate)
    print(f"--find-lr: {NUM_STEPS} steps at growing rates", flush=True)
    trainer = L.Trainer(
        accelerator=place.device.type.replace("cuda", "gpu"),
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
    trainer.fit(module, datamodule=data)
    found = steepest(sweep.rates, sweep.losses)
    if sweep.losses:
        for path in write_sweep(place.folder, sweep.rates, sweep.losses, found):
            print(f"wrote {path}", flush=True)
    if found is None:
        print(
            "no learning rate was found: the loss never fell; look at the picture, or try more clips a batch",
            flush=True,
        )
    else:
        proposed = _SHARE_OF_STEEPEST * found
        print(
            f"the loss falls fastest at {found:.2g}; proposed: --base-learning-rate {proposed:.1g}",
            flush=True,
        )

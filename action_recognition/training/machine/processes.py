"""The processes of one run: which is the first, what they exchange, and what happens when one of them ends."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from action_recognition.errors import EXIT_USER_ERROR

_LOOK_EVERY_S = 2.0


def several() -> bool:
    """Whether this process works with others."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def sum_over_processes(values: list[float]) -> list[float]:
    """Element by element; to be called by all of them."""
    if not several():
        return values
    # NCCL sums only on GPUs.
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    sums = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(sums)
    summed: list[float] = sums.tolist()
    return summed


def gather_rows(arrays: tuple[npt.NDArray[Any], ...]) -> tuple[npt.NDArray[Any], ...]:
    """Each array of all processes, rows after each other, those without any left out; to be called by all of them."""
    if not several():
        return arrays
    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, arrays)
    filled = [part for part in parts if len(part[0])] or parts[:1]
    return tuple(np.concatenate(columns) for columns in zip(*filled, strict=True))


class SharedStatistics(Callback):
    """The running statistics of batch norms are the mean of those of all processes, after every step.

    Averaging once an epoch, as the original does, gives the same numbers up to rounding, since a running statistic is linear in what
    enters it; after every step they are the same in all processes, so that a checkpoint of one of them holds for all.
    Stands before the callback that averages weights over steps.
    """

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Replace each running statistic by its mean over the processes."""
        if not several():
            return
        buffers = _running_statistics(pl_module)
        if not buffers:
            return

        # Joined, all statistics need one exchange.
        joined = torch.cat(buffers)
        dist.all_reduce(joined)
        joined /= dist.get_world_size()
        means = torch.split(joined, [len(buffer) for buffer in buffers])
        for buffer, mean in zip(buffers, means, strict=True):
            buffer.copy_(mean)


def _running_statistics(module: nn.Module) -> list[Tensor]:
    """Return the running means and variances (C,) of the batch norms that learn."""
    norms = [
        part
        for part in module.modules()
        if isinstance(part, _BatchNorm) and part.training and part.running_mean is not None
    ]
    statistics = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    return [buffer for buffer in statistics if buffer is not None]


def end_with_parent() -> None:
    """Let a process that another one of the run started end when that one does, also where it hangs in an exchange."""
    is_first = os.environ.get("LOCAL_RANK", "0") == "0"
    if is_first or "TORCHELASTIC_RUN_ID" in os.environ or "SLURM_PROCID" in os.environ:
        return
    parent = os.getppid()

    def watch() -> None:
        """Exit once the parent has changed: it is another process after the real one has ended."""
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY_S)
        os._exit(EXIT_USER_ERROR)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


class SayWhoDied:
    """A filter for Lightning's log: of its hints only the one that a process died passes, which ends all others by force."""

    def filter(self, record: Any) -> bool:
        """Print a line for the record of a dead process. Return False, so that none is logged."""
        if "Forcefully terminating" in str(record.msg):
            print(
                "error: a process of this run died; the others are ended; "
                "go on with --resume-from latest",
                file=sys.stderr,
                flush=True,
            )
        return False

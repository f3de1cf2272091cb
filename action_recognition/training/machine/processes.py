"""The processes of one run: what they exchange, and what happens when one of them ends."""

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
    """Return True if this process works together with others."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def sum_over_processes(values: list[float]) -> list[float]:
    """Sum element by element over all processes. All of them have to call it."""
    if not several():
        return values
    # NCCL sums only on GPUs.
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    sums = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(sums)
    summed: list[float] = sums.tolist()
    return summed


def gather_rows(arrays: tuple[npt.NDArray[Any], ...]) -> tuple[npt.NDArray[Any], ...]:
    """Concatenate the rows of each array over all processes. All of them have to call it.

    Processes without rows are left out.
    """
    if not several():
        return arrays
    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, arrays)

    # If no process has rows, the first one gives the shape.
    filled = [part for part in parts if len(part[0])] or parts[:1]
    return tuple(np.concatenate(columns) for columns in zip(*filled, strict=True))


class SharedStatistics(Callback):
    """Averages the running statistics of batch norms over all processes after every step.

    The original averages once an epoch. Both give the same numbers up to rounding, because a
    running statistic is linear in its inputs. After every step the statistics are the same in all
    processes, so that a checkpoint of one of them holds for all. This callback comes before the
    callback that averages weights over steps.
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
    """End this process when the process of the run that started it ends.

    This works even if the process hangs in an exchange with the others. The first process and
    those that torchrun or Slurm started are left alone.
    """
    is_first = os.environ.get("LOCAL_RANK", "0") == "0"

    # torchrun and Slurm end their processes themselves.
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
    """A filter for Lightning's log that turns the hint about a dead process into one line.

    Lightning then ends all other processes by force. Its other hints are dropped.
    """

    def filter(self, record: Any) -> bool:
        """Print a line for the record of a dead process. Return False, so that none is logged."""
        # Part of the message with which Lightning ends the other processes.
        if "Forcefully terminating" in str(record.msg):
            print(
                "error: a process of this run died, so the others are ended; "
                "continue with --resume-from latest",
                file=sys.stderr,
                flush=True,
            )
        return False

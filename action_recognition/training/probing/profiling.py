"""`--profile`: a trace of some training steps, and ten lines about where their time goes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch.profiler import ProfilerActivity, profile

from action_recognition.console import say
from action_recognition.data.batches import Batch
from action_recognition.files import write_atomically, write_text
from action_recognition.training.step.module import GestureTraining

FOLDER, TRACE_FILE, SUMMARY_FILE = "profile", "trace.json", "summary.txt"
WARM_UP_STEPS, PROFILED_STEPS = 3, 20
PHASES = ("data wait", "augmentation", "forward and loss", "backward", "optimiser")
"""The phases of a step.

The data wait is the time until a batch arrives, with what is logged between steps. The
augmentation is everything that is done to the batch on the device.
"""


class ProfileSteps(Callback):
    """Profiles `PROFILED_STEPS` steps after a warm-up, or as many as the run has.

    The files are written into the folder `profile` of the checkpoints' folder. The phases are wall
    time of this process. It waits for the device at the end of each phase, so that steps are slower
    while they are profiled.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self.steps: list[dict[str, float]] = []
        self.num_clips = 0
        self._profiler: profile | None = None
        self._device = torch.device("cpu")
        self._mark = 0.0
        self._seen = 0
        self._done = False

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Start the profiler after the warm-up, or open the next profiled step."""
        if self._done or not trainer.is_global_zero:
            return
        self._device = pl_module.device

        if self._profiler is not None:
            assert isinstance(pl_module, GestureTraining)
            self._open_step(pl_module.batch_arrived_s)
        elif self._seen >= WARM_UP_STEPS:
            self._start_profiler()

    def _start_profiler(self) -> None:
        cuda = [ProfilerActivity.CUDA] if self._device.type == "cuda" else []
        self._profiler = profile(activities=[ProfilerActivity.CPU, *cuda])
        self._profiler.start()

        # The profiler starts after the wait for this batch and its augmentation.
        self._mark = time.perf_counter()
        self.steps.append(dict.fromkeys(PHASES[2:], 0.0))

    def _open_step(self, batch_arrived_s: float) -> None:
        self.steps.append(dict.fromkeys(PHASES, 0.0))
        self.steps[-1]["data wait"] = batch_arrived_s - self._mark
        self._mark = batch_arrived_s
        self._take("augmentation")

    def on_before_backward(
        self, trainer: L.Trainer, pl_module: L.LightningModule, loss: torch.Tensor
    ) -> None:
        """Close the phase of the forward pass and the loss."""
        self._take("forward and loss")

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the phase of the backward pass."""
        self._take("backward")

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Close the optimiser's phase. Write the profile after the last profiled step."""
        self._seen += 1
        if not self._is_running:
            return
        self._take("optimiser")
        self.num_clips += len(batch.labels)
        if len(self.steps) == PROFILED_STEPS:
            self._finish()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the profile if it is not finished: the validation is no part of a step."""
        if self._is_running:
            self._finish()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the profile of a short run, or report that it had too few steps."""
        if self._is_running:
            self._finish()
        elif not self._done and trainer.is_global_zero:
            steps = f"the run had {self._seen} steps"
            say(f"--profile: {steps}, too few to profile any after the first {WARM_UP_STEPS}")

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Write the profile of the steps so far."""
        if self._is_running:
            self._finish()

    @property
    def _is_running(self) -> bool:
        return self._profiler is not None and not self._done

    def _take(self, phase: str) -> None:
        """Add the time since the last mark to a phase of the current step."""
        if not self._is_running or not self.steps:
            return

        # A GPU computes asynchronously. Without waiting, its time would count for a later phase.
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.steps[-1][phase] += now - self._mark
        self._mark = now

    def _finish(self) -> None:
        """Stop the profiler, write trace and summary, and print the summary."""
        assert self._profiler is not None
        self._done = True
        self._profiler.stop()

        # The files: the trace for a viewer, and the summary.
        with write_atomically(self.folder / TRACE_FILE) as partial:
            self._profiler.export_chrome_trace(str(partial))
        operators = slowest_operators(self._profiler, self._device.type)
        lines = summary_lines(self.steps, self.num_clips, operators)
        write_text(self.folder / SUMMARY_FILE, "\n".join(lines) + "\n")

        for line in lines:
            say(line)
        say(f"trace (chrome://tracing or ui.perfetto.dev): {self.folder / TRACE_FILE}")


def slowest_operators(profiler: profile, device: str, number: int = 3) -> list[tuple[str, float]]:
    """Return names and seconds of the operators that take most time by themselves on the device."""
    name = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    events = sorted(
        profiler.key_averages(), key=lambda event: float(getattr(event, name)), reverse=True
    )
    # The profiler counts microseconds.
    return [(str(event.key), float(getattr(event, name)) / 1e6) for event in events[:number]]


def summary_lines(
    steps: Sequence[Mapping[str, float]], num_clips: int, operators: Sequence[tuple[str, float]]
) -> list[str]:
    r"""Return ten lines: the whole step, each phase, the slowest operators, and advice.

    A phase that the first step does not have is averaged over the other steps.

    >>> step = {"data wait": 0.6, "augmentation": 0.0, "forward and loss": 0.2}
    >>> step |= {"backward": 0.1, "optimiser": 0.1}
    >>> operators = [("conv", 0.3), ("add", 0.1), ("mul", 0.0)]
    >>> *table, advice = summary_lines([step, step], 4, operators)
    >>> print("\n".join(table))
    profile of 2 steps: 1000.0 ms a step, 2.0 clips/s
      data wait          600.0 ms   60.0 %
      augmentation         0.0 ms    0.0 %
      forward and loss   200.0 ms   20.0 %
      backward           100.0 ms   10.0 %
      optimiser          100.0 ms   10.0 %
      most time by itself: conv 150.0 ms a step
                           add 50.0 ms a step
                           mul 0.0 ms a step
    >>> print(advice.replace(": ", ":\n"))
      the clips come too slowly:
    more --num-workers, --frame-cache DIR, or smaller videos (tools/data/extract.py)
    """
    # The first step has no data wait, so each phase has its own number of steps.
    means = {phase: _mean([step[phase] for step in steps if phase in step]) for phase in PHASES}
    whole_s = max(sum(means.values()), 1e-9)
    speed = num_clips / len(steps) / whole_s
    lines = [f"profile of {len(steps)} steps: {1000 * whole_s:.1f} ms a step, {speed:.1f} clips/s"]
    lines += [
        f"  {phase:16} {1000 * seconds:7.1f} ms  {100 * seconds / whole_s:5.1f} %"
        for phase, seconds in means.items()
    ]

    # Only the first operator's line has the heading.
    for place, (name, seconds) in enumerate(operators):
        heading = "most time by itself:" if place == 0 else ""
        lines.append(f"  {heading:20} {name} {1000 * seconds / len(steps):.1f} ms a step")
    return [*lines, _advice(waits=means["data wait"] > 0.1 * whole_s)]


def _advice(*, waits: bool) -> str:
    if waits:
        ways = "more --num-workers, --frame-cache DIR, or smaller videos (tools/data/extract.py)"
        return f"  the clips come too slowly: {ways}"
    return "  the clips come in time: what is left is the network's"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

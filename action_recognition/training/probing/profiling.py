"""`--profile`: a trace of some training steps, and ten lines that say where the time of a step goes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch.profiler import ProfilerActivity, profile

from action_recognition.data.datasets import Batch
from action_recognition.training.step.module import GestureTraining

FOLDER, TRACE_FILE, SUMMARY_FILE = "profile", "trace.json", "summary.txt"
WARM_UP_STEPS, PROFILED_STEPS = 3, 20
PHASES = ("data wait", "augmentation", "forward and loss", "backward", "optimiser")
"""The wait for a batch (and what is logged between steps), what is done to it on the device, ..."""


class ProfileSteps(Callback):
    """Watches `PROFILED_STEPS` steps after a few others, or as many as the run has; writes into `profile` of the checkpoints' folder.

    The phases are wall time of this process, with the device waited for at the end of each: steps are slower while they are watched.
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
        if self._done or not trainer.is_global_zero:
            return
        self._device = pl_module.device
        if self._profiler is None and self._seen >= WARM_UP_STEPS:
            cuda = [ProfilerActivity.CUDA] if self._device.type == "cuda" else []
            self._profiler = profile(activities=[ProfilerActivity.CPU, *cuda])
            self._profiler.start()
            self._mark = time.perf_counter()  # the wait for this batch was not watched
            self.steps.append(dict.fromkeys(PHASES[2:], 0.0))
        elif self._profiler is not None:
            assert isinstance(pl_module, GestureTraining)
            self.steps.append(dict.fromkeys(PHASES, 0.0))
            self.steps[-1]["data wait"] = pl_module.batch_arrived_s - self._mark
            self._mark = pl_module.batch_arrived_s
            self._take("augmentation")

    def on_before_backward(
        self, trainer: L.Trainer, pl_module: L.LightningModule, loss: torch.Tensor
    ) -> None:
        self._take("forward and loss")

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._take("backward")

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        self._seen += 1
        if self._profiler is None or self._done:
            return
        self._take("optimiser")
        self.num_clips += len(batch.labels)
        if len(self.steps) == PROFILED_STEPS:
            self._finish()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._profiler is not None and not self._done:
            self._finish()  # validation is no part of a step

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._profiler is not None and not self._done:
            self._finish()
        elif not self._done and trainer.is_global_zero:
            print(
                f"--profile: the run had {self._seen} steps, too few to watch any after {WARM_UP_STEPS}",
                flush=True,
            )

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        if self._profiler is not None and not self._done:
            self._finish()

    def _take(self, phase: str) -> None:
        """Add what passed since the last mark to a phase of the current step."""
        if self._profiler is None or self._done or not self.steps:
            return
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.steps[-1][phase] += now - self._mark
        self._mark = now

    def _finish(self) -> None:
        assert self._profiler is not None
        self._done = True
        self._profiler.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{TRACE_FILE}.part"
        self._profiler.export_chrome_trace(str(partial))
        partial.replace(self.folder / TRACE_FILE)
        lines = summary_lines(
            self.steps, self.num_clips, slowest_operators(self._profiler, self._device.type)
        )
        (self.folder / SUMMARY_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
        for line in [
            *lines,
            f"trace (chrome://tracing or ui.perfetto.dev): {self.folder / TRACE_FILE}",
        ]:
            print(line, flush=True)


def slowest_operators(profiler: profile, device: str, number: int = 3) -> list[tuple[str, float]]:
    """Names and seconds of the operators that take most time by themselves, on the device that computes."""
    name = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    events = sorted(
        profiler.key_averages(), key=lambda event: float(getattr(event, name)), reverse=True
    )
    return [(str(event.key), float(getattr(event, name)) / 1e6) for event in events[:number]]


def summary_lines(
    steps: Sequence[Mapping[str, float]], num_clips: int, operators: Sequence[tuple[str, float]]
) -> list[str]:
    r"""Ten lines: the whole, each phase, the slowest operators, what to do. A first step without a data wait counts for the others.

    >>> step = {"data wait": 0.6, "augmentation": 0.0, "forward and loss": 0.2, "backward": 0.1, "optimiser": 0.1}
    >>> print("\n".join(summary_lines([step, step], 4, [("conv", 0.3), ("add", 0.1), ("mul", 0.0)])))
    profile of 2 steps: 1000.0 ms a step, 2.0 clips/s
      data wait          600.0 ms   60.0 %
      augmentation         0.0 ms    0.0 %
      forward and loss   200.0 ms   20.0 %
      backward           100.0 ms   10.0 %
      optimiser          100.0 ms   10.0 %
      most time by itself: conv 150.0 ms a step
                           add 50.0 ms a step
                           mul 0.0 ms a step
      the clips come too slowly: more --num-workers, --frame-cache DIR, or smaller videos (tools/data/extract.py)
    """
    means = {phase: _mean([step[phase] for step in steps if phase in step]) for phase in PHASES}
    whole = sum(means.values())
    lines = [
        f"profile of {len(steps)} steps: {1000 * whole:.1f} ms a step, {num_clips / len(steps) / max(whole, 1e-9):.1f} clips/s"
    ]
    lines += [
        f"  {phase:16} {1000 * seconds:7.1f} ms  {100 * seconds / max(whole, 1e-9):5.1f} %"
        for phase, seconds in means.items()
    ]
    for place, (name, seconds) in enumerate(operators):
        lines.append(
            f"  {'most time by itself:' if place == 0 else '':20} {name} {1000 * seconds / len(steps):.1f} ms a step"
        )
    if means["data wait"] > 0.1 * whole:
        return [
            *lines,
            "  the clips come too slowly: more --num-workers, --frame-cache DIR, or smaller videos (tools/data/extract.py)",
        ]
    return [*lines, "  the clips come in time: what is left is the network's"]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

"""`--find-batch-size`: training steps on made clips, more and more at a time, until memory or patience is at its end."""

from __future__ import annotations

import copy
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from action_recognition.data.batches import Batch
from action_recognition.data.transforms import canvas_side
from action_recognition.template import BatchAugmentation, Template
from action_recognition.training.step.freezing import set_learning
from action_recognition.training.step.inputs import StepPlace
from action_recognition.training.step.module import GestureTraining
from action_recognition.training.step.optimizer import make_optimizer

FIRST_BATCH = 2
_STEPS = 3  # of which the first is not timed
_SHARE_OF_MEMORY = 0.8  # of what a CPU has free: the decoding processes need some too
_PATIENCE_S = 60.0  # no larger batch where a step takes as long
_AS_FAST = 0.95  # of the best rate: the smallest batch that reaches it is proposed


@dataclass(frozen=True)
class Probed:
    """A batch that fits: videos in it, clips a second (of steps alone), and the most memory in GB that a step took."""

    batch_size: int
    clips_per_s: float
    memory_gb: float


def probe_batch_sizes(
    module: GestureTraining, template: Template, device: torch.device, largest: int
) -> Iterator[Probed]:
    """Batches of 2, 4, 8, ... videos up to `largest`, while they fit. The module is left as it was."""
    free_gb, at_first_gb = (
        _free_gb(device),
        _peak_gb(device),
    )  # what the process has taken before is not in what is free
    batch_size, before_gb = FIRST_BATCH, at_first_gb
    while batch_size <= largest:
        try:
            found = _probe(module, template, device, batch_size)
        except (
            RuntimeError
        ) as error:  # torch.OutOfMemoryError is one; without a GPU it has no type of its own
            if is_out_of_memory(error):
                return
            raise
        yield found
        taken_gb, growth_gb = found.memory_gb - at_first_gb, found.memory_gb - before_gb
        too_much = (
            device.type == "cpu" and taken_gb + 2 * max(growth_gb, 0.0) > _SHARE_OF_MEMORY * free_gb
        )
        too_slow = (
            found.batch_size * template.training.clips_per_video / found.clips_per_s > _PATIENCE_S
        )
        if too_much or too_slow:
            return
        batch_size, before_gb = 2 * batch_size, found.memory_gb


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that there is no memory: a GPU's, or the one of the CPU, which torch tells by its text alone."""
    message = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError | MemoryError)
        or "out of memory" in message
        or "can't allocate memory" in message
    )


def batch_fits(
    module: GestureTraining, template: Template, device: torch.device, batch_size: int
) -> bool:
    """Whether a training step on so many videos fits into memory. The module is left as it was."""
    try:
        _probe(module, template, device, batch_size)
    except RuntimeError as error:
        if is_out_of_memory(error):
            return False
        raise
    return True


def proposed(found: Sequence[Probed]) -> Probed:
    """The smallest batch that is about as fast as the fastest one.

    >>> proposed([Probed(2, 10.0, 1.0), Probed(4, 19.5, 2.0), Probed(8, 20.0, 4.0)]).batch_size
    4
    """
    best = max(one.clips_per_s for one in found)
    return next(one for one in found if one.clips_per_s >= _AS_FAST * best)


def probe_lines(found: Sequence[Probed], on_gpu: bool) -> list[str]:
    """A table, and what follows from it."""
    if not found:
        return [
            f"--find-batch-size: not even {FIRST_BATCH} videos fit; a smaller crop or clip_len is needed"
        ]
    lines = ["  batch size   clips/s of steps alone   memory, GB"]
    lines += [
        f"  {one.batch_size:10} {one.clips_per_s:24.1f} {one.memory_gb:12.2f}" for one in found
    ]
    choice, largest = proposed(found), found[-1]
    share = (
        ""
        if choice is largest
        else f", within 5 % of the fastest; the largest that was tried and fits: {largest.batch_size}"
    )
    lines.append(f"proposed: --batch-size {choice.batch_size}{share}")
    lines.append("another batch size wants another learning rate: see --find-lr")
    return (
        lines
        if on_gpu
        else [*lines, "memory is that of this process; decoding processes take more"]
    )


def _probe(
    module: GestureTraining, template: Template, device: torch.device, batch_size: int
) -> Probed:
    copied = copy.deepcopy(module).to(device).train()
    set_learning(copied.network, template.training, head_only=False)
    optimizer = make_optimizer(
        copied.network, template.training.optimizer, module.base_learning_rate
    )
    num_clips = batch_size * template.training.clips_per_video
    is_batch = isinstance(template.training.augmentation, BatchAugmentation)
    side = canvas_side(template.input.crop_size) if is_batch else template.input.crop_size
    clips = torch.zeros(
        num_clips, 3, template.input.clip_len, side, side, dtype=torch.uint8
    ).random_(0, 256)
    labels = (
        torch.arange(num_clips)
        // template.training.clips_per_video
        % len(module.description["labels"])
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds: list[float] = []
    try:
        for _ in range(_STEPS):
            began = time.perf_counter()
            _step(copied, optimizer, clips.to(device), labels.to(device))
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - began)
    finally:
        memory = _peak_gb(device)
        del copied, optimizer, clips
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return Probed(batch_size, num_clips / min(seconds[1:]), memory)


def _step(
    module: GestureTraining,
    optimizer: torch.optim.Optimizer,
    clips: torch.Tensor,
    labels: torch.Tensor,
) -> None:
    """What a step of a run does to a batch, but for what is logged."""
    optimizer.zero_grad()
    batch = Batch(clips, labels, torch.zeros_like(labels), [])
    clips, targets = module.inputs.of_step(batch, StepPlace(step=0))
    losses: dict[str, torch.Tensor] = module.losses(
        module.network, module.normalize(clips), targets, scale=1.0
    )
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _peak_gb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _free_gb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 1e9
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        return (
            next(
                int(line.split()[1])
                for line in text.splitlines()
                if line.startswith("MemAvailable")
            )
            / 1e6
        )
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2e9

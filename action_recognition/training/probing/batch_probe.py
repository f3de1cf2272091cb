"""`--find-batch-size`: training steps on synthetic clips, in batches that double until one fails.

It also ends where a batch takes too much of the memory, or a step too long.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from action_recognition.data.batches import Batch
from action_recognition.data.transforms import canvas_side
from action_recognition.peak_memory import peak_memory_bytes
from action_recognition.template import BatchAugmentation, LandmarkInput, Template
from action_recognition.training.step.freezing import set_learning
from action_recognition.training.step.inputs import StepPlace
from action_recognition.training.step.module import GestureTraining
from action_recognition.training.step.optimizer import make_optimizer

FIRST_BATCH = 2
_STEPS = 3  # the first is not timed
_SHARE_OF_MEMORY = 0.8  # of what a CPU has free: the decoding processes need some, too
_PATIENCE_S = 60.0  # no larger batch where a step takes as long
_AS_FAST = 0.95  # of the best rate: the smallest batch that reaches it is proposed


@dataclass(frozen=True)
class Probed:
    """A batch that fits: videos in it, speed of the steps alone, peak memory of a step."""

    batch_size: int
    clips_per_s: float
    memory_gb: float


def probe_batch_sizes(
    module: GestureTraining, template: Template, device: torch.device, largest: int
) -> Iterator[Probed]:
    """Yield batches of 2, 4, 8, ... videos up to `largest`, while they fit.

    The module stays as it was.
    """
    # What the process has taken before is not in what is free.
    free_gb, at_first_gb = _free_gb(device), _peak_gb(device)
    batch_size, before_gb = FIRST_BATCH, at_first_gb
    while batch_size <= largest:
        found = _probe_if_it_fits(module, template, device, batch_size)
        if found is None:
            return
        yield found

        # On a CPU the next batch must fit by the growth so far: nothing stops it in time.
        next_gb = found.memory_gb - at_first_gb + 2 * max(found.memory_gb - before_gb, 0.0)
        too_much = device.type == "cpu" and next_gb > _SHARE_OF_MEMORY * free_gb
        num_clips = found.batch_size * template.training.clips_per_video
        if too_much or num_clips / found.clips_per_s > _PATIENCE_S:
            return
        batch_size, before_gb = 2 * batch_size, found.memory_gb


def is_out_of_memory(error: BaseException) -> bool:
    """Return True for an exception that means that memory ran out, on a GPU or on the CPU.

    For the CPU torch raises a plain RuntimeError, which only its text tells from others.
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "out of memory" in str(error) or "can't allocate memory" in str(error)


def batch_fits(
    module: GestureTraining, template: Template, device: torch.device, batch_size: int
) -> bool:
    """Return True where a training step on so many videos fits. The module stays as it was."""
    return _probe_if_it_fits(module, template, device, batch_size) is not None


def proposed(found: Sequence[Probed]) -> Probed:
    """Return the smallest batch that is about as fast as the fastest one.

    >>> proposed([Probed(2, 10.0, 1.0), Probed(4, 19.5, 2.0), Probed(8, 20.0, 4.0)]).batch_size
    4
    """
    best = max(one.clips_per_s for one in found)
    return next(one for one in found if one.clips_per_s >= _AS_FAST * best)


def probe_lines(found: Sequence[Probed], on_gpu: bool) -> list[str]:
    """Return a table of the batches, and the one that follows from it."""
    if not found:
        nothing = f"not even {FIRST_BATCH} videos fit; a smaller crop or clip_len is needed"
        return [f"--find-batch-size: {nothing}"]
    lines = ["  batch size   clips/s of steps alone   memory, GB"]
    for one in found:
        lines.append(f"  {one.batch_size:10} {one.clips_per_s:24.1f} {one.memory_gb:12.2f}")

    choice, largest = proposed(found), found[-1]
    within = "within 5 % of the fastest; the largest that was tried and fits"
    share = "" if choice is largest else f", {within}: {largest.batch_size}"
    lines.append(f"proposed: --batch-size {choice.batch_size}{share}")
    lines.append("another batch size wants another learning rate: see --find-lr")
    if not on_gpu:
        lines.append("memory is that of this process; decoding processes take more")
    return lines


def _probe_if_it_fits(
    module: GestureTraining, template: Template, device: torch.device, batch_size: int
) -> Probed | None:
    """Time steps on a batch. None: memory ran out."""
    try:
        return _probe(module, template, device, batch_size)
    except RuntimeError as error:
        if is_out_of_memory(error):
            return None
        raise


def _probe(
    module: GestureTraining, template: Template, device: torch.device, batch_size: int
) -> Probed:
    copied = copy.deepcopy(module).to(device).train()
    set_learning(copied.network, template.training, head_only=False)
    optimizer = make_optimizer(
        copied.network, template.training.optimizer, module.base_learning_rate
    )
    batch = _synthetic_batch(template, batch_size, len(module.description["labels"]))
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)

    seconds: list[float] = []
    try:
        for _ in range(_STEPS):
            seconds.append(_timed_step(copied, optimizer, batch, device))
    finally:
        memory = _peak_gb(device)
        # The next, larger batch needs what this one took.
        del copied, optimizer
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return Probed(batch_size, len(batch.labels) / min(seconds[1:]), memory)


def _synthetic_batch(template: Template, batch_size: int, num_classes: int) -> Batch:
    """Return a batch of noise, as large as the data loader's. Its labels go round the classes."""
    num_clips = batch_size * template.training.clips_per_video
    clips = _synthetic_clips(template, num_clips)
    labels = torch.arange(num_clips) // template.training.clips_per_video % num_classes
    return Batch(clips, labels, torch.zeros_like(labels), [])


def _synthetic_clips(template: Template, num_clips: int) -> torch.Tensor:
    channels, length, height, width = template.input.clip_shape
    if isinstance(template.input, LandmarkInput):
        # Both hands are seen, anywhere.
        clips = 100.0 * torch.rand((num_clips, channels, length, height, width))
        clips[:, -1] = 1.0
        return clips
    if isinstance(template.training.augmentation, BatchAugmentation):
        height = width = canvas_side(height)
    shape = (num_clips, channels, length, height, width)
    return torch.zeros(shape, dtype=torch.uint8).random_(0, 256)


def _timed_step(
    module: GestureTraining, optimizer: torch.optim.Optimizer, batch: Batch, device: torch.device
) -> float:
    """Take a step on a device, and return its seconds."""
    began = time.perf_counter()
    moved = {name: getattr(batch, name).to(device) for name in ("clips", "labels", "indices")}
    _step(module, optimizer, batch._replace(**moved))
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _step(module: GestureTraining, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    """Do to a batch what a step of a run does, but for logging."""
    optimizer.zero_grad()
    clips, targets = module.inputs.of_step(batch, StepPlace(step=0))
    pixels = module.normalize(clips)
    losses: dict[str, torch.Tensor] = module.losses(module.network, pixels, targets, scale=1.0)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _peak_gb(device: torch.device) -> float:
    """Return the most memory in GB that was taken: on a GPU since the last reset."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return peak_memory_bytes() / 1e9


def _free_gb(device: torch.device) -> float:
    """Return the memory in GB that is free: half of all where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 1e9
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2e9
    return int(available.split()[1]) / 1e6

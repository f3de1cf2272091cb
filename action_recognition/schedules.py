"""Schedules as pure functions of the step.

Nothing counts by itself, so evaluation and resuming change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from action_recognition.template import (
    AMSoftmax,
    CosineSchedule,
    LossConfig,
    OneCycleSchedule,
    StepSchedule,
)


@dataclass(frozen=True)
class ScaledSteps:
    """A `StepSchedule` stretched from its own number of epochs to the run's.

    At the same number of epochs it is the template's.
    """

    # Epochs at the start in which only the head learns.
    freeze_epochs: int
    freeze_learning_rate_factor: float
    warmup_epochs: int
    warmup_start_factor: float
    # Epochs (0-based) from which `step_factor` applies once more.
    step_epochs: tuple[int, ...]
    step_factor: float

    def __str__(self) -> str:
        steps = ", ".join(map(str, self.step_epochs)) or "none"
        return f"freeze {self.freeze_epochs}, warm-up {self.warmup_epochs}, steps at {steps}"

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """Return the factor of the base rate at a step (0-based).

        It is constant while frozen, then rises linearly from `warmup_start_factor` during warm-up,
        then falls in steps.
        """
        epoch = step // steps_per_epoch
        if epoch < self.freeze_epochs:
            return self.freeze_learning_rate_factor

        if epoch < self.freeze_epochs + self.warmup_epochs:
            steps_done = step - self.freeze_epochs * steps_per_epoch
            progress = steps_done / (self.warmup_epochs * steps_per_epoch)
            return 1.0 - (1.0 - progress) * (1.0 - self.warmup_start_factor)
        return math.pow(self.step_factor, sum(epoch >= start for start in self.step_epochs))


@dataclass(frozen=True)
class ScaledCosine:
    """A `CosineSchedule` over the run's number of epochs."""

    freeze_epochs: int
    # Share (0..1) of all steps.
    warmup_share: float
    epochs: int

    def __str__(self) -> str:
        warmup = f"warm-up over {self.warmup_share:.0%} of the steps"
        return f"freeze {self.freeze_epochs}, {warmup}, then half a cosine"

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """Return the factor of the base rate at a step (0-based).

        It rises linearly to 1 at the last warm-up step. Then it is (1 + cos(pi * progress)) / 2,
        which is 0 after the last step.
        """
        num_steps = self.epochs * steps_per_epoch
        num_warmup_steps = int(self.warmup_share * num_steps)
        # The first step already learns: its rate is not 0.
        if step < num_warmup_steps:
            return (step + 1) / num_warmup_steps
        progress = min(1.0, (step - num_warmup_steps) / max(1, num_steps - num_warmup_steps))
        return 0.5 * (1.0 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class ScaledOneCycle:
    """A `OneCycleSchedule` over the run's number of epochs.

    Source: Smith and Topin, arXiv 1708.07120; cosines as in PyTorch's OneCycleLR; two phases as
    in fastai's fine_tune.
    """

    freeze_epochs: int
    freeze_learning_rate_factor: float
    # Share (0..1) of the steps of a phase.
    warmup_share: float
    start_factor: float
    epochs: int

    def __str__(self) -> str:
        frozen = f"one cycle of the head over {self.freeze_epochs}, then "
        head = frozen if self.freeze_epochs else ""
        return f"{head}one cycle with its peak after {self.warmup_share:.0%} of the steps"

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """Return the factor of the base rate at a step (0-based).

        Each phase begins at `start_factor` of its peak, reaches the peak after `warmup_share`, and
        ends at 0.
        """
        num_frozen = self.freeze_epochs * steps_per_epoch
        if step < num_frozen:
            return self.freeze_learning_rate_factor * self._cycle(step / num_frozen)
        # The second phase trains the whole network.
        num_other = max(1, self.epochs * steps_per_epoch - num_frozen)
        return self._cycle((step - num_frozen) / num_other)

    def _cycle(self, progress: float) -> float:
        """Return the share of the peak (0..1) at a progress of 0..1."""
        if progress < self.warmup_share:
            # Up to the peak along half a cosine.
            falling = 1.0 + math.cos(math.pi * progress / self.warmup_share)
            return 1.0 - (1.0 - self.start_factor) * 0.5 * falling
        # Down to 0 along half a cosine.
        progress_down = min(1.0, (progress - self.warmup_share) / (1.0 - self.warmup_share))
        return 0.5 * (1.0 + math.cos(math.pi * progress_down))


ScaledSchedule = ScaledSteps | ScaledCosine | ScaledOneCycle


def scale_schedule(
    schedule: StepSchedule | CosineSchedule | OneCycleSchedule, template_epochs: int, epochs: int
) -> ScaledSchedule:
    """Return the schedule for `epochs` epochs instead of the template's.

    A run of a tenth of the epochs freezes, warms up and steps at a tenth of them. So a short run
    also reaches its full rate.
    """

    def stretch(count: int) -> int:
        """Return a number of epochs of the template in epochs of the run."""
        return count if epochs == template_epochs else int(count * epochs / template_epochs + 0.5)

    frozen = stretch(schedule.freeze_epochs)
    if isinstance(schedule, CosineSchedule):
        return ScaledCosine(frozen, schedule.warmup_share, epochs)

    if isinstance(schedule, OneCycleSchedule):
        factor, share = schedule.freeze_learning_rate_factor, schedule.warmup_share
        return ScaledOneCycle(frozen, factor, share, schedule.start_factor, epochs)

    return _scaled_steps(schedule, stretch, epochs)


def _scaled_steps(
    schedule: StepSchedule, stretch: Callable[[int], int], epochs: int
) -> ScaledSteps:
    steps = sorted({stretch(step) for step in schedule.step_epochs})
    return ScaledSteps(
        stretch(schedule.freeze_epochs),
        schedule.freeze_learning_rate_factor,
        stretch(schedule.warmup_epochs),
        schedule.warmup_start_factor,
        # A step that is stretched to epoch 0 would lower the rate of the whole run.
        tuple(step for step in steps if 0 < step < max(epochs, 1)),
        schedule.step_factor,
    )


def learning_rate(
    step: int, steps_per_epoch: int, base_learning_rate: float, schedule: ScaledSchedule
) -> float:
    """Return the learning rate of optimiser step `step` (0-based).

    Epochs are counted from the very start.
    Source: REFERENCE section 4 (LR); Loshchilov and Hutter, arXiv 1608.03983, without restarts.

    >>> recipe = ScaledSteps(5, 1.0, 5, 0.01, (30, 50), 0.1)
    >>> [round(learning_rate(epoch * 10, 10, 0.01, recipe), 6) for epoch in (0, 5, 10, 30, 50)]
    [0.01, 0.0001, 0.01, 0.001, 0.0001]
    >>> cosine = ScaledCosine(freeze_epochs=0, warmup_share=0.2, epochs=10)
    >>> [round(learning_rate(step, 10, 0.01, cosine), 6) for step in (0, 19, 20, 60, 100)]
    [0.0005, 0.01, 0.01, 0.005, 0.0]
    """
    return base_learning_rate * schedule.factor(step, steps_per_epoch)


def is_frozen(epoch: int, schedule: ScaledSchedule) -> bool:
    """Return True if only the head learns in this epoch (0-based)."""
    return epoch < schedule.freeze_epochs


def loss_scale(step: int, steps_per_epoch: int, loss: LossConfig) -> float:
    """Return the factor by which cosines are multiplied at step `step` (0-based)."""
    if isinstance(loss, AMSoftmax):
        return am_softmax_scale(step, steps_per_epoch, loss)
    return loss.scale


def final_loss_scale(loss: LossConfig) -> float:
    """Return the factor by which cosines are multiplied at the end of the training."""
    return loss.scale_end if isinstance(loss, AMSoftmax) else loss.scale


def am_softmax_scale(step: int, steps_per_epoch: int, loss: AMSoftmax) -> float:
    """Return the scale of AM-Softmax at step `step` (0-based).

    It goes from `scale_start` to `scale_end` over `scale_epochs` epochs. With r = step / n and
    n = int(scale_epochs * steps_per_epoch) it is
    start - (start - end) / (power - 1) * (power * r - r^power).
    Source: REFERENCE section 3 (Scale).

    >>> recipe = AMSoftmax(
    ...     type="am_softmax", margin=0.35, scale_start=30.0, scale_end=5.0, scale_power=1.2,
    ...     scale_epochs=41.276, entropy_weight=0.085, pr_product=True, hard_sample_weight=0.0)
    >>> am_softmax_scale(0, 100, recipe), round(am_softmax_scale(700, 100, recipe), 4)
    (30.0, 19.4263)
    >>> am_softmax_scale(5000, 100, recipe)
    5.0
    """
    num_steps = int(loss.scale_epochs * steps_per_epoch)
    if step >= num_steps:
        return loss.scale_end

    ratio, power = step / num_steps, loss.scale_power
    slope = (loss.scale_start - loss.scale_end) / (power - 1.0)
    return loss.scale_start - slope * (power * ratio - math.pow(ratio, power))

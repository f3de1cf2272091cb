"""The batch size that would fit, for a run that ran out of memory."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch

from action_recognition.errors import UserError, user_error
from action_recognition.template import Template
from action_recognition.training.probing.batch_probe import (
    FIRST_BATCH,
    batch_fits,
    is_out_of_memory,
)
from action_recognition.training.step.module import GestureTraining

_KEEPS = "--accumulate N keeps as many clips a step"


def caused_by_memory(error: BaseException | None) -> bool:
    """Return True if the exception, or one that led to it, is about missing memory."""
    # Lightning may have wrapped the exception.
    seen = error
    while seen is not None:
        if is_out_of_memory(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def with_batch_that_fits(
    error: UserError, module: GestureTraining, template: Template, device: torch.device
) -> UserError:
    """Return the error of a run that ran out of memory, extended by the largest batch that fits.

    Training steps on synthetic clips find that batch. Call this after the run has ended.
    """
    _free_memory(module, device)
    too_large = template.hyper_parameters.basic.batch_size
    fitting = largest_that_fits(
        lambda batch_size: batch_fits(module, template, device, batch_size), too_large
    )

    # The new error keeps the place and the finding of the old one.
    problem = error.problems[0]
    if fitting is None:
        allowed = f"not even {FIRST_BATCH} videos fit"
        fix = "take a smaller crop_size or clip_len, or --precision bf16-mixed"
    else:
        allowed = f"{fitting}, which fits (tried on synthetic clips)"
        fix = f"--batch-size {fitting}; {_KEEPS}"
    return user_error(problem.where, problem.found, allowed, fix)


def _free_memory(module: GestureTraining, device: torch.device) -> None:
    """Let go of the trainer and the gradients, and free their memory."""
    module.trainer = None
    module.zero_grad(set_to_none=True)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def largest_that_fits(fits: Callable[[int], bool], too_large: int) -> int | None:
    """Find the largest batch below `too_large` for which `fits` returns True, or None.

    The search doubles the smallest batch, then halves the interval that is left.

    >>> tried = []
    >>> largest_that_fits(lambda size: not tried.append(size) and size <= 11, 64), tried
    (11, [2, 4, 8, 16, 12, 10, 11])
    """
    good, bad = 0, too_large
    while good + 1 < bad:
        # Double while that stays below the limit, then halve the interval.
        size = max(FIRST_BATCH, 2 * good)
        if size >= bad:
            size = (good + bad) // 2
        if size < FIRST_BATCH:
            break

        if fits(size):
            good = size
        else:
            bad = size
    return good or None

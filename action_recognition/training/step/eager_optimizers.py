"""The optimisers of PyTorch as they are without torch.compile.

Those of PyTorch call its compiler when they are made and at each step, to keep themselves out of
what it compiles. Its import is a third of the CPU time before the first step. A run compiles the
backbone alone, so nothing has to be kept out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


def _step_of(kind: type[Optimizer]) -> Callable[..., Any]:
    """Return the step itself, without gradients of its own, as in PyTorch's."""
    without_gradients: Callable[..., Any] = torch.no_grad()(inspect.unwrap(kind.step))
    return without_gradients


class _Eager:
    """The methods of `Optimizer` without the decorators for the compiler."""

    add_param_group: Any = inspect.unwrap(Optimizer.add_param_group)
    load_state_dict: Any = inspect.unwrap(Optimizer.load_state_dict)
    state_dict: Any = inspect.unwrap(Optimizer.state_dict)
    zero_grad: Any = inspect.unwrap(Optimizer.zero_grad)


class EagerAdamW(_Eager, torch.optim.AdamW):
    """AdamW."""

    step: Any = _step_of(torch.optim.AdamW)


class EagerSGD(_Eager, torch.optim.SGD):
    """SGD."""

    step: Any = _step_of(torch.optim.SGD)

"""Numerical precision of a run, and compilation of its network."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import Tensor, nn

from action_recognition.errors import user_error
from action_recognition.training.options import Precision

_HALF = (torch.bfloat16, torch.float16)


def trainer_precision(precision: Precision, accelerator: Literal["cpu", "gpu"]) -> str:
    """Return Lightning's name of a precision. Errors: UserError if the device lacks it."""
    if precision == "16-mixed" and accelerator == "cpu":
        raise user_error("--precision", "16-mixed needs a GPU", "32 or bf16-mixed on a CPU")

    # A GPU that only emulates bf16 does not count.
    if (
        precision == "bf16-mixed"
        and accelerator == "gpu"
        and not torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        found = f"{torch.cuda.get_device_name()} does not compute in bf16"
        raise user_error("--precision", found, "32 or 16-mixed")
    return "32-true" if precision == "32" else precision


def whole_precision(features: Tensor) -> Tensor:
    """Convert half precision to single. Single and double stay as they are."""
    return features.float() if features.dtype in _HALF else features


def no_autocast(like: Tensor) -> AbstractContextManager[None]:
    """Return a context in which every operation keeps the precision of its input.

    `like` is a tensor on the device. Half precision keeps three digits of a cosine, too few for a
    loss that scales it.
    """
    return torch.autocast(like.device.type, enabled=False)


def check_compiler() -> None:
    """Check that `compile_backbone` can compile here.

    Raises UserError: there is neither a GPU nor a C++ compiler.
    """
    if not torch.cuda.is_available() and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        fix = "install g++, or leave --compile out"
        raise user_error("--compile", "needs a C++ compiler on the CPU", fix=fix)


def compile_backbone(backbone: nn.Module) -> None:
    """Compile a backbone in place, so that the names of its weights stay."""
    # The sizes are those of training and validation batches. Dynamic ones would be slower.
    backbone.compile(dynamic=False)

"""Inflation: a 2-D image network's weights in the places of its S3D form.

Every 2-D kernel becomes the only tap over time, or the centre tap of kt with zeros around it. So at
the start a frame's features are those of the 2-D network, whatever the neighbours hold. A mean of
two frames of a still clip is the frame.

A still clip gives exactly the 2-D network's features. That holds in its first and last frames too,
whose neighbours are zero padding. A kernel spread over the taps would lose a share of the sum
there. The zero taps learn from the first step on, since their gradient is that of any linear layer.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from action_recognition.models.tensor_names.image_forms import ImageForm, Unit

_NOT_FITTING = "of another shape"
_NORM_NOT_FITTING = "of a norm whose convolution has another shape"


def inflate(
    form: ImageForm, state_dict: Mapping[str, Tensor], target: Mapping[str, Tensor], *, causal: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Copy what fits from a 2-D network into `target`, in place.

    `target` holds tensors of a Recogniser's state_dict. With `causal` the present frame is a
    kernel's last tap, not its centre.

    Returns our names by the file's names for what was copied, and reasons by the file's names for
    the rest. A convolution and its norm are copied together or not at all: statistics of other
    features would say nothing.
    """
    # A convolution with its norm at a time.
    taken: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for unit in form.units():
        names = unit.tensor_names()
        present = {theirs: ours for theirs, ours in names.items() if theirs in state_dict}
        if _unit_fits(unit, present, state_dict, target):
            _copy_unit(present, state_dict, target, form.eps_excess)
            taken |= present
        else:
            skipped |= {name: _reason(unit, name) for name in present}

    # Kernels were copied into their centre. A causal kernel ends with the present frame.
    if causal:
        for ours in taken.values():
            _present_is_last(target[ours])

    # Tensors of the file that belong to no unit.
    rest = [name for name in state_dict if name not in taken and name not in skipped]
    return taken, skipped | {name: _reason_of_rest(name) for name in rest}


def _unit_fits(
    unit: Unit,
    present: Mapping[str, str],
    state_dict: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
) -> bool:
    """Return True where the file has all tensors of a unit, and each has the shape of ours."""
    return len(present) == len(unit.tensor_names()) and all(
        ours in target and _fits(state_dict[theirs], target[ours])
        for theirs, ours in present.items()
    )


def _copy_unit(
    present: Mapping[str, str],
    state_dict: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    eps_excess: float,
) -> None:
    for theirs, ours in present.items():
        _copy(state_dict[theirs], target[ours])
        # A norm divides by the root of variance + eps. Ours has a smaller eps: the sum must stay.
        if theirs.endswith("running_var"):
            target[ours].add_(eps_excess)


def _reason(unit: Unit, name: str) -> str:
    is_conv = name == f"{unit.conv}.weight" or unit.norm is None
    return _NOT_FITTING if is_conv else _NORM_NOT_FITTING


def _reason_of_rest(name: str) -> str:
    if name.endswith("num_batches_tracked"):
        return "batch counters"
    return "of the classifier or unknown to this network"


def _fits(value: Tensor, target: Tensor) -> bool:
    """Return True for equal shapes, but for the axis of time that a 2-D kernel lacks."""
    # (out, in, kh, kw) against (out, in, kt, kh, kw).
    if value.ndim == 4 and target.ndim == 5:
        return value.shape == (*target.shape[:2], *target.shape[3:])
    return value.shape == target.shape


def _copy(value: Tensor, target: Tensor) -> None:
    """Copy a tensor in place. A 2-D kernel becomes the centre tap, with zeros around it."""
    if target.ndim == 5:
        target.zero_()
        target[:, :, target.shape[2] // 2].copy_(value)
    else:
        target.copy_(value)


def _present_is_last(kernel: Tensor) -> None:
    """Move a kernel's centre tap over time to its last one, in place."""
    # The taps behind the centre are zeros: rolling moves them to the front.
    if kernel.ndim == 5 and kernel.shape[2] > 1:
        kernel.copy_(kernel.roll(kernel.shape[2] // 2, dims=2))

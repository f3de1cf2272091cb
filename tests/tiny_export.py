"""A small network with awkward label names, and its export; the fixtures `tiny` and `exported` hold
them.
"""

from __future__ import annotations

from pathlib import Path

import torch

from action_recognition.checkpoint import TrainedModel
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.models.build import build_recogniser
from action_recognition.template import (
    ClipInput,
    Head,
    MobileNetV3Backbone,
    S3DMobileNetV3Config,
    load_template_dir,
)
from tests.conftest import template_dir

LABELS = ("Thumb up", "thumb_up", "No gesture", 'Größe "<&>" 你好')


def tiny_trained() -> TrainedModel:
    """Two blocks, 4 frames of 32 pixels, fixed weights, BN statistics away from their start."""
    template, published = load_template_dir(template_dir("jester"))
    clip_input = ClipInput(
        clip_len=4,
        frame_rate_fps=15.0,
        resize_short_side=36,
        crop_size=32,
        mean_values=[123.675, 116.28, 103.53],
        scale_values=[58.395, 57.12, 57.375],
    )
    template = template.model_copy(
        update={"input": clip_input}
    )  # keeps its own labels: those of the weights count
    # The published table cut to two blocks, so that a new column of it needs no change here.
    table = {
        key: value[:2] if isinstance(value, list) else value
        for key, value in published.backbone.model_dump().items()
    }
    backbone = MobileNetV3Backbone.model_validate(
        table
        | {
            "stem_channels": 8,
            "kernel_size": [3, 5],
            "expand_channels": [8, 24],
            "out_channels": [8, 12],
            "squeeze_excite": [False, True],
            "activation": ["relu", "hswish"],
            "spatial_stride": [1, 2],
            "temporal_kernel_size": [3, 3],
            "temporal_stride": [1, 2],
            "attention": ["spatial_temporal", "none"],
            "last_channels": 32,
        }
    )
    model = S3DMobileNetV3Config(
        type="s3d_mobilenet_v3", backbone=backbone, head=Head(embedding_size=16)
    )
    torch.manual_seed(3)
    network = build_recogniser(model, len(LABELS))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    network.head.class_directions.data.mul_(
        torch.rand(len(LABELS)) + 0.5
    )  # stored columns need not be of unit length
    return TrainedModel(network.state_dict(), LABELS, template, model, {}, "ab" * 32)


def export_tiny(trained: TrainedModel, folder: Path) -> None:
    """Export the tiny model in all formats."""
    export_model(
        trained, folder, ExportOptions(fp16=True, command="export.py --fp16"), say=lambda _: None
    )

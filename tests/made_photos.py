"""A network for photos with weights that are drawn, exported with metadata of ours, and pictures of
drawn hands.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import openvino
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from action_recognition.compression.onnx_qdq import quantise_onnx
from action_recognition.data.transforms import fitted_clip
from action_recognition.dataset_tools.drawn_hands.drawing import draw_clip
from action_recognition.dataset_tools.drawn_hands.style import TEST_STYLE
from action_recognition.deploy.backends.model_files import ONNX_INT8_FILE
from action_recognition.deploy.backends.protocol import Clips
from action_recognition.deploy.metadata import DeployMetadata, Resize, write_onnx, write_openvino
from action_recognition.export.conversion import onnx_graph

LABELS = ("fist", "flat hand", 'Größe "<&>" 你好', "no gesture")
METADATA = DeployMetadata(
    labels=LABELS,
    clip_len=1,
    frame_rate_fps=1.0,
    resize=Resize(72, 64),
    mean_values=(123.675, 116.28, 103.53),
    scale_values=(58.395, 57.12, 57.375),
    score_scale=1.0,
    template="drawn-hands",
    weights_sha256="ab" * 32,
    output_kind="logits",
    negative_label="no gesture",
)


class PhotoNetwork(nn.Module):
    """(1, 3, 1, H, W) float 0..255 -> logits (1, 4) that differ much between pictures, so that
    small differences of these can be seen.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 12, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(12, 24, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
        )
        self.head = nn.Linear(24 * 9, len(LABELS))
        nn.init.normal_(self.head.weight, 0.0, 0.6)
        self.register_buffer("mean", torch.tensor(METADATA.mean_values).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(METADATA.scale_values).view(1, 3, 1, 1))

    def forward(self, clips: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layers((clips[:, :, 0] - self.mean) / self.scale))
        return logits


class LeftOrRight(nn.Module):
    """Logits (1, 4): how much brighter the left half is than the right one, its opposite, and two
    that never win.
    """

    def forward(self, clips: Tensor) -> Tensor:
        middle = clips.shape[-1] // 2
        left, right = (
            clips[..., :middle].mean(dim=(1, 2, 3, 4)),
            clips[..., middle:].mean(dim=(1, 2, 3, 4)),
        )
        difference = (left - right) / 20.0
        return torch.stack([difference, -difference, -9.0 - 0.0 * left, -9.0 - 0.0 * left], dim=1)


def write_photo_model(
    folder: Path, metadata: DeployMetadata = METADATA, network: nn.Module | None = None
) -> Path:
    """`model.onnx`, `model.xml` and `model.bin` in the folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = onnx_graph((network or PhotoNetwork()).eval(), metadata.clip_shape)
    onnx.save(graph, str(folder / "model.onnx"))
    model = openvino.convert_model(folder / "model.onnx")
    write_openvino(model, metadata)
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
    write_onnx(graph, metadata)
    onnx.save(graph, str(folder / "model.onnx"))
    return folder


def write_int8_model(
    folder: Path, metadata: DeployMetadata = METADATA, clips: list[Clips] | None = None
) -> Path:
    """`model_int8.onnx` beside model.onnx; its scales are those of the clips (3, 1, H, W) uint8
    RGB, else of drawn hands.
    """
    side = metadata.resize.crop_size
    of_hands = [
        fitted_clip(picture[None], None, side, metadata.mean_rgb).transpose(3, 0, 1, 2)
        for picture in drawn_hands(30)[::6]
    ]
    onnx.save(
        quantise_onnx(folder / "model.onnx", clips or of_hands, metadata),
        str(folder / ONNX_INT8_FILE),
    )
    return folder / ONNX_INT8_FILE


@cache
def drawn_hands(count: int, width: int = 320, height: int = 240) -> list[NDArray[np.uint8]]:
    """Pictures (H, W, 3) uint8 RGB of drawn hands."""
    style = replace(TEST_STYLE, frame_sizes=((width, height),), frame_rates_fps=(15.0,))
    pictures: list[NDArray[np.uint8]] = []
    for seed in range(count):
        pictures += list(draw_clip("move_closer", seed, style).frames_thwc)
        if len(pictures) >= count:
            break
    return pictures[:count]


def write_photos(
    folder: Path, pictures: list[NDArray[np.uint8]], suffix: str = ".jpg"
) -> list[Path]:
    """A file for each picture, JPEG as cameras write it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"photo_{i:03d}{suffix}" for i in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        Image.fromarray(picture).save(file, quality=92)
    return files

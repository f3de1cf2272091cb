"""The whole network as it is trained and exported: backbone, pooling, head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from action_recognition.models.head import AngularHead
from action_recognition.models.image.signs import SignsImage
from action_recognition.models.image.timm_image import TimmImage
from action_recognition.models.layers import GlobalAveragePool
from action_recognition.models.s3d_efficientnet_lite0 import S3DEfficientNetLite0
from action_recognition.models.s3d_mobilenet_v3 import S3DMobileNetV3

Backbone = S3DMobileNetV3 | S3DEfficientNetLite0 | TimmImage | SignsImage


class Recogniser(nn.Module):
    """Clips (N, 3, T, H, W) float, RGB, normalised -> cosine (N, C) of each class, in -1..1."""

    def __init__(self, backbone: Backbone, head: AngularHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = GlobalAveragePool()
        self.head = head

    def forward(self, clips: Tensor) -> Tensor:
        return self.head(self.features(clips))  # type: ignore[no-any-return]

    def features(self, clips: Tensor) -> Tensor:
        """Pooled features (N, F)."""
        features, _ = self.backbone(clips)
        return self.pool(features)  # type: ignore[no-any-return]

    def embed(self, clips: Tensor) -> Tensor:
        """Embedding (N, E) of unit length."""
        return self.head.embed(self.features(clips))


class Normalize(nn.Module):
    """Pixels 0..255 (N, 3, T, H, W), uint8 or float, RGB -> (pixels - mean) / scale as float."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean_values: Sequence[float], scale_values: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("mean", mean_values), ("scale", scale_values)):
            per_channel = torch.tensor(values).view(1, -1, 1, 1, 1)
            self.register_buffer(name, per_channel, persistent=False)

    def forward(self, clips: Tensor) -> Tensor:
        return (clips.to(self.mean.dtype) - self.mean) / self.scale

"""The whole network, as it is trained and exported: backbone, pooling and head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from action_recognition.models.head import AngularHead
from action_recognition.models.image.signs import SignsImage
from action_recognition.models.image.timm_image import TimmImage
from action_recognition.models.landmarks.causal_network import CausalHandLandmarksNet
from action_recognition.models.landmarks.network import HandLandmarksNet
from action_recognition.models.landmarks.teachable import ClipEmbedding
from action_recognition.models.layers import GlobalAveragePool
from action_recognition.models.s3d_efficientnet_lite0 import S3DEfficientNetLite0
from action_recognition.models.s3d_mobilenet_v3 import S3DMobileNetV3
from action_recognition.template import Input, LandmarkInput

# All networks that a template can name.
LandmarksNet = HandLandmarksNet | CausalHandLandmarksNet
Backbone = S3DMobileNetV3 | S3DEfficientNetLite0 | TimmImage | SignsImage | LandmarksNet


class Recogniser(nn.Module):
    """The network that is trained and exported.

    Shape: clips (N, 3, T, H, W) float, RGB, normalised, or landmarks (N, 4, T, 2, 21) float ->
    cosine (N, C) of each class, in -1..1.
    """

    def __init__(self, backbone: Backbone, head: AngularHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = GlobalAveragePool()
        self.head = head

    def forward(self, clips: Tensor) -> Tensor:
        """Return the cosine (N, C) of each class."""
        return self.head(self.features(clips))  # type: ignore[no-any-return]

    def features(self, clips: Tensor) -> Tensor:
        """Return pooled features (N, F)."""
        # The masks of attention matter to the losses only.
        features, _ = self.backbone(clips)
        return self.pool(features)  # type: ignore[no-any-return]

    def embed(self, clips: Tensor) -> Tensor:
        """Return the embedding (N, E) of unit length."""
        return self.head.embed(self.features(clips))


class TeachableRecogniser(Recogniser):
    """A recogniser over landmarks that is trained by its head, and used by `embedding`.

    `training.teachable` fits the embedding once the training is over.
    """

    def __init__(self, backbone: Backbone, head: AngularHead, embedding: ClipEmbedding) -> None:
        super().__init__(backbone, head)
        self.embedding = embedding

    def forward(self, clips: Tensor) -> Tensor:
        """Return the cosine (N, C) of each class, by the embedding."""
        return self.embed(clips) @ self.embedding.class_directions

    def embed(self, clips: Tensor) -> Tensor:
        """Return the embedding (N, E) of unit length."""
        return self.embedding(self.features(clips), clips)  # type: ignore[no-any-return]


class Normalize(nn.Module):
    """Normalisation of pixels: (pixels - mean) / scale, with one mean and scale per channel.

    Shape: pixels (N, 3, T, H, W) RGB in 0..255, uint8 or float -> the same shape as float.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean_values: Sequence[float], scale_values: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("mean", mean_values), ("scale", scale_values)):
            # Not in the state_dict: the template states them.
            per_channel = torch.tensor(values).view(1, -1, 1, 1, 1)
            self.register_buffer(name, per_channel, persistent=False)

    def forward(self, clips: Tensor) -> Tensor:
        """Normalise pixels (N, 3, T, H, W)."""
        return (clips.to(self.mean.dtype) - self.mean) / self.scale


def input_normalisation(clip_input: Input) -> nn.Module:
    """Return what comes before the network: `Normalize`, or nothing for landmarks."""
    if isinstance(clip_input, LandmarkInput):
        return nn.Identity()
    return Normalize(clip_input.mean_values, clip_input.scale_values)

"""The backbone of a `Recogniser` that is a convolutional network of timm."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from action_recognition.models.convolutions import ConvForm
from action_recognition.models.pretrained import image_network, stages_of
from action_recognition.template import TimmBackbone


class TimmImage(nn.Module):
    """Backbone for pictures: a network of timm without pooling and classifier.

    Shape: pictures (N, 3, 1, H, W) float, RGB, normalised -> features (N, F, 1, H', W'), and no
    attention masks.

    `network` keeps timm's names, so that weights from anywhere fit.
    Errors: timm has no such network, or it does not end in a map of features.
    """

    def __init__(self, config: TimmBackbone, form: ConvForm = "folded") -> None:
        super().__init__()
        self.network, self.num_features, self._first_conv = image_network(config.name)
        # PyTorch's CPU convolutions like the channels innermost. The exported graph has no choice.
        if form == "folded":
            self.network = self.network.to(memory_format=torch.channels_last)
        self.form = form

    def forward(self, clips: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return features (N, F, 1, H', W'), and an empty list in the place of masks."""
        # A clip of one frame is a picture.
        pictures = clips.squeeze(2)
        if self.form == "folded":
            pictures = pictures.contiguous(memory_format=torch.channels_last)

        # The axis of time returns, with one step.
        features: Tensor = self.network(pictures)
        return features.unsqueeze(2), []

    def stages(self) -> list[list[nn.Module]]:
        """Return stem and stages in order, as timm groups them.

        Each stage lists its modules that hold parameters.
        """
        return stages_of(self.network)

    def first_conv(self) -> nn.Conv2d:
        """Return the convolution that takes the picture."""
        conv = self.network.get_submodule(self._first_conv)
        assert isinstance(conv, nn.Conv2d)
        return conv

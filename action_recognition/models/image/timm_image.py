"""The backbone of a `Recogniser` that is a convolutional network of timm."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from action_recognition.models.convolutions import ConvForm
from action_recognition.models.image.timm_features import image_network
from action_recognition.models.pretrained import stages_of
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
        found = image_network(config.name)
        self.network, self.num_features = found.network, found.num_features
        self._first_convs, self._ends_early = found.first_convs, found.ends_early
        # PyTorch's CPU convolutions like the channels innermost. The exported graph has no choice.
        self._channels_last = form == "folded" and not _has_scaling_convs(self.network)
        if self._channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)
        self.form = form

    def forward(self, clips: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return features (N, F, 1, H', W'), and an empty list in the place of masks."""
        # A clip of one frame is a picture.
        pictures = clips.squeeze(2)
        if self._channels_last:
            pictures = pictures.contiguous(memory_format=torch.channels_last)

        # The axis of time returns, with one step.
        network: Any = self.network
        features: Tensor = (network.forward_features if self._ends_early else network)(pictures)
        return features.unsqueeze(2), []

    def stages(self) -> list[list[nn.Module]]:
        """Return stem and stages in order, as timm groups them.

        Each stage lists its modules that hold parameters.
        """
        return stages_of(self.network)

    def first_convs(self) -> list[nn.Conv2d]:
        """Return the convolutions that take the picture."""
        return [cast(nn.Conv2d, self.network.get_submodule(name)) for name in self._first_convs]

    def merge_branches(self) -> None:
        """Make one convolution of branches that only training needs, where the network has them.

        MobileOne adds up several convolutions and normalisations of one input. In evaluation mode
        one convolution gives the same. `first_convs` may name what is gone then.
        """
        from timm.utils.model import reparameterize_model

        self.network = reparameterize_model(self.network)


def _has_scaling_convs(network: nn.Module) -> bool:
    """Return True for a network with 1x1 convolutions of single channels, as MobileOne has.

    PyTorch 2.15 cannot train MobileOne on a CPU with the channels innermost.
    """
    return any(
        isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups > 1
        for module in network.modules()
    )

"""The network of Stanford's CS230 code examples for hand signs, up to its last hidden layer."""

from __future__ import annotations

import itertools

from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.models.convolutions import ConvForm
from action_recognition.template import SignsBackbone

MAP_SIZE = 8
"""Side of the map that the hidden layer reads: an eighth of a picture of 64 pixels."""


class SignsImage(nn.Module):
    """Backbone for pictures of hand signs.

        picture -- 3 times: convolution 3x3, BN, max pooling by 2, ReLU -- [mean to 8x8] --+
        features <-- ReLU, BN, linear <----------------------------------------------------+

    The mean is there where the picture is not 64x64. Dropout and the last layer are the recipe's
    `feature_dropout` and the head.

    Shape: pictures (N, 3, 1, H, W) float -> features (N, 4 * channels, 1, 1, 1), and no attention
    masks.
    Source: https://github.com/cs230-stanford/cs230-code-examples, pytorch/vision/model/net.py.
    """

    def __init__(self, config: SignsBackbone, form: ConvForm = "folded") -> None:
        super().__init__()
        sizes = [3, config.channels, 2 * config.channels, 4 * config.channels]
        self.blocks = nn.ModuleList(
            _block(before, after) for before, after in itertools.pairwise(sizes)
        )

        # The hidden layer reads the whole map, so its input size is fixed.
        self.num_features = sizes[-1]
        self.hidden = nn.Sequential(
            nn.Linear(MAP_SIZE**2 * sizes[-1], self.num_features),
            nn.BatchNorm1d(self.num_features),
            nn.ReLU(),
        )

    def forward(self, clips: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return features (N, 4 * channels, 1, 1, 1), and an empty list in the place of masks."""
        # A clip of one frame is a picture.
        x = clips.squeeze(2)
        for block in self.blocks:
            x = block(x)

        # Pictures of 64 x 64 have this size already.
        if x.shape[2:] != (MAP_SIZE, MAP_SIZE):
            x = F.adaptive_avg_pool2d(x, MAP_SIZE)

        return self.hidden(x.flatten(1)).unflatten(1, (-1, 1, 1, 1)), []

    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of each stage in order: three convolutions, the hidden layer."""
        return [*([block] for block in self.blocks), [self.hidden]]

    def first_convs(self) -> list[nn.Conv2d]:
        """Return the convolutions that take the picture: one."""
        # The blocks are unnamed: 0 is the convolution.
        conv = self.blocks[0].get_submodule("0")
        assert isinstance(conv, nn.Conv2d)
        return [conv]


def _block(before: int, after: int) -> nn.Sequential:
    conv = nn.Conv2d(before, after, 3, padding=1)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.MaxPool2d(2), nn.ReLU())

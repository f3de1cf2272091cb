"""A network over hand landmarks: one encoder for both hands, then convolutions over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.hands.slots import NUM_HANDS
from action_recognition.models.convolutions import ConvForm
from action_recognition.models.landmarks.features import (
    MOTION_FEATURES,
    SHAPE_FEATURES,
    LandmarkFeatures,
)
from action_recognition.template import HandLandmarksBackbone

_KERNEL = 3
MOTION_CHANNELS = 32
# Weight of a frame without hands in a softmax or a maximum.
_NEVER = -1e4


class HandLandmarksNet(nn.Module):
    """Backbone for hand landmarks.

        landmarks -- features -+- shape of a hand -- encoder -+- both hands -- linear -+
                               +- its motion ------ linear ---+                        |
        features <-- attention, mean and maximum over the frames <-- [convolution]* <--+

    Each convolution adds to its input, `dilation` frames apart. Frames without a hand take no part
    in the pooling. A clip without any hand has the features that the biases give.

    Shape: landmarks (N, 4, T, 2, 21) -> features (N, 3 * channels, 1, 1, 1), and no masks.
    """

    def __init__(self, config: HandLandmarksBackbone, form: ConvForm = "folded") -> None:
        super().__init__()
        hand, channels = config.hand_channels, config.channels
        self.features = LandmarkFeatures()

        self.hand, self.motion = hand_encoders(hand, channels, config.dropout)
        self.both = nn.Linear((hand + MOTION_CHANNELS) * NUM_HANDS, channels)
        self.over_time = nn.ModuleList(
            TemporalBlock(channels, dilation, config.dropout) for dilation in config.dilations
        )
        self.attention = nn.Linear(channels, 1)
        self.num_features = 3 * channels

    def forward(self, clips: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return features (N, 3 * channels, 1, 1, 1), and an empty list in the place of masks."""
        shape, motion, seen = self.features(clips)
        # With three dimensions a linear layer adds its bias within the product.
        encoded = [self.hand(shape.flatten(1, 2)), self.motion(motion.flatten(1, 2))]
        hands = torch.cat(encoded, -1) * seen.flatten(1)[..., None]
        x = self.both(hands.unflatten(1, seen.shape[1:]).flatten(2))
        for block in self.over_time:
            x = block(x)
        return self._pooled(x, seen.amax(2))[:, :, None, None, None], []

    def _pooled(self, x: Tensor, shown: Tensor) -> Tensor:
        """Pool (N, T, channels) over the frames that show a hand, (N, T) of 0 and 1."""
        # Without any such frame all of them count.
        shown = torch.maximum(shown, 1.0 - shown.amax(1, keepdim=True))
        absent = (1.0 - shown) * _NEVER

        weights = (self.attention(x).squeeze(-1) + absent).softmax(1)
        attended = (x * weights[..., None]).sum(1)
        mean = (x * shown[..., None]).sum(1) / shown.sum(1, keepdim=True)
        maximum = (x + absent[..., None]).amax(1)
        return torch.cat([attended, mean, maximum], 1)

    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of each stage in order: a hand, both hands, the convolutions."""
        first: list[list[nn.Module]] = [[self.hand, self.motion], [self.both]]
        return [*first, *([block] for block in self.over_time), [self.attention]]


def hand_encoders(
    hand_channels: int, channels: int, dropout: float
) -> tuple[nn.Sequential, nn.Sequential]:
    """Return one encoder for the shape of both hands, and another for their motion."""
    shape = nn.Sequential(
        nn.Linear(SHAPE_FEATURES, channels),
        nn.LayerNorm(channels),
        nn.ReLU(inplace=True),
        ClipDropout(dropout / 2),
        nn.Linear(channels, hand_channels),
        nn.LayerNorm(hand_channels),
        nn.ReLU(inplace=True),
    )
    return shape, nn.Sequential(nn.Linear(MOTION_FEATURES, MOTION_CHANNELS), nn.ReLU())


class ClipDropout(nn.Module):
    """Dropout of whole features: a clip loses the same ones in all frames and for both hands.

    Shape: (N, ..., channels) -> the same.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Return x in evaluation, else x without some of its features."""
        if not self.training:
            return x
        shape = (len(x), *[1] * (x.ndim - 2), x.shape[-1])
        return x * F.dropout(x.new_ones(shape), self.probability)


class TemporalBlock(nn.Module):
    """A convolution over time: x + dropout(ReLU(norm(convolution(x)))).

    Shape: (N, T, channels) -> the same.
    """

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Linear(_KERNEL * channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.dropout = ClipDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return x and what the convolution adds."""
        # As one matrix product: a third of the time of torch's convolution at this size.
        length, reach = x.shape[1], self.dilation
        padded = F.pad(x, (0, 0, reach, reach))
        taps = [padded[:, i * reach : i * reach + length] for i in range(_KERNEL)]
        added = F.relu(self.norm(self.conv(torch.cat(taps, -1))), inplace=True)
        return x + self.dropout(added)  # type: ignore[no-any-return]

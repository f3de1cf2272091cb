"""A network over hand landmarks that looks at the past only, with a score after every frame.

    clip form   frames 0..T-1 at once, no hand before frame 0    for training
    step form   k frames a call, the past in explicit states     `StatefulLandmarkNetwork`, live

Both run the same code: the clip form is a single call that begins with empty states.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.hands.slots import NUM_HANDS
from action_recognition.models.convolutions import ConvForm
from action_recognition.models.landmarks.causal_features import CausalLandmarkFeatures
from action_recognition.models.landmarks.network import (
    MOTION_CHANNELS,
    ClipDropout,
    hand_encoders,
)
from action_recognition.template import CausalHandLandmarksBackbone

_KERNEL = 3


class CausalHandLandmarksNet(nn.Module):
    """Backbone for hand landmarks in streams.

        landmarks -- features -+- shape of a hand -- encoder -+- both hands -- linear -+
                               +- its motion ------ linear ---+                        |
        features <-- present, mean and maximum of the last frames <-- [convolution]* <-+

    Each convolution adds to its input, and sees the present frame and two before it, `dilation`
    frames apart. The features of a clip are the mean of those of its frames.

    Shape: landmarks (N, 4, T, 2, 21) -> features (N, 3 * channels, 1, 1, 1), and no masks.
    """

    def __init__(self, config: CausalHandLandmarksBackbone, form: ConvForm = "folded") -> None:
        super().__init__()
        hand, channels = config.hand_channels, config.channels
        self.features = CausalLandmarkFeatures(config.past_frames)
        self.hand, self.motion = hand_encoders(hand, channels, config.dropout)
        self.both = nn.Linear((hand + MOTION_CHANNELS) * NUM_HANDS, channels)
        self.over_time = nn.ModuleList(
            CausalTemporalBlock(channels, dilation, config.dropout) for dilation in config.dilations
        )
        self.reaches = [(_KERNEL - 1) * dilation for dilation in config.dilations]
        self.channels, self.pool_frames = channels, config.pool_frames
        self.num_features = 3 * channels

    def forward(self, clips: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return features (N, 3 * channels, 1, 1, 1), and an empty list in the place of masks."""
        features = self.at_steps(clips).mean(1)
        return features[:, :, None, None, None], []

    def at_steps(self, clips: Tensor) -> Tensor:
        """Return features (N, T, 3 * channels) of every frame of clips."""
        return self.step(clips, self.first_states(len(clips)))[0]

    def step(self, clips: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return features (N, T, 3 * channels) of the next frames, and the states behind them."""
        past, *before, pooled = states
        shape, motion, seen, past = self.features.with_past(clips, past)
        hands = torch.cat([self.hand(shape), self.motion(motion)], -1) * seen[..., None]
        x = self.both(hands.flatten(2))

        going = [past]
        for block, state in zip(self.over_time, before, strict=True):
            x, state = block(x, state)
            going.append(state)

        # The running pool, over the present frame and those before.
        joined = torch.cat([pooled, x], 1)
        rows = joined.transpose(1, 2)
        mean = F.avg_pool1d(rows, self.pool_frames, stride=1).transpose(1, 2)
        maximum = F.max_pool1d(rows, self.pool_frames, stride=1).transpose(1, 2)
        going.append(joined[:, -(self.pool_frames - 1) :])
        return torch.cat([x, mean, maximum], -1), going

    def first_states(self, number: int) -> list[Tensor]:
        """Return the states before the first frame of `number` streams: zeros."""
        past = self.features.first_past(number)
        lengths = [*self.reaches, self.pool_frames - 1]
        return [past, *(past.new_zeros(number, length, self.channels) for length in lengths)]

    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of each stage in order: a hand, both hands, the convolutions."""
        first: list[list[nn.Module]] = [[self.hand, self.motion], [self.both]]
        return [*first, *([block] for block in self.over_time)]

    @property
    def reach_frames(self) -> int:
        """Return the number of frames, the present one included, that a score depends on."""
        return self.features.past_frames + sum(self.reaches) + self.pool_frames


class CausalTemporalBlock(nn.Module):
    """A convolution over the present and the past: x + dropout(ReLU(norm(convolution(x)))).

    Shape: (N, T, channels) and the last `reach` frames before -> the same.
    """

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation, self.reach = dilation, dilation * (_KERNEL - 1)
        self.conv = nn.Linear(_KERNEL * channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.dropout = ClipDropout(dropout)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and what the convolution adds, and the next state."""
        joined, length = torch.cat([state, x], 1), x.shape[1]
        taps = [joined[:, i * self.dilation : i * self.dilation + length] for i in range(_KERNEL)]
        added = F.relu(self.norm(self.conv(torch.cat(taps, -1))))
        return x + self.dropout(added), joined[:, -self.reach :]

r"""The step form of a causal network: k frames a call, and the past in explicit states.

Frames lie along the batch axis, (k, C, H, W). So everything within a frame is a 2-D convolution,
and time is a shift along that axis. A convolution over time multiplies the frames of one call by
each of its taps. It keeps sums on its narrow side (those of its outputs, not of its wide inputs),
as a transposed FIR filter does:

    frames -- tap 0 --> r --> [d frames] --> + --> [d frames] --> + --> out
           \- tap 1 -----------------------/                    /
           \- tap 2 -------------------------------------------/

    [d frames]: a state, the last d frames that went in

A temporal stride halves the frames of a call where their number is even. Where it is odd, every
frame passes, and what follows looks at every second one (d doubles). Then there is a score after
every frame, and after whole steps it equals that of the clip form.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from action_recognition.models.causal import CausalRecogniser
from action_recognition.models.recogniser import Normalize
from action_recognition.models.s3d_efficientnet_lite0 import LiteBlock
from action_recognition.models.s3d_mobilenet_v3 import InvertedResidual
from action_recognition.models.stateful.blocks import Attention, Block, Head
from action_recognition.models.stateful.layers import Spatial
from action_recognition.models.stateful.states import Rhythm, States


class StatefulNetwork(nn.Module):
    """A causal recogniser in its step form: a network with memory.

    Input: frames (k, H, W, 3) RGB in 0..255, uint8 or float, and the states of the call before.
    Output: cosine (S, C), and the states for the next call. k is `frames_per_call`. A call returns
    S scores, one every `frames_per_score` frames.

    Weights are copies, and batch norms are folded into their convolutions. The network is always in
    evaluation mode. Without `normalize` the frames are float and normalised already.

    Measured in OpenVINO 2026.4:
    States as (d, C, H, W) are copied once on their way, as (d, H, W, C) twice.
    Pictures as a decoder leaves them, (k, H, W, 3) uint8, cost less than (k, 3, H, W) float32.
    Permuting them after normalisation costs nothing, since the convolutions want the channels
    innermost. Time as a third axis of the convolutions, one instead of one for each tap, gains
    nothing.
    """

    def __init__(
        self, recogniser: CausalRecogniser, normalize: Normalize | None, frames_per_call: int
    ) -> None:
        super().__init__()
        if frames_per_call < 1:
            raise ValueError(f"frames_per_call {frames_per_call}, expected 1 or more")

        # Normalisation, if it is part of the network.
        mean, scale = torch.zeros(1), torch.ones(1)
        if normalize is not None:
            mean, scale = normalize.mean, normalize.scale
        self.mean, self.scale = (
            nn.Buffer(value.detach().clone().reshape(-1)) for value in (mean, scale)
        )
        self.normalizes = normalize is not None

        # The layout of time behind the last stage is that of the scores.
        stages, rhythm = _stages(recogniser, Rhythm(frames_per_call))
        self.stages = nn.ModuleList(stages)
        self.head = Head(recogniser.head, recogniser.running_pool.steps, rhythm)
        self.frames_per_call, self.scores_per_call = frames_per_call, rhythm.frames
        self.eval().requires_grad_(False)

    @property
    def frames_per_score(self) -> int:
        """Return the number of frames from one score to the next."""
        return self.frames_per_call // self.scores_per_call

    def forward(self, frames: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return the cosine (S, C), then the new states. Without `states` the stream begins."""
        held = States(states or None)

        # Normalise while the channels are innermost, as the decoder leaves them.
        x = frames.to(self.mean.dtype)
        x = (x - self.mean) / self.scale if self.normalizes else x
        x = x.permute(0, 3, 1, 2)

        # Every stage takes its states and leaves new ones, in this order.
        for stage in self.stages:
            x = stage(x, held)
        cosine: Tensor = self.head(x, held)
        return cosine, *held.going

    def initial_states(self, height: int, width: int) -> list[Tensor]:
        """Return the zeros with which a stream begins, for frames of that size in pixels."""
        # One call without states tells their number and shapes.
        shape = (self.frames_per_call, height, width, 3)
        frames = torch.zeros(shape, dtype=torch.uint8, device=self.mean.device)
        with torch.no_grad():
            _, *states = self(frames)
        return [torch.zeros_like(state) for state in states]


def _stages(recogniser: CausalRecogniser, rhythm: Rhythm) -> tuple[list[nn.Module], Rhythm]:
    """Return the backbone's stages in their step form, and the layout of time behind them."""
    backbone = recogniser.backbone
    stages: list[nn.Module] = [Spatial(backbone.stem)]
    attentions = getattr(backbone, "attentions", {})
    for index, block in enumerate(backbone.blocks):
        assert isinstance(block, InvertedResidual | LiteBlock)
        stages.append(Block(block, rhythm))

        # An attention comes after its block's temporal stride.
        rhythm = rhythm.strided() if block.pool is not None else rhythm
        if str(index) in attentions:
            stages.append(Attention(attentions[str(index)], rhythm))
    return [*stages, Spatial(backbone.last)], rhythm

"""The blocks of a stateful network: residual blocks, attention and head, in their step form."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.models.attention import SpatioTemporalAttention
from action_recognition.models.head import AngularHead
from action_recognition.models.s3d_efficientnet_lite0 import LiteBlock
from action_recognition.models.s3d_mobilenet_v3 import InvertedResidual
from action_recognition.models.stateful.layers import Activation, Gate, Spatial, Stride, Temporal
from action_recognition.models.stateful.states import Rhythm, States


class Block(nn.Module):
    """The step form of `InvertedResidual` or `LiteBlock`.

        x -- [Spatial] -- Spatial -- [Gate] -- [Activation] -- Temporal -- [Stride] -- (+ x)

    Shape: (k, C, H, W) -> (k', C', H', W'), where k' is k or k / 2.
    """

    def __init__(self, block: InvertedResidual | LiteBlock, rhythm: Rhythm) -> None:
        super().__init__()
        self.has_residual = block.has_residual
        # The same order as in the clip form.
        parts: list[nn.Module] = [] if block.expand is None else [Spatial(block.expand)]
        parts.append(Spatial(block.depthwise))
        if isinstance(block, InvertedResidual):
            if block.squeeze_excite is not None:
                parts.append(Gate(block.squeeze_excite))
            parts.append(Activation(block.activation))

        parts.append(Temporal(block.project, rhythm))
        if block.pool is not None:
            parts.append(Stride(rhythm))
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor, states: States) -> Tensor:
        """Run the parts in order, and add (k, C, H, W) itself where the block has a residual."""
        out = x
        for part in self.parts:
            out = part(out, states)
        return x + out if self.has_residual else out


class Attention(nn.Module):
    """The step form of `SpatioTemporalAttention` in evaluation mode."""

    def __init__(self, attention: SpatioTemporalAttention, rhythm: Rhythm) -> None:
        super().__init__()
        spatial, temporal = attention.spatial, attention.temporal
        self.spatial = nn.ModuleList([Spatial(spatial.depthwise), Spatial(spatial.project)])
        over_time: list[nn.Module] = []
        if temporal is not None:
            over_time = [Temporal(temporal.depthwise, rhythm), Spatial(temporal.project)]
        self.temporal = nn.ModuleList(over_time)

    def forward(self, x: Tensor, states: States) -> Tensor:
        """Return the attended features, in the shape of `x` (k, C, H, W)."""
        logits = x
        for part in self.spatial:
            logits = part(logits, states)

        # The temporal branch sees one number a channel and frame.
        if self.temporal:
            over_time = x.mean((2, 3), keepdim=True)
            for part in self.temporal:
                over_time = part(over_time, states)
            logits = logits + over_time
        return x + torch.sigmoid(logits) * x


class Head(nn.Module):
    """Running mean over the last `steps` steps, embedding, cosine: (k, F, H, W) -> (k, C).

    Each step is a row of F + 1 columns in the state. The last column is 1 where there was a step,
    so that the mean is taken over real steps only.
    """

    def __init__(self, head: AngularHead, steps: int, rhythm: Rhythm) -> None:
        super().__init__()
        self.length = (steps - 1) * rhythm.dilation

        # The batch norm of the embedding goes into its projection.
        norm = head.norm
        assert norm.running_mean is not None and norm.running_var is not None
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)

        self.window = nn.Buffer(_window(self.length, rhythm))
        self.seen = nn.Buffer(torch.ones(rhythm.frames, 1))
        self.weight = nn.Buffer((head.project.weight * factor[:, None]).detach())
        self.bias = nn.Buffer((norm.bias - norm.running_mean * factor).detach())
        self.class_directions = nn.Buffer(F.normalize(head.class_directions.detach(), dim=0))

    def forward(self, x: Tensor, states: States) -> Tensor:
        """Return the cosine (k, C) at every step of (k, F, H, W). Takes and leaves one state."""
        # Sums over the window, with the number of steps in the last column.
        rows = torch.cat([x.mean((2, 3)), self.seen], 1)
        sums = self.window @ (states.joined(rows, self.length) if self.length else rows)

        # The mean, its embedding of unit length, and the cosine to each class.
        embedding = F.linear(sums[:, :-1] / sums[:, -1:], self.weight, self.bias)
        unit = embedding / torch.linalg.vector_norm(embedding, dim=1, keepdim=True).clamp_min(1e-12)
        cosine: Tensor = unit @ self.class_directions
        return cosine


def _window(length: int, rhythm: Rhythm) -> Tensor:
    """Return ones (k, length + k) where a score takes a row of the state or of the call."""
    # A row for each frame of the call. It takes every `dilation`-th row, back to `length` before.
    window = torch.zeros(rhythm.frames, length + rhythm.frames)
    for row in range(rhythm.frames):
        window[row, row : row + length + 1 : rhythm.dilation] = 1.0
    return window

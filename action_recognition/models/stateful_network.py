r"""The step form of a causal network: k frames a call, and the past in explicit states.

Frames lie along the batch axis, (k, C, H, W), so that everything within a frame is a 2-D convolution and time is a shift along that axis.
A convolution over time multiplies the frames of one call by each of its taps, and keeps sums on its narrow side (those of its outputs,
not of its wide inputs), as a transposed FIR filter:

    frames -- tap 0 --> r ---> [d frames] ---> + --> [d frames] ---> + --> out      [d frames]: a state, the last d that went in
           \- tap 1 -------------------------/                    /
           \- tap 2 ----------------------------------------------/

A temporal stride halves the frames of a call where their number is even. Where it is odd every frame goes on, and what follows looks
at every second one (d doubles): then there is a score after every frame, and after whole steps it is that of the clip form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.models.attention import SpatioTemporalAttention
from action_recognition.models.causal import CausalRecogniser
from action_recognition.models.head import AngularHead
from action_recognition.models.layers import ConvNorm, FactoredConv3d, SqueezeExcite, TFSameConv3d
from action_recognition.models.recogniser import Normalize
from action_recognition.models.s3d_efficientnet_lite0 import LiteBlock
from action_recognition.models.s3d_mobilenet_v3 import InvertedResidual


class States:
    """The states of one call: those that come in are taken in order, those that go out are kept in the same order.

    Without any that come in, every state is zero, as after a reset.
    """

    def __init__(self, coming: Sequence[Tensor] | None) -> None:
        self._coming = None if coming is None else iter(coming)
        self.going: list[Tensor] = []

    def late(self, x: Tensor, length: int) -> Tensor:
        """`x` (k, ...) by `length` rows later: those of earlier calls first; its last `length` are kept.

        Where `x` has more rows than that, it is cut before it is joined: OpenVINO then adds to the result within the convolution that
        makes the other summand. With states alone instead (no rows of `x`) that is slower than joining and cutting.
        """
        keep = x.shape[0] - length
        if keep <= 0:
            return self.joined(x, length)[: x.shape[0]]
        now, later = torch.split(x, [keep, length])
        past = self._past(x, length)
        self.going.append(later)
        return torch.cat([past, now])

    def joined(self, x: Tensor, length: int) -> Tensor:
        """`length` rows of earlier calls and then those of `x` (k, ...), all along the first axis; the last `length` are kept."""
        both = torch.cat([self._past(x, length), x])
        self.going.append(both[x.shape[0] :])
        return both

    def _past(self, x: Tensor, length: int) -> Tensor:
        return x.new_zeros((length, *x.shape[1:])) if self._coming is None else next(self._coming)


@dataclass(frozen=True)
class Rhythm:
    """How time lies along the first axis: `frames` of one call, of which an operation looks at every `dilation`-th."""

    frames: int
    dilation: int = 1

    @property
    def halves(self) -> bool:
        """Whether a temporal stride halves the frames here, or doubles the dilation."""
        return self.dilation == 1 and self.frames % 2 == 0

    def strided(self) -> Rhythm:
        return Rhythm(self.frames // 2) if self.halves else Rhythm(self.frames, self.dilation * 2)


class StatefulNetwork(nn.Module):
    """Frames (k, H, W, 3) RGB 0..255, uint8 or float, and the states of the call before -> cosine (S, C), and the states for the next.

    k is `frames_per_call`; S scores come out of a call, one each `frames_per_score` frames. Weights are copies, batch norms are
    within their convolutions; always in evaluation mode. `normalize` None: the frames are normalised already, float.

    Measured in OpenVINO 2026.4: states as (d, C, H, W) are copied once on their way, as (d, H, W, C) twice; pictures as they come from a
    decoder, (k, H, W, 3) uint8, cost less than (k, 3, H, W) float32, and turning them costs nothing after they are normalised, since its
    convolutions want the channels innermost. Time as a third axis of the convolutions, one instead of one for each tap, gains nothing.
    """

    def __init__(
        self, recogniser: CausalRecogniser, normalize: Normalize | None, frames_per_call: int
    ) -> None:
        super().__init__()
        if frames_per_call < 1:
            raise ValueError(f"frames_per_call {frames_per_call}, expected 1 or more")
        backbone, rhythm = recogniser.backbone, Rhythm(frames_per_call)
        mean, scale = (
            (normalize.mean, normalize.scale)
            if normalize is not None
            else (torch.zeros(1), torch.ones(1))
        )
        self.mean, self.scale = (
            nn.Buffer(value.detach().clone().reshape(-1)) for value in (mean, scale)
        )
        self.normalizes = normalize is not None
        stages: list[nn.Module] = [Spatial(backbone.stem)]
        attentions = getattr(backbone, "attentions", {})
        for index, block in enumerate(backbone.blocks):
            assert isinstance(block, InvertedResidual | LiteBlock)
            stages.append(Block(block, rhythm))
            rhythm = rhythm.strided() if block.pool is not None else rhythm
            if str(index) in attentions:
                stages.append(Attention(attentions[str(index)], rhythm))
        self.stages = nn.ModuleList([*stages, Spatial(backbone.last)])
        self.head = Head(recogniser.head, recogniser.running_pool.steps, rhythm)
        self.frames_per_call, self.scores_per_call = frames_per_call, rhythm.frames
        self.eval().requires_grad_(False)

    @property
    def frames_per_score(self) -> int:
        return self.frames_per_call // self.scores_per_call

    def forward(self, frames: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Cosine (S, C), then the new states; without `states` the stream begins."""
        held = States(states or None)
        x = frames.to(self.mean.dtype)
        x = (x - self.mean) / self.scale if self.normalizes else x
        x = x.permute(0, 3, 1, 2)
        for stage in self.stages:
            x = stage(x, held)
        cosine: Tensor = self.head(x, held)
        return cosine, *held.going

    def initial_states(self, height: int, width: int) -> list[Tensor]:
        """Zeros, as a stream begins, for frames of that size in pixels."""
        with torch.no_grad():
            _, *states = self(
                torch.zeros(
                    (self.frames_per_call, height, width, 3),
                    dtype=torch.uint8,
                    device=self.mean.device,
                )
            )
        return [torch.zeros_like(state) for state in states]


class Spatial(nn.Module):
    """A convolution within each frame, its batch norm and activation: (k, C, H, W) -> (k, C', H', W')."""

    def __init__(self, unit: ConvNorm) -> None:
        super().__init__()
        weight, bias = _with_norm(unit)
        self.weight, self.bias = nn.Buffer(weight.squeeze(2)), nn.Buffer(bias)
        self.conv, self.activations = (
            [unit.conv],
            list(unit)[2:],
        )  # in a list: not a part of this module

    def forward(self, x: Tensor, states: States) -> Tensor:
        conv = self.conv[0]
        padding: tuple[int, int] = (conv.padding[1], conv.padding[2])  # type: ignore[assignment]  # never a word here
        if isinstance(conv, TFSameConv3d):
            top, bottom = conv.before_and_after(x.shape[2])
            left, right = conv.before_and_after(x.shape[3])
            x = F.pad(x, (left, right, top, bottom))
        out = F.conv2d(x, self.weight, self.bias, conv.stride[1:], padding, groups=conv.groups)
        return _activated(out, self.activations)


class Temporal(nn.Module):
    """A causal convolution over time and its batch norm; each of kt - 1 states is `dilation` frames of its output's size."""

    def __init__(self, unit: ConvNorm, rhythm: Rhythm) -> None:
        super().__init__()
        weight, bias = _with_norm(unit)
        self.taps = nn.ParameterList(
            [
                nn.Parameter(tap.squeeze(2), requires_grad=False)
                for tap in torch.split(weight, 1, dim=2)
            ]
        )
        self.bias = nn.Buffer(bias)
        self.groups, self.dilation, self.activations = (
            unit.conv.groups,
            rhythm.dilation,
            list(unit)[2:],
        )

    def forward(self, x: Tensor, states: States) -> Tensor:
        last = len(self.taps) - 1
        out: Tensor | None = None
        for number, tap in enumerate(self.taps):
            product = F.conv2d(x, tap, self.bias if number == last else None, groups=self.groups)
            out = product if out is None else states.late(out, self.dilation) + product
        assert out is not None
        return _activated(out, self.activations)


class Stride(nn.Module):
    """The mean of a frame and the one before it: of every pair, or, where the frames of a call are not even, at every frame."""

    def __init__(self, rhythm: Rhythm) -> None:
        super().__init__()
        self.rhythm = rhythm

    def forward(self, x: Tensor, states: States) -> Tensor:
        if self.rhythm.halves:
            return (x[0::2] + x[1::2]) * 0.5
        return (states.late(x, self.rhythm.dilation) + x) * 0.5


class Block(nn.Module):
    """`InvertedResidual` or `LiteBlock`."""

    def __init__(self, block: InvertedResidual | LiteBlock, rhythm: Rhythm) -> None:
        super().__init__()
        self.has_residual = block.has_residual
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
        out = x
        for part in self.parts:
            out = part(out, states)
        return x + out if self.has_residual else out


class Activation(nn.Module):
    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor, states: States) -> Tensor:
        return _activated(x, [self.activation])


class Gate(nn.Module):
    """`SqueezeExcite`, which looks at single frames."""

    def __init__(self, gate: SqueezeExcite) -> None:
        super().__init__()
        (self.reduce, self.reduce_bias), (self.expand, self.expand_bias) = (
            (nn.Buffer(conv.weight.detach().squeeze(2).clone()), nn.Buffer(_bias(conv).clone()))
            for conv in (gate.reduce, gate.expand)
        )

    def forward(self, x: Tensor, states: States) -> Tensor:
        squeezed = F.relu(F.conv2d(x.mean((2, 3), keepdim=True), self.reduce, self.reduce_bias))
        return x * F.hardsigmoid(F.conv2d(squeezed, self.expand, self.expand_bias))


class Attention(nn.Module):
    """`SpatioTemporalAttention`."""

    def __init__(self, attention: SpatioTemporalAttention, rhythm: Rhythm) -> None:
        super().__init__()
        self.spatial = nn.ModuleList(
            [Spatial(attention.spatial.depthwise), Spatial(attention.spatial.project)]
        )
        temporal = attention.temporal
        parts = (
            []
            if temporal is None
            else [Temporal(temporal.depthwise, rhythm), Spatial(temporal.project)]
        )
        self.temporal = nn.ModuleList(parts)

    def forward(self, x: Tensor, states: States) -> Tensor:
        logits = x
        for part in self.spatial:
            logits = part(logits, states)
        if self.temporal:
            over_time = x.mean((2, 3), keepdim=True)
            for part in self.temporal:
                over_time = part(over_time, states)
            logits = logits + over_time
        return x + torch.sigmoid(logits) * x


class Head(nn.Module):
    """Running mean over the last `steps` steps, embedding, cosine: (k, F, H, W) -> (k, C).

    The state is one row (F + 1) a step; its last column is 1 where there was a step, so that the mean is over those.
    """

    def __init__(self, head: AngularHead, steps: int, rhythm: Rhythm) -> None:
        super().__init__()
        self.length = (steps - 1) * rhythm.dilation
        window = torch.zeros(rhythm.frames, self.length + rhythm.frames)
        for row in range(rhythm.frames):
            window[row, row : row + self.length + 1 : rhythm.dilation] = 1.0
        norm = head.norm
        assert norm.running_mean is not None and norm.running_var is not None
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.window, self.seen = nn.Buffer(window), nn.Buffer(torch.ones(rhythm.frames, 1))
        self.weight = nn.Buffer((head.project.weight * factor[:, None]).detach())
        self.bias = nn.Buffer((norm.bias - norm.running_mean * factor).detach())
        self.class_directions = nn.Buffer(F.normalize(head.class_directions.detach(), dim=0))

    def forward(self, x: Tensor, states: States) -> Tensor:
        rows = torch.cat([x.mean((2, 3)), self.seen], 1)
        sums = self.window @ (states.joined(rows, self.length) if self.length else rows)
        embedding = F.linear(sums[:, :-1] / sums[:, -1:], self.weight, self.bias)
        unit = embedding / torch.linalg.vector_norm(embedding, dim=1, keepdim=True).clamp_min(1e-12)
        cosine: Tensor = unit @ self.class_directions
        return cosine


def _with_norm(unit: ConvNorm) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution with its batch norm in it."""
    norm = unit.norm
    assert norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return (unit.conv.weight * factor.view(-1, 1, 1, 1, 1)).detach(), (
        norm.bias - norm.running_mean * factor
    ).detach()


def _bias(conv: FactoredConv3d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.detach()


def _activated(x: Tensor, activations: Sequence[nn.Module]) -> Tensor:
    for activation in activations:
        x = (
            F.relu6(x) if isinstance(activation, nn.ReLU6) else activation(x)
        )  # the original's ReLU6 works in place
    return x

"""The layers of a stateful network: copies of a causal network's layers that keep their own past.

Frames lie along the batch axis, (k, C, H, W). A layer gets the frames and the `States` of one call.
It takes its past from the states and leaves there what the next call needs.
Weights are copies with the batch norms folded into them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.models.convolutions import FactoredConv3d, TFSameConv3d
from action_recognition.models.layers import ConvNorm, SqueezeExcite
from action_recognition.models.stateful.states import Rhythm, States


class Spatial(nn.Module):
    """A convolution within each frame, its batch norm and its activation.

    Shape: (k, C, H, W) -> (k, C', H', W').
    """

    def __init__(self, unit: ConvNorm) -> None:
        super().__init__()
        weight, bias = _with_norm(unit)
        self.weight, self.bias = nn.Buffer(weight.squeeze(2)), nn.Buffer(bias)
        # Lists hide the original modules from this one: only the copies are part of it.
        self.conv, self.activations = [unit.conv], list(unit)[2:]

    def forward(self, x: Tensor, states: States) -> Tensor:
        """Convolve each of the frames (k, C, H, W). No state is used."""
        conv = self.conv[0]
        # `padding` is a pair of numbers here, never a word such as "same".
        padding: tuple[int, int] = (conv.padding[1], conv.padding[2])  # type: ignore[assignment]
        if isinstance(conv, TFSameConv3d):
            top, bottom = conv.before_and_after(x.shape[2])
            left, right = conv.before_and_after(x.shape[3])
            x = F.pad(x, (left, right, top, bottom))

        out = F.conv2d(x, self.weight, self.bias, conv.stride[1:], padding, groups=conv.groups)
        return _activated(out, self.activations)


class Temporal(nn.Module):
    r"""A causal convolution over time, its batch norm and its activation.

        frames -- tap 0 --> r --> [d frames] --> + --> [d frames] --> + --> out
               \- tap 1 -----------------------/                    /
               \- tap 2 -------------------------------------------/

    [d frames] is a state: the last d frames that went in, where d is the dilation. A kernel of kt
    taps has kt - 1 states, each with `dilation` frames of the output's size.
    """

    def __init__(self, unit: ConvNorm, rhythm: Rhythm) -> None:
        super().__init__()
        weight, bias = _with_norm(unit)

        # A tap at a time: (out, in, 1, kh, kw) without its axis of time.
        taps = [tap.squeeze(2) for tap in torch.split(weight, 1, dim=2)]
        self.taps = nn.ParameterList([nn.Parameter(tap, requires_grad=False) for tap in taps])
        self.bias = nn.Buffer(bias)
        self.groups, self.dilation = unit.conv.groups, rhythm.dilation
        self.activations = list(unit)[2:]

    def forward(self, x: Tensor, states: States) -> Tensor:
        """Convolve (k, C, H, W) along its first axis. Takes and leaves kt - 1 states."""
        last = len(self.taps) - 1
        out: Tensor | None = None
        for number, tap in enumerate(self.taps):
            # The bias is added once, to the product that no state delays.
            product = F.conv2d(x, tap, self.bias if number == last else None, groups=self.groups)
            out = product if out is None else states.late(out, self.dilation) + product
        assert out is not None
        return _activated(out, self.activations)


class Stride(nn.Module):
    """The mean of a frame and the one before it.

    Where the layout halves, it is the mean of every pair: (k, C, H, W) -> (k / 2, C, H, W).
    Elsewhere it is the mean at every frame: (k, C, H, W) -> (k, C, H, W), with one state.
    """

    def __init__(self, rhythm: Rhythm) -> None:
        super().__init__()
        self.rhythm = rhythm

    def forward(self, x: Tensor, states: States) -> Tensor:
        """Average neighbouring frames of (k, C, H, W)."""
        # With an even number of frames, every pair lies within the call.
        if self.rhythm.halves:
            return (x[0::2] + x[1::2]) * 0.5
        return (states.late(x, self.rhythm.dilation) + x) * 0.5


class Activation(nn.Module):
    """An activation without state."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor, states: States) -> Tensor:
        """Apply the activation to each element. No state is used."""
        return _activated(x, [self.activation])


class Gate(nn.Module):
    """The step form of `SqueezeExcite`, which looks at single frames and has no state."""

    def __init__(self, gate: SqueezeExcite) -> None:
        super().__init__()
        # Copies without the axis of time.
        (self.reduce, self.reduce_bias), (self.expand, self.expand_bias) = (
            (nn.Buffer(conv.weight.detach().squeeze(2).clone()), nn.Buffer(_bias(conv).clone()))
            for conv in (gate.reduce, gate.expand)
        )

    def forward(self, x: Tensor, states: States) -> Tensor:
        """Scale the channels of each frame (k, C, H, W)."""
        # One number for each channel and frame.
        squeezed = F.relu(F.conv2d(x.mean((2, 3), keepdim=True), self.reduce, self.reduce_bias))
        return x * F.hardsigmoid(F.conv2d(squeezed, self.expand, self.expand_bias))


def _with_norm(unit: ConvNorm) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution with its batch norm folded into them."""
    norm = unit.norm
    assert norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)

    # gamma (W x - mean) / std + beta = (W gamma / std) x + (beta - mean gamma / std)
    weight = unit.conv.weight * factor.view(-1, 1, 1, 1, 1)
    bias = norm.bias - norm.running_mean * factor
    return weight.detach(), bias.detach()


def _bias(conv: FactoredConv3d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.detach()


def _activated(x: Tensor, activations: Sequence[nn.Module]) -> Tensor:
    """Apply activations in order, never in place: the ReLU6 of the clip form works in place."""
    for activation in activations:
        x = F.relu6(x) if isinstance(activation, nn.ReLU6) else activation(x)
    return x

"""The small modules between the convolutions: norms, gates, pools, dropout, activations."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.models.convolutions import ConvForm, FactoredConv3d

Activation = Literal["none", "relu", "relu6", "hswish"]
BATCH_NORM_EPS = 1e-5


class BatchNorm(nn.BatchNorm3d):
    """Batch norm over (N, C, T, H, W), correct also where T, H or W is 1.

    There the strides of a tensor do not tell one memory format from another. PyTorch's backward on
    the CPU can then mistake the gradient for one of the other format and return wrong numbers (seen
    in 2.15, see `tests/models/test_layers.py`). Three dimensions have one format only.
    """

    def _check_input_dim(self, x: Tensor) -> None:
        """Accept five dimensions, and the three that forward makes of them."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, T, H, W), as (N, C, T*H*W) where gradients are at risk."""
        # Only a backward pass is at risk, and only with an axis of length 1.
        learns = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        if learns and 1 in x.shape[2:]:
            return super().forward(x.flatten(2)).reshape(x.shape)
        return super().forward(x)


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, activation. `none` leaves the activation out."""

    conv: FactoredConv3d
    norm: BatchNorm

    def __init__(
        self, conv: FactoredConv3d, activation: Activation, eps: float = BATCH_NORM_EPS
    ) -> None:
        super().__init__()
        self.conv = conv
        self.norm = BatchNorm(conv.out_channels, eps=eps)
        if activation != "none":
            self.activation = make_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise and activate (N, C, T, H, W)."""
        # Frozen: neither the convolution nor the norm changes in this step.
        frozen = not (
            self.norm.training or self.conv.weight.requires_grad or self.norm.weight.requires_grad
        )
        if frozen and torch.is_grad_enabled():
            return self._frozen(x)
        out: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return out

    def _frozen(self, x: Tensor) -> Tensor:
        """Compute the same function with the norm folded into the convolution.

            gamma (W x - mean) / std + beta = (W gamma / std) x + (beta - mean gamma / std)

        In the frozen part of a training step this saves the norm's passes over memory. It is not
        done where something learns: there the gradients of the folded weights are copied about for
        longer than the norm takes.
        """
        assert self.norm.running_mean is not None and self.norm.running_var is not None
        factor = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weight = self.conv.weight * factor.view(-1, 1, 1, 1, 1)
        bias = self.norm.bias - self.norm.running_mean * factor

        out = self.conv.convolve(x, weight, bias)

        # The modules behind convolution and norm.
        for activation in list(self)[2:]:
            out = activation(out)
        return out


class SqueezeExcite(nn.Module):
    """Per-frame channel gate.

        x -- mean over H, W -- reduce C -> C/4, ReLU -- expand C/4 -> C, h-sigmoid -- (* x)

    Source: REFERENCE section 2 (SE); Hu et al., arXiv 1709.01507.
    """

    def __init__(self, channels: int, form: ConvForm) -> None:
        super().__init__()
        self.reduce = FactoredConv3d(channels, channels // 4, bias=True, form=form)
        self.reduce_activation = nn.ReLU()
        self.expand = FactoredConv3d(channels // 4, channels, bias=True, form=form)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale the channels of each frame of (N, C, T, H, W)."""
        # One number for each channel and frame.
        squeezed = x.mean((3, 4), keepdim=True)
        gate: Tensor = self.gate(self.expand(self.reduce_activation(self.reduce(squeezed))))
        return x * gate


class TemporalAveragePool(nn.Module):
    """Mean of every two neighbouring frames.

    An odd last frame is dropped. A single frame passes.
    Shape: (N, C, T, H, W) -> (N, C, max(T // 2, 1), H, W).
    """

    # Two slices and a sum are fast in PyTorch. The exported graph wants one operation.
    one_operation = False

    def forward(self, x: Tensor) -> Tensor:
        """Average pairs of frames of (N, C, T, H, W)."""
        if x.shape[2] == 1:
            return x
        if self.one_operation:
            return F.avg_pool3d(x, (2, 1, 1))

        # Even and odd frames, without an odd last one.
        length = x.shape[2] // 2 * 2
        return (x[:, :, 0:length:2] + x[:, :, 1:length:2]) * 0.5


class GlobalAveragePool(nn.Module):
    """Mean over the remaining time and space: (N, C, T, H, W) -> (N, C).

    The original pools a fixed 4 x 7 x 7, which is the same at its own input sizes.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Average (N, C, T, H, W) over its last three axes."""
        return x.mean((2, 3, 4))


class GaussianDropout(nn.Module):
    """Multiplication of each element by clip(N(mean, std), 0, 1) / mean, in training only.

    Source: REFERENCE section 2 (Dropout positions); Srivastava et al., JMLR 15 (2014), section 10.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (N, C, T, H, W) by fresh noise in training. Return it as it is in evaluation."""
        if not self.training:
            return x

        # Drawn in the order of the folded form's memory, (N, T, H, W, C): PyTorch fills a plain
        # tensor several times faster.
        innermost = x.movedim(1, -1)
        noise = torch.empty(innermost.shape, dtype=x.dtype, device=x.device)
        noise = noise.normal_(self.mean, self.std).clamp_(0.0, 1.0)
        return x * noise.div_(self.mean).movedim(-1, 1)


def make_activation(name: Literal["relu", "relu6", "hswish"]) -> nn.Module:
    """Return the activation of that name.

    ReLU6 works in place, since nothing else needs its input.
    """
    if name == "relu6":
        return nn.ReLU6(inplace=True)
    return nn.ReLU() if name == "relu" else nn.Hardswish()


def channels_innermost(x: Tensor) -> Tensor:
    """Return the same (N, C, T, H, W) tensor with C innermost in memory.

    In this layout the folded form of the convolutions makes no copies.
    """
    return x.contiguous(memory_format=torch.channels_last_3d)

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
    """Batch norm over (N, C, T, H, W), right also where T, H or W is 1.

    There the strides of a tensor do not tell one memory format from another, and PyTorch's backward on the CPU can take the gradient
    for one of the other format and return wrong numbers (seen in 2.15; `tests/models/test_layers.py`). Three dimensions have one format.
    """

    def _check_input_dim(self, x: Tensor) -> None:
        """Five dimensions, or the three that forward makes of them."""

    def forward(self, x: Tensor) -> Tensor:
        learns = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        if learns and 1 in x.shape[2:]:
            return super().forward(x.flatten(2)).reshape(x.shape)
        return super().forward(x)


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, activation (`none` leaves it out)."""

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
        frozen = not (
            self.norm.training or self.conv.weight.requires_grad or self.norm.weight.requires_grad
        )
        if frozen and torch.is_grad_enabled():
            return self._frozen(x)
        out: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return out

    def _frozen(self, x: Tensor) -> Tensor:
        """The same function for the frozen part of a training step: the norm within the convolution, which saves its passes over memory.

        gamma (W x - mean) / std + beta = (W gamma / std) x + (beta - mean gamma / std). Not done where something learns: there the
        gradients of the made weights are copied about for longer than the norm takes.
        """
        assert self.norm.running_mean is not None and self.norm.running_var is not None
        factor = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weight = self.conv.weight * factor.view(-1, 1, 1, 1, 1)
        bias = self.norm.bias - self.norm.running_mean * factor

        out = self.conv.convolve(x, weight, bias)
        for activation in list(self)[2:]:
            out = activation(out)
        return out


class SqueezeExcite(nn.Module):
    """Per-frame channel gate: mean over H and W, C -> C/4 -> C, h-sigmoid, multiply.

    Source: REFERENCE section 2 (SE); Hu et al., arXiv 1709.01507.
    """

    def __init__(self, channels: int, form: ConvForm) -> None:
        super().__init__()
        self.reduce = FactoredConv3d(channels, channels // 4, bias=True, form=form)
        self.reduce_activation = nn.ReLU()
        self.expand = FactoredConv3d(channels // 4, channels, bias=True, form=form)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((3, 4), keepdim=True)
        gate: Tensor = self.gate(self.expand(self.reduce_activation(self.reduce(squeezed))))
        return x * gate


class TemporalAveragePool(nn.Module):
    """Mean of every two neighbouring frames; an odd last frame is dropped, a single one passes.

    (N, C, T, H, W) -> (N, C, max(T // 2, 1), H, W).
    """

    one_operation = False  # two slices and a sum are what is fast in PyTorch; the exported graph wants one operation

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] == 1:
            return x
        if self.one_operation:
            return F.avg_pool3d(x, (2, 1, 1))
        length = x.shape[2] // 2 * 2
        return (x[:, :, 0:length:2] + x[:, :, 1:length:2]) * 0.5


class GlobalAveragePool(nn.Module):
    """Mean over whatever is left of time and space: (N, C, T, H, W) -> (N, C).

    The original pools a fixed 4 x 7 x 7, which is the same at its own input sizes.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3, 4))


class GaussianDropout(nn.Module):
    """Multiplies each element by clip(N(mean, std), 0, 1) / mean in training; nothing in evaluation.

    Source: REFERENCE section 2 (Dropout positions); Srivastava et al., JMLR 15 (2014), section 10.
    """

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x

        # Drawn in the order of the folded form's memory, (N, T, H, W, C): PyTorch fills a plain
        # tensor several times faster.
        innermost = x.movedim(1, -1)
        noise = torch.empty(innermost.shape, dtype=x.dtype, device=x.device)
        noise = noise.normal_(self.mean, self.std).clamp_(0.0, 1.0)
        return x * noise.div_(self.mean).movedim(-1, 1)


def make_activation(name: Literal["relu", "relu6", "hswish"]) -> nn.Module:
    """The activation of that name as a module; ReLU6 works in place, since what it takes is needed by nothing else."""
    if name == "relu6":
        return nn.ReLU6(inplace=True)
    return nn.ReLU() if name == "relu" else nn.Hardswish()


def channels_innermost(x: Tensor) -> Tensor:
    """The same (N, C, T, H, W) tensor with C innermost in memory, which the folded form needs to be free of copies."""
    return x.contiguous(memory_format=torch.channels_last_3d)

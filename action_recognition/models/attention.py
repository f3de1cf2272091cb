"""Spatio-temporal attention over a block's output."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from action_recognition.models.convolutions import ConvForm, FactoredConv3d
from action_recognition.models.layers import ConvNorm

# Keeps the logarithms finite at uniforms of 0 and 1.
_EPSILON = 1e-20


def gumbel_sigmoid(
    logits: Tensor, uniform_1: Tensor, uniform_2: Tensor, temperature: float = 1.0
) -> Tensor:
    """Return a soft sample of a Bernoulli variable.

        sigmoid((logits + g1 - g2) / temperature), where g = -ln(-ln(u))

    All tensors have one shape. The uniforms u are in 0..1. Equal uniforms cancel and give the plain
    sigmoid.
    Source: REFERENCE section 2 (Gumbel sigmoid); Maddison et al., arXiv 1611.00712.

    >>> gumbel_sigmoid(torch.zeros(2), torch.full((2,), 0.5), torch.full((2,), 0.5))
    tensor([0.5000, 0.5000])
    """
    # The difference of two Gumbel variables is a logistic one.
    noise = _gumbel(uniform_1) - _gumbel(uniform_2)
    return torch.sigmoid((logits + noise) / temperature)


def _gumbel(uniform: Tensor) -> Tensor:
    return -torch.log(-torch.log(uniform + _EPSILON) + _EPSILON)


class _LogitsBranch(nn.Sequential):
    """Depthwise convolution, batch norm, h-swish, projection to one channel, batch norm.

    Shape: (N, C, T, H, W) -> (N, 1, T, H, W).
    """

    def __init__(self, channels: int, kernel: tuple[int, int], form: ConvForm) -> None:
        super().__init__()
        self.depthwise = ConvNorm(
            FactoredConv3d(channels, channels, kernel, groups=channels, form=form), "hswish"
        )
        self.project = ConvNorm(FactoredConv3d(channels, 1, form=form), "none")


class SpatioTemporalAttention(nn.Module):
    r"""Attention `x + mask * x`, with a mask of one channel in 0..1.

        x (N,C,T,H,W) --- spatial branch 1x3x3 ---------> (N,1,T,H,W) --+
           \-- mean over H,W -- temporal branch 3x1x1 --> (N,1,T,1,1) --+--> sigmoid = mask

    In training the sigmoid is a Gumbel sigmoid (random). In evaluation it is plain.
    `kind="spatial"` has no temporal branch.
    Source: REFERENCE section 2 (Attention).
    """

    def __init__(
        self, channels: int, kind: Literal["spatial", "spatial_temporal"], form: ConvForm
    ) -> None:
        super().__init__()
        self.spatial = _LogitsBranch(channels, (1, 3), form)
        self.temporal = (
            _LogitsBranch(channels, (3, 1), form) if kind == "spatial_temporal" else None
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attended features (N, C, T, H, W) and the mask (N, 1, T, H, W)."""
        # Logits of every pixel, and one more for each frame.
        logits: Tensor = self.spatial(x)
        if self.temporal is not None:
            logits = logits + self.temporal(x.mean((3, 4), keepdim=True))

        # Two uniforms for each logit: they are drawn in this order.
        if self.training:
            mask = gumbel_sigmoid(logits, torch.rand_like(logits), torch.rand_like(logits))
        else:
            mask = torch.sigmoid(logits)
        return x + mask * x, mask

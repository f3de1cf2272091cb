"""Factored 3-D convolutions: every one is either spatial (1 x k x k) or temporal (k x 1 x 1).

With the channels innermost in memory (N, T, H, W, C), both are 2-D convolutions over views of the
same memory. So the folded form copies nothing:

    spatial   (N, C, T, H, W) -> (N*T, C, H, W)  conv k x k
    temporal  (N, C, T, H, W) -> (N, C, T, H*W)  conv k x 1
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

ConvForm = Literal["folded", "conv3d"]


class FactoredConv3d(nn.Conv3d):
    """A 1 x k x k or k x 1 x 1 convolution with "same" zero padding.

    Shapes: input (N, C, T, H, W) float, output (N, C', T, H', W'), weight
    (C', C / groups, kt, kh, kw).
    `form` chooses how it is computed: `folded` as a 2-D convolution, `conv3d` as written. Both
    forms compute the same function from the same weights.
    `causal` puts all padding over time before the first frame, so that no output depends on a
    later frame.
    """

    causal = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int] = (1, 1),
        *,
        spatial_stride: int = 1,
        groups: int = 1,
        bias: bool = False,
        form: ConvForm = "folded",
    ) -> None:
        temporal, spatial = kernel
        if temporal > 1 and (spatial > 1 or spatial_stride > 1):
            raise ValueError(
                f"kernel {kernel} with stride {spatial_stride} is neither spatial nor temporal"
            )

        # Half a kernel of zeros on every side keeps the size ("same" padding).
        super().__init__(
            in_channels,
            out_channels,
            (temporal, spatial, spatial),
            stride=(1, spatial_stride, spatial_stride),
            padding=((temporal - 1) // 2, (spatial - 1) // 2, (spatial - 1) // 2),
            groups=groups,
            bias=bias,
        )
        self.form = form

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, T, H, W) with the module's own weight and bias."""
        return self.convolve(x, self.weight, self.bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve with another weight and bias in place of the module's own."""
        # A 1 x 1 x 1 kernel counts as spatial.
        is_temporal = self.kernel_size[0] > 1
        if self.form == "folded":
            folded = self._temporal if is_temporal else self._spatial
            return folded(x, weight, bias)
        if self.causal and is_temporal:
            # All zeros go before the first frame.
            padded = F.pad(x, (0, 0, 0, 0, self.kernel_size[0] - 1, 0))
            return F.conv3d(padded, weight, bias, groups=self.groups)

        # As PyTorch computes it, with `self.padding`.
        out: Tensor = self._conv_forward(x, weight, bias)
        return out

    def _spatial(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve the frames as a batch: (N, C, T, H, W) as (N*T, C, H, W)."""
        frames = x.transpose(1, 2).flatten(0, 1)

        # The axis of time in kernel, stride and padding is trivial.
        kernel, stride, padding = weight.squeeze(2), self.stride[1:], self.padding[1:]
        out = F.conv2d(frames, kernel, bias, stride, padding, groups=self.groups)

        return out.view(x.shape[0], x.shape[2], *out.shape[1:]).transpose(1, 2)

    def _temporal(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve along time with all pixels in one axis: (N, C, T, H, W) as (N, C, T, H*W)."""
        pixels, padding = x.flatten(3), self.kernel_size[0] // 2
        if self.causal:
            pixels, padding = F.pad(pixels, (0, 0, self.kernel_size[0] - 1, 0)), 0

        out = F.conv2d(pixels, weight.squeeze(4), bias, padding=(padding, 0), groups=self.groups)
        return out.view(*out.shape[:3], *x.shape[3:])


class TFSameConv3d(FactoredConv3d):
    """A 1 x k x k convolution with TensorFlow's "SAME" zero padding.

    At stride 2 this padding puts the odd row and column after the picture.

        total = max((ceil(size / stride) - 1) * stride + k - size, 0)
        before = total // 2, after = total - before; the output's size is ceil(size / stride)

    Source: https://www.tensorflow.org/api_docs/python/tf/nn (notes on padding convolutions).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int,
        groups: int = 1,
        form: ConvForm,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            (1, kernel_size),
            spatial_stride=stride,
            groups=groups,
            form=form,
        )
        # The padding depends on the size of the picture: `convolve` adds it.
        self.padding = (0, 0, 0)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Pad (N, C, T, H, W) as TensorFlow does, then convolve with `weight` and `bias`."""
        top, bottom = self.before_and_after(x.shape[3])
        left, right = self.before_and_after(x.shape[4])
        return super().convolve(F.pad(x, (left, right, top, bottom)), weight, bias)

    def before_and_after(self, size: int) -> tuple[int, int]:
        """Return the zeros before and after a row or column of `size` pixels."""
        # As many outputs as strides begin within the picture.
        kernel, stride = self.kernel_size[1], self.stride[1]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2

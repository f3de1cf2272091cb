"""S3D-EfficientNet-Lite0: an EfficientNet-Lite0 with projections that convolve over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from action_recognition.models.convolutions import ConvForm, FactoredConv3d, TFSameConv3d
from action_recognition.models.layers import ConvNorm, TemporalAveragePool, channels_innermost
from action_recognition.template import EfficientNetLite0Backbone

# The eps and the stem of timm's network.
BATCH_NORM_EPS = 1e-3
STEM_CHANNELS = 32
# Repeats, kernel size, stride of the first repeat, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STAGE_REPEATS = tuple(stage[0] for stage in _STAGES)


@dataclass(frozen=True)
class LiteBlockShape:
    """One block of the 2-D network."""

    in_channels: int
    expand_channels: int
    out_channels: int
    kernel_size: int
    spatial_stride: int


def lite_block_shapes() -> list[LiteBlockShape]:
    """Return the 16 blocks in order.

    >>> shape = lite_block_shapes()[5]
    >>> shape.in_channels, shape.expand_channels, shape.out_channels
    (40, 240, 80)
    >>> shape.kernel_size, shape.spatial_stride
    (3, 2)
    """
    # Only the first repeat of a stage has its stride.
    shapes, channels = [], STEM_CHANNELS
    for repeats, kernel_size, first_stride, expansion, out_channels in _STAGES:
        for repeat in range(repeats):
            wide, stride = channels * expansion, 1 if repeat else first_stride
            shapes.append(LiteBlockShape(channels, wide, out_channels, kernel_size, stride))
            channels = out_channels
    return shapes


class LiteBlock(nn.Module):
    """One block.

        x -- [expand 1x1x1, BN, ReLU6] -- depthwise 1xkxk, BN, ReLU6 -- project ktx1x1, BN --+
        out = [x +] [mean of 2 frames] <-----------------------------------------------------+

    The first block has no expansion. The sum is there where neither size nor channels change. So a
    temporal stride takes the sum away from a block whose 2-D form has it (2, 4, 6, 7, 9, 10, 12 to
    14). The 2-D network's features are then no longer those of a still clip.

    Shape: (N, C, T, H, W) -> (N, out_channels, T', ceil(H / spatial_stride),
    ceil(W / spatial_stride)), where T' = T, or max(T // 2, 1) at stride 2.
    """

    def __init__(
        self, shape: LiteBlockShape, temporal_kernel_size: int, temporal_stride: int, form: ConvForm
    ) -> None:
        super().__init__()
        narrow, wide, out = shape.in_channels, shape.expand_channels, shape.out_channels
        self.has_residual = shape.spatial_stride == temporal_stride == 1 and narrow == out

        # In the order of the forward pass: each convolution draws its start weights here.
        expands = wide != narrow
        self.expand = _conv_norm(FactoredConv3d(narrow, wide, form=form)) if expands else None
        self.depthwise = _conv_norm(_depthwise(shape, form))
        project = FactoredConv3d(wide, out, (temporal_kernel_size, 1), form=form)
        self.project = ConvNorm(project, "none", BATCH_NORM_EPS)
        self.pool = TemporalAveragePool() if temporal_stride == 2 else None

    def forward(self, x: Tensor) -> Tensor:
        """Run the block on (N, C, T, H, W)."""
        out: Tensor = x if self.expand is None else self.expand(x)
        out = self.project(self.depthwise(out))

        # Over time.
        if self.pool is not None:
            out = self.pool(out)
        return x + out if self.has_residual else out


class S3DEfficientNetLite0(nn.Module):
    """Backbone: stem, 16 blocks, last 1x1x1 convolution.

    In each frame it is timm's `tf_efficientnet_lite0`. It has neither squeeze-excite nor h-swish,
    so it keeps its accuracy in INT8.

    Shapes: input (N, 3, T, H, W) float, RGB, -1..1. Output: features (N, 1280, T', H', W') with
    H' = ceil(H / 32), and no attention masks.
    Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite and
    Xie et al., arXiv 1712.04851 (S3D).
    """

    def __init__(self, config: EfficientNetLite0Backbone, form: ConvForm = "folded") -> None:
        super().__init__()
        self.form = form
        self.num_features = config.last_channels
        self.stem = _conv_norm(TFSameConv3d(3, STEM_CHANNELS, 3, stride=2, form=form))

        # Each block's shape within a frame, with what model.yaml states along time.
        shapes = lite_block_shapes()
        along_time = zip(config.temporal_kernel_size, config.temporal_stride, strict=True)
        self.blocks = nn.ModuleList(
            LiteBlock(shape, kernel_size, stride, form)
            for shape, (kernel_size, stride) in zip(shapes, along_time, strict=True)
        )
        last = FactoredConv3d(shapes[-1].out_channels, config.last_channels, form=form)
        self.last = _conv_norm(last)
        self._initialise()

    def forward(self, clips: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return features (N, 1280, T', H', W'), and an empty list in the place of masks."""
        x = self.stem(channels_innermost(clips) if self.form == "folded" else clips)
        for block in self.blocks:
            x = block(x)
        return self.last(x), []

    def first_convs(self) -> list[nn.Conv3d]:
        """Return the convolutions that take the picture: one."""
        return [self.stem.conv]

    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of each stage in order: stem, blocks, last convolution."""
        return [[self.stem], *([block] for block in self.blocks), [self.last]]

    def _initialise(self) -> None:
        """Draw the weights from a normal with std sqrt(2 / fan), as timm starts the 2-D network.

        The fan is kernel volume * out / groups.
        """
        for module in self.modules():
            if isinstance(module, FactoredConv3d):
                # There are no biases: a norm follows every convolution.
                fan = math.prod(module.kernel_size) * module.out_channels // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2.0 / fan))


def _depthwise(shape: LiteBlockShape, form: ConvForm) -> FactoredConv3d:
    wide, kernel_size, stride = shape.expand_channels, shape.kernel_size, shape.spatial_stride
    # At stride 1 both paddings are the same, and padding within the convolution is free.
    if stride == 1:
        return FactoredConv3d(wide, wide, (1, kernel_size), groups=wide, form=form)
    return TFSameConv3d(wide, wide, kernel_size, stride=stride, groups=wide, form=form)


def _conv_norm(conv: FactoredConv3d) -> ConvNorm:
    return ConvNorm(conv, "relu6", BATCH_NORM_EPS)

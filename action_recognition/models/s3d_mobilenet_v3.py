"""S3D-MobileNetV3: a MobileNetV3 with projections that convolve over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from action_recognition.models.attention import SpatioTemporalAttention
from action_recognition.models.convolutions import ConvForm, FactoredConv3d
from action_recognition.models.layers import (
    ConvNorm,
    GaussianDropout,
    SqueezeExcite,
    TemporalAveragePool,
    channels_innermost,
    make_activation,
)
from action_recognition.template import GaussianDropout as GaussianDropoutConfig
from action_recognition.template import MobileNetV3Backbone


@dataclass(frozen=True)
class BlockConfig:
    """One block of the network: a column of the table in model.yaml."""

    kernel_size: int
    expand_channels: int
    out_channels: int
    squeeze_excite: bool
    activation: Literal["relu", "hswish"]
    spatial_stride: int
    temporal_kernel_size: int
    temporal_stride: int


def block_configs(config: MobileNetV3Backbone) -> list[BlockConfig]:
    """Return the blocks in order: the columns of the table."""
    # The rows of the table have the names of the fields.
    names = BlockConfig.__dataclass_fields__
    return [
        BlockConfig(**{name: getattr(config, name)[i] for name in names})
        for i in range(len(config.kernel_size))
    ]


class InvertedResidual(nn.Module):
    """One block.

        x -- [expand 1x1x1, BN, act] -- depthwise 1xkxk, BN -- [SE] -- act -- project ktx1x1, BN --+
        out = [x +] [dropout] [mean of 2 frames] <-------------------------------------------------+

    The expansion is left out where it would not widen. The sum is there where neither size nor
    channels change.

    Shape: (N, C, T, H, W) -> (N, out_channels, T / temporal_stride, H / spatial_stride,
    W / spatial_stride).
    Source: REFERENCE section 2 (Blocks).
    """

    def __init__(
        self,
        in_channels: int,
        config: BlockConfig,
        form: ConvForm,
        dropout: GaussianDropoutConfig | None = None,
    ) -> None:
        super().__init__()
        wide = config.expand_channels
        keeps_size = config.spatial_stride == config.temporal_stride == 1
        self.has_residual = keeps_size and in_channels == config.out_channels

        # In the order of the forward pass: each convolution draws its start weights here.
        self.expand = _expansion(in_channels, config, form) if wide != in_channels else None
        self.depthwise = _depthwise(config, form)
        self.squeeze_excite = SqueezeExcite(wide, form) if config.squeeze_excite else None
        self.activation = make_activation(config.activation)
        self.project = _projection(config, form)

        self.pool = TemporalAveragePool() if config.temporal_stride == 2 else None
        drops = dropout if self.has_residual else None
        self.dropout = GaussianDropout(drops.mean, drops.std) if drops else None

    def forward(self, x: Tensor) -> Tensor:
        """Run the block on (N, C, T, H, W)."""
        out: Tensor = x if self.expand is None else self.expand(x)
        out = self.depthwise(out)
        if self.squeeze_excite is not None:
            out = self.squeeze_excite(out)
        out = self.project(self.activation(out))

        # Over time, then the noise of training on the residual branch.
        if self.pool is not None:
            out = self.pool(out)
        if self.dropout is not None:
            out = self.dropout(out)
        return x + out if self.has_residual else out


def _expansion(in_channels: int, config: BlockConfig, form: ConvForm) -> ConvNorm:
    conv = FactoredConv3d(in_channels, config.expand_channels, form=form)
    return ConvNorm(conv, config.activation)


def _depthwise(config: BlockConfig, form: ConvForm) -> ConvNorm:
    wide, kernel, stride = config.expand_channels, (1, config.kernel_size), config.spatial_stride
    conv = FactoredConv3d(wide, wide, kernel, spatial_stride=stride, groups=wide, form=form)
    return ConvNorm(conv, "none")


def _projection(config: BlockConfig, form: ConvForm) -> ConvNorm:
    kernel = (config.temporal_kernel_size, 1)
    conv = FactoredConv3d(config.expand_channels, config.out_channels, kernel, form=form)
    return ConvNorm(conv, "none")


class S3DMobileNetV3(nn.Module):
    """Backbone: stem, blocks with attention after some of them, last 1x1x1 convolution.

    Shapes: input (N, 3, T, H, W) float, RGB, normalised. Output: features
    (N, last_channels, T', H', W') and the attention masks.
    """

    def __init__(self, config: MobileNetV3Backbone, form: ConvForm = "folded") -> None:
        super().__init__()
        self.form = form
        self.num_features = config.last_channels
        self.stem = ConvNorm(
            FactoredConv3d(3, config.stem_channels, (1, 3), spatial_stride=2, form=form), "hswish"
        )

        # Attentions have the numbers of their blocks, as strings.
        self.blocks = nn.ModuleList()
        self.attentions = nn.ModuleDict()
        channels = self._append_blocks(config, form)
        self.last = ConvNorm(FactoredConv3d(channels, config.last_channels, form=form), "hswish")
        self._initialise()

    def _append_blocks(self, config: MobileNetV3Backbone, form: ConvForm) -> int:
        """Append the blocks, each with its attention, and return the channels of the last one."""
        channels = config.stem_channels
        for index, block in enumerate(block_configs(config)):
            self.blocks.append(InvertedResidual(channels, block, form, config.gaussian_dropout))
            channels = block.out_channels
            kind = config.attention[index]
            if kind != "none":
                self.attentions[str(index)] = SpatioTemporalAttention(channels, kind, form)
        return channels

    def forward(self, clips: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return features (N, last_channels, T', H', W'), and the mask of each attention.

        A mask is (N, 1, T'', H'', W''), in the size of its block's output.
        """
        x = self.stem(channels_innermost(clips) if self.form == "folded" else clips)

        # Masks in the order of the blocks.
        masks: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if str(index) in self.attentions:
                x, mask = self.attentions[str(index)](x)
                masks.append(mask)
        return self.last(x), masks

    def first_convs(self) -> list[nn.Conv3d]:
        """Return the convolutions that take the picture: one."""
        return [self.stem.conv]

    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of each stage in order: stem, blocks, last convolution.

        An attention is in the stage of its block.
        """
        blocks = [
            [block, self.attentions[str(i)]] if str(i) in self.attentions else [block]
            for i, block in enumerate(self.blocks)
        ]
        return [[self.stem], *blocks, [self.last]]

    def _initialise(self) -> None:
        """Draw the weights from a normal with std sqrt(2 / (kt * kh * out)).

        The original counts two of the three kernel axes (REFERENCE section 2).
        """
        for module in self.modules():
            if isinstance(module, FactoredConv3d):
                # Only the convolutions of a gate have a bias.
                fan = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, std=math.sqrt(2.0 / fan))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

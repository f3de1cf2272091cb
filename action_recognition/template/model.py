"""The schema of model.yaml: one class per architecture, told apart by `type`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from action_recognition.template.sections import NonNegativeFloat, PositiveInt, Section, Share

AttentionKind = Literal["none", "spatial", "spatial_temporal"]
EFFICIENTNET_LITE0_BLOCKS = 16
EFFICIENTNET_LITE0_FEATURES = 1280


class GaussianDropout(Section):
    """Multiplicative noise of mean 1 on residual branches: clip(N(mean, std), 0, 1) / mean per element."""

    mean: Share
    std: NonNegativeFloat


class MobileNetV3Backbone(Section):
    """S3D-MobileNetV3 as a table with one column per block; rows are lists of equal length."""

    stem_channels: PositiveInt
    kernel_size: list[Literal[3, 5]]
    expand_channels: list[PositiveInt]
    out_channels: list[PositiveInt]
    squeeze_excite: list[bool]
    activation: list[Literal["relu", "hswish"]]
    spatial_stride: list[Literal[1, 2]]
    temporal_kernel_size: list[Literal[1, 3, 5]]
    temporal_stride: list[Literal[1, 2]]
    attention: list[AttentionKind]
    last_channels: PositiveInt
    gaussian_dropout: GaussianDropout | None

    @model_validator(mode="after")
    def _columns_have_equal_length(self) -> Self:
        num_blocks = len(self.kernel_size)
        if not num_blocks:
            raise ValueError("kernel_size is empty, a backbone has at least one block")
        for name, value in self:
            if isinstance(value, list) and len(value) != num_blocks:
                raise ValueError(
                    f"{name} has {len(value)} entries, kernel_size has {num_blocks}: one per block"
                )
        return self


class EfficientNetLite0Backbone(Section):
    """S3D over EfficientNet-Lite0: the 2-D network is fixed, each of its 16 blocks says what it does along time."""

    temporal_kernel_size: Annotated[
        list[Literal[1, 3, 5]],
        Field(min_length=EFFICIENTNET_LITE0_BLOCKS, max_length=EFFICIENTNET_LITE0_BLOCKS),
    ]
    temporal_stride: Annotated[
        list[Literal[1, 2]],
        Field(min_length=EFFICIENTNET_LITE0_BLOCKS, max_length=EFFICIENTNET_LITE0_BLOCKS),
    ]

    @property
    def last_channels(self) -> int:
        return EFFICIENTNET_LITE0_FEATURES

    @property
    def attention(self) -> list[AttentionKind]:
        return ["none"] * EFFICIENTNET_LITE0_BLOCKS


class Head(Section):
    """Angular head: linear embedding, then the cosine to each class's column."""

    embedding_size: PositiveInt


class RunningPool(Section):
    """How a causal network pools over time: at each step the mean over the last `steps` of them, or over as many as there were."""

    steps: PositiveInt


class S3DMobileNetV3Config(Section):
    """The architecture of the two published models."""

    type: Literal["s3d_mobilenet_v3"]
    backbone: MobileNetV3Backbone
    head: Head


class S3DEfficientNetLite0Config(Section):
    """EfficientNet-Lite0 over time: neither squeeze-excite nor h-swish, made for INT8 on CPUs."""

    type: Literal["s3d_efficientnet_lite0"]
    backbone: EfficientNetLite0Backbone
    head: Head


class TimmBackbone(Section):
    """A convolutional network for images, by its name in timm."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.]*$")]

    @property
    def attention(self) -> list[AttentionKind]:
        return []


class SignsBackbone(Section):
    """Three convolutions of `channels`, 2 and 4 times as many, each pooled by 2, then a layer of 4 `channels` features."""

    channels: PositiveInt

    @property
    def attention(self) -> list[AttentionKind]:
        return []


class TimmImageConfig(Section):
    """A network of timm over single pictures."""

    type: Literal["image_timm"]
    backbone: TimmBackbone
    head: Head


class SignsImageConfig(Section):
    """The small network of Stanford's CS230 for hand signs."""

    type: Literal["image_signs"]
    backbone: SignsBackbone
    head: Head


BackboneConfig = MobileNetV3Backbone | EfficientNetLite0Backbone | TimmBackbone | SignsBackbone
ImageModelConfig = TimmImageConfig | SignsImageConfig


class _Causal(Section):
    """What the causal networks share."""

    backbone: MobileNetV3Backbone | EfficientNetLite0Backbone
    running_pool: RunningPool
    head: Head

    @property
    def frames_per_step(self) -> int:
        """Frames from one step to the next: every temporal stride doubles them."""
        return int(2 ** self.backbone.temporal_stride.count(2))


class CausalS3DMobileNetV3Config(_Causal):
    """`s3d_mobilenet_v3` that looks at the past only, for streams."""

    type: Literal["causal_s3d_mobilenet_v3"]
    backbone: MobileNetV3Backbone


class CausalS3DEfficientNetLite0Config(_Causal):
    """`s3d_efficientnet_lite0` that looks at the past only, for streams."""

    type: Literal["causal_s3d_efficientnet_lite0"]
    backbone: EfficientNetLite0Backbone


CausalConfig = CausalS3DMobileNetV3Config | CausalS3DEfficientNetLite0Config
ModelConfig = S3DMobileNetV3Config | S3DEfficientNetLite0Config | CausalConfig | ImageModelConfig
MODEL_CONFIG: TypeAdapter[ModelConfig] = TypeAdapter(
    Annotated[ModelConfig, Field(discriminator="type")]
)


def network_family(model_type: str) -> str:
    """The type whose weights fit: a causal network takes those of the same network for clips.

    >>> network_family("causal_s3d_mobilenet_v3")
    's3d_mobilenet_v3'
    """
    return model_type.removeprefix("causal_")

"""The schema of model.yaml: one class for each architecture. The key `type` chooses the class."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from action_recognition.template.sections import (
    ClipLength,
    NonNegativeFloat,
    NumChannels,
    Probability,
    Section,
    Share,
    Smoothing,
)

AttentionKind = Literal["none", "spatial", "spatial_temporal"]
# Blocks of EfficientNet-Lite0, and features of its last convolution.
EFFICIENTNET_LITE0_BLOCKS = 16
EFFICIENTNET_LITE0_FEATURES = 1280


class GaussianDropout(Section):
    """Multiplicative noise of mean 1 on residual branches, in training.

    Each element is multiplied by clip(N(mean, std), 0, 1) / mean.
    """

    mean: Share
    std: NonNegativeFloat


class MobileNetV3Backbone(Section):
    """S3D-MobileNetV3 as a table with one column per block. Rows are lists of equal length."""

    # Channels after the first convolution, which halves height and width.
    stem_channels: NumChannels
    # Height and width of the depthwise kernel, in pixels.
    kernel_size: list[Literal[3, 5]]
    # Channels inside a block, and after it.
    expand_channels: list[NumChannels]
    out_channels: list[NumChannels]
    squeeze_excite: list[bool]
    activation: list[Literal["relu", "hswish"]]
    # 2 halves height and width.
    spatial_stride: list[Literal[1, 2]]
    # Frames that the last convolution of a block sees. 1 looks at single frames.
    temporal_kernel_size: list[Literal[1, 3, 5]]
    # 2 halves the number of frames: pairs become their mean.
    temporal_stride: list[Literal[1, 2]]
    # Attention after a block: a mask over space, or over space and time.
    attention: list[AttentionKind]
    # Features of the last convolution, which the head takes.
    last_channels: NumChannels
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
    """S3D over EfficientNet-Lite0. The 2-D network is fixed.

    Each of its 16 blocks has a kernel and a stride along time, as in `MobileNetV3Backbone`.
    """

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
        """Return the number of features that the head takes."""
        return EFFICIENTNET_LITE0_FEATURES

    @property
    def attention(self) -> list[AttentionKind]:
        """Return the attention after each block: this network has none."""
        return ["none"] * EFFICIENTNET_LITE0_BLOCKS


class Head(Section):
    """Angular head: linear embedding, then the cosine to the direction of each class."""

    # Length of the embedding.
    embedding_size: NumChannels


class RunningPool(Section):
    """Pooling of a causal network over time.

    At each step it is the mean over the last `steps` steps, or over as many as there were.
    """

    steps: ClipLength


class S3DMobileNetV3Config(Section):
    """The architecture of the two published models."""

    type: Literal["s3d_mobilenet_v3"]
    backbone: MobileNetV3Backbone
    head: Head


class S3DEfficientNetLite0Config(Section):
    """EfficientNet-Lite0 over time: no squeeze-excite and no h-swish, made for INT8 on CPUs."""

    type: Literal["s3d_efficientnet_lite0"]
    backbone: EfficientNetLite0Backbone
    head: Head


class TimmBackbone(Section):
    """A convolutional network for images, by its name in timm."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.]*$")]

    @property
    def attention(self) -> list[AttentionKind]:
        """Return the attention after each block: this network has none."""
        return []


class SignsBackbone(Section):
    """Three convolutions, each pooled by 2, then a layer of 4 * `channels` features.

    The convolutions have 1, 2 and 4 times `channels`.
    """

    channels: NumChannels

    @property
    def attention(self) -> list[AttentionKind]:
        """Return the attention after each block: this network has none."""
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


class HandLandmarksBackbone(Section):
    """An encoder for one hand, which both hands share, and convolutions over time."""

    # Features of one hand in one frame.
    hand_channels: NumChannels
    # Features of both hands in one frame, and of the convolutions.
    channels: NumChannels
    # Frames from one to the next that a convolution sees, one convolution for each.
    dilations: list[ClipLength]
    # Share of the features that are dropped in training, after the encoder and each convolution.
    dropout: Smoothing

    @property
    def attention(self) -> list[AttentionKind]:
        """Return the attention after each block: this network has no masks over space."""
        return []


class HandLandmarksConfig(Section):
    """A network over hand landmarks."""

    type: Literal["hand_landmarks"]
    # Weights fit the features that they were trained on: `models.landmarks.features`.
    features_version: Literal[1]
    backbone: HandLandmarksBackbone
    head: Head


class CausalHandLandmarksBackbone(HandLandmarksBackbone):
    """`hand_landmarks` that looks at the past only."""

    # Frames before the present one whose hands give the origin and the unit of a place.
    past_frames: ClipLength
    # A score takes the mean and the maximum over so many frames, the present one included.
    pool_frames: Annotated[ClipLength, Field(ge=2)]


class CausalHandLandmarksConfig(Section):
    """A network over hand landmarks for streams, with a score after every frame."""

    type: Literal["causal_hand_landmarks"]
    # As in `hand_landmarks`.
    features_version: Literal[1]
    backbone: CausalHandLandmarksBackbone
    head: Head

    @property
    def frames_per_step(self) -> int:
        """Return the frames from one step to the next."""
        return 1


class TeachableEmbedding(Section):
    """An embedding in which gestures that nobody trained are told apart by a few examples."""

    # Share of the clip's plain statistics in a similarity. The rest is of the trained features.
    descriptor_share: Probability
    # How far the spread within a gesture is taken as the same in all directions.
    shrinkage: Probability


class TeachableLandmarksConfig(Section):
    """`hand_landmarks` with an embedding for gestures that are taught after training."""

    type: Literal["hand_landmarks_teachable"]
    features_version: Literal[1]
    backbone: HandLandmarksBackbone
    head: Head
    embedding: TeachableEmbedding


BackboneConfig = (
    MobileNetV3Backbone
    | EfficientNetLite0Backbone
    | TimmBackbone
    | SignsBackbone
    | HandLandmarksBackbone
    | CausalHandLandmarksBackbone
)
ImageModelConfig = TimmImageConfig | SignsImageConfig


class _Causal(Section):
    """Base of the causal networks, which look at the past only."""

    backbone: MobileNetV3Backbone | EfficientNetLite0Backbone
    running_pool: RunningPool
    head: Head

    @property
    def frames_per_step(self) -> int:
        """Return the frames from one step to the next. Every temporal stride of 2 doubles them."""
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
LandmarksConfig = HandLandmarksConfig | CausalHandLandmarksConfig | TeachableLandmarksConfig
SteppingConfig = CausalConfig | CausalHandLandmarksConfig
"""Networks with a score at every step."""
ModelConfig = (
    S3DMobileNetV3Config
    | S3DEfficientNetLite0Config
    | CausalConfig
    | ImageModelConfig
    | LandmarksConfig
)
MODEL_CONFIG: TypeAdapter[ModelConfig] = TypeAdapter(
    Annotated[ModelConfig, Field(discriminator="type")]
)


def network_family(model_type: str) -> str:
    """Return the type whose weights fit. A causal network takes those of its network for clips.

    >>> network_family("causal_s3d_mobilenet_v3")
    's3d_mobilenet_v3'
    >>> network_family("hand_landmarks_teachable")
    'hand_landmarks'
    """
    return model_type.removeprefix("causal_").removesuffix("_teachable")

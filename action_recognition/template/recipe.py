"""The schema of `training` in template.yaml: what `train.py` does beside the basic hyper-parameters."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from action_recognition.template.sections import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Probability,
    Section,
    Share,
)


class Flip(Section):
    """Horizontal mirroring in training; `label_swaps` is mandatory, `{}` when a mirrored gesture keeps its label."""

    probability: Probability
    label_swaps: dict[str, str]


class Rotate(Section):
    """Rotation of the whole clip by U(-degrees, degrees), black where nothing was."""

    degrees: PositiveFloat
    probability: Probability


class BlockDropout(Section):
    """A coarse grid over the picture, 1 / `cell_share` cells along each side, of which each is blackened with `probability`."""

    cell_share: Share
    probability: Probability


class Photometric(Section):
    """Colour changes of the whole clip, each with `probability`; see `data.augmentation`."""

    brightness_range: Annotated[
        list[NonNegativeFloat], Field(min_length=2, max_length=2)
    ]  # of one frame's mean, 0..255
    contrast: Share  # factor U(1 - contrast, 1 + contrast), likewise saturation
    saturation: Share
    hue_degrees: NonNegativeFloat
    probability: Probability


class ReferenceAugmentation(Section):
    """The original's random changes of a training clip, in its order, the same for all frames; `null` leaves one out."""

    type: Literal["reference"]
    temporal_jitter: bool
    crop_scale_min: Share
    rotate: Rotate | None
    block_dropout: BlockDropout | None
    photometric: Photometric | None
    flip: Flip


class BatchAugmentation(Section):
    """One random change drawn per clip, the same for all its frames, applied to whole batches on the device; see `training.augment`.

    Scale, place, angle and aspect are drawn around the picture that evaluation sees.
    """

    type: Literal["batch"]
    temporal_jitter: bool  # each frame moves by up to half a step
    temporal_speed_max: Annotated[
        float, Field(ge=1.0)
    ]  # the step between frames times 1 / max .. max
    scale_min: PositiveFloat  # of what the crop sees: 0.5 magnifies by two, 1.5 shows the hand at two thirds of its size
    scale_max: PositiveFloat
    aspect_max: Annotated[float, Field(ge=1.0)]  # width by height times 1 / max .. max
    rotate_degrees: NonNegativeFloat
    shift: NonNegativeFloat  # of the crop's centre, in units of the crop's half side
    brightness: NonNegativeFloat  # of the range of a pixel
    contrast: NonNegativeFloat  # factor exp(U(-x, x)), likewise gamma and saturation
    gamma: NonNegativeFloat
    saturation: NonNegativeFloat
    tint: NonNegativeFloat  # factor U(1 - x, 1 + x) of each colour channel
    grey_probability: Probability
    erase_probability: (
        Probability  # one rectangle in one colour, a tenth to almost a half of each side
    )
    flip: Flip


class TrivialAugmentation(Section):
    """One random change at a random strength for each clip, the same for all its frames: TrivialAugmentWide of torchvision.

    Source: Müller and Hutter, arXiv 2103.10158.
    """

    type: Literal["trivial_augment_wide"]
    temporal_jitter: bool
    flip: Flip


Augmentation = Annotated[
    ReferenceAugmentation | BatchAugmentation | TrivialAugmentation, Field(discriminator="type")
]


class Mix(Section):
    """Two clips of a batch blended (mixup) or one pasted into the other (cutmix), with share Beta(alpha, alpha)."""

    type: Literal["mixup", "cutmix"]
    alpha: PositiveFloat
    probability: Probability


class AMSoftmax(Section):
    """Parameters of `losses.AMSoftmaxLoss`."""

    type: Literal["am_softmax"]
    margin: NonNegativeFloat
    scale_start: PositiveFloat
    scale_end: PositiveFloat
    scale_power: PositiveFloat
    scale_epochs: PositiveFloat
    entropy_weight: NonNegativeFloat
    pr_product: bool
    hard_sample_weight: NonNegativeFloat


class CrossEntropy(Section):
    """Cross entropy of softmax(scale * cosine) with smoothed labels."""

    type: Literal["cross_entropy"]
    scale: PositiveFloat
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)]


class EarlyCrossEntropy(Section):
    """Cross entropy at every step of a causal network; see `losses.early` and `training.splice`."""

    type: Literal["early_cross_entropy"]
    scale: PositiveFloat
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)]
    first_step_weight: Probability  # of a gesture's first step, by its last one's: the higher, the earlier, the more is guessed
    monotony_weight: NonNegativeFloat  # of falling back from what was right
    splice_probability: Probability  # of a clip that begins after the end of another


LossConfig = AMSoftmax | CrossEntropy | EarlyCrossEntropy
Loss = Annotated[LossConfig, Field(discriminator="type")]


class Push(Section):
    """Parameters of `losses.push.LocalPushLoss` and `losses.push.CentrePushLoss`."""

    weight: NonNegativeFloat
    margin: NonNegativeFloat


class Weighted(Section):
    """A loss that has a weight only."""

    weight: NonNegativeFloat


class SelfChallenging(Section):
    """Parameters of `losses.self_challenging.self_challenge`; `unchanged_share` of the samples keep their features."""

    retain_share: Share
    unchanged_share: Probability


class Regularisers(Section):
    """What is added to the loss; `null` leaves one out."""

    local_push: Push | None
    centre_push: Push | None
    attention: Weighted | None
    clip_mixing: Weighted | None
    self_challenging: SelfChallenging | None


class SGD(Section):
    """Stochastic gradient descent."""

    type: Literal["sgd"]
    momentum: Probability
    weight_decay: NonNegativeFloat
    gradient_clip_norm: PositiveFloat
    layer_decay: Share  # each block of the backbone learns at this share of the next one's rate; 1 is one rate for all


class AdamW(Section):
    """Adam with decoupled weight decay, which spares norms, biases and the classes' directions."""

    type: Literal["adamw"]
    weight_decay: NonNegativeFloat
    gradient_clip_norm: PositiveFloat
    layer_decay: Share


Optimizer = Annotated[SGD | AdamW, Field(discriminator="type")]


class StepSchedule(Section):
    """Learning rate and freezing over the template's number of epochs; another number of epochs scales all of it."""

    type: Literal["steps"]
    freeze_epochs: NonNegativeInt
    freeze_learning_rate_factor: PositiveFloat
    warmup_epochs: NonNegativeInt
    warmup_start_factor: PositiveFloat
    step_epochs: list[PositiveInt]
    step_factor: PositiveFloat

    @field_validator("step_epochs")
    @classmethod
    def _ascending(cls, value: list[int]) -> list[int]:
        if value != sorted(set(value)):
            raise ValueError(f"{value} is not ascending")
        return value


class CosineSchedule(Section):
    """Linear warm-up over a share of all steps, then half a cosine to nothing; the backbone is frozen for `freeze_epochs`."""

    type: Literal["cosine"]
    freeze_epochs: NonNegativeInt
    warmup_share: Annotated[float, Field(ge=0.0, lt=1.0)]


class OneCycleSchedule(Section):
    """Half a cosine from `start_factor` of the base rate up to it, half a cosine down to nothing; see `schedules.ScaledOneCycle`.

    With `freeze_epochs` these are two phases: first the head alone, up to `freeze_learning_rate_factor` of the base rate in a cycle of
    its own, then a cycle of everything.
    """

    type: Literal["one_cycle"]
    freeze_epochs: NonNegativeInt
    freeze_learning_rate_factor: PositiveFloat
    warmup_share: Annotated[float, Field(gt=0.0, lt=1.0)]  # of the steps of a cycle
    start_factor: Share


Schedule = Annotated[StepSchedule | CosineSchedule | OneCycleSchedule, Field(discriminator="type")]


class Training(Section):
    """The recipe."""

    num_workers: NonNegativeInt
    sampling: Literal[
        "shuffled", "class_balanced"
    ]  # balanced: every class equally often, by repeating clips of rare ones
    clips_per_video: PositiveInt
    augmentation: Augmentation
    mix: Mix | None
    loss: Loss
    regularisers: Regularisers
    feature_dropout: Annotated[
        float, Field(ge=0.0, lt=1.0)
    ]  # on the pooled features, before the head
    optimizer: Optimizer
    schedule: Schedule
    frozen_blocks: NonNegativeInt  # the stem and so many blocks less one keep their start weights; 0 freezes nothing
    batch_norm: Literal[
        "train", "frozen"
    ]  # frozen: the backbone's batch norms keep the statistics they started with
    ema_decay: (
        Annotated[float, Field(gt=0.0, lt=1.0)] | None
    )  # of averaged weights, which are what is validated and saved
    early_stop_epochs: PositiveInt | None  # end after so many epochs without a better validation

    @model_validator(mode="after")
    def _steps_have_no_single_embedding(self) -> Self:
        if not isinstance(self.loss, EarlyCrossEntropy):
            return self
        single = [
            f"regularisers.{name}"
            for name in ("local_push", "clip_mixing", "self_challenging")
            if getattr(self.regularisers, name)
        ]
        if single:
            found = f"loss.type {self.loss.type} has an embedding a step, {' and '.join(single)} need one a clip"
            raise ValueError(f"{found}; set those to null")
        return self

    @model_validator(mode="after")
    def _mixed_clips_have_no_single_label(self) -> Self:
        if self.mix is None:
            return self
        hard = [
            f"regularisers.{name}"
            for name in ("local_push", "clip_mixing", "self_challenging")
            if getattr(self.regularisers, name)
        ]
        if not isinstance(self.loss, CrossEntropy):
            hard.insert(0, f"loss.type {self.loss.type}")
        if hard:
            found = f"mix blends the labels of clips, but one label a clip is what {' and '.join(hard)} need"
            raise ValueError(
                f"{found}; set mix to null, or take loss.type cross_entropy and set those regularisers to null"
            )
        return self

"""The schema of `training` in template.yaml: the recipe beside the basic hyper-parameters."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from action_recognition.template.augmentation import Augmentation, Mix
from action_recognition.template.losses import (
    CrossEntropy,
    EarlyCrossEntropy,
    Loss,
    Regularisers,
)
from action_recognition.template.sections import (
    ClipLength,
    InnerShare,
    NonNegativeFloat,
    NonNegativeInt,
    NumProcesses,
    PositiveFloat,
    PositiveInt,
    Probability,
    Section,
    Share,
    Smoothing,
)


class SGD(Section):
    """Stochastic gradient descent."""

    type: Literal["sgd"]
    momentum: Probability
    weight_decay: NonNegativeFloat
    # Longer gradients are shortened to this norm.
    gradient_clip_norm: PositiveFloat
    # Each block of the backbone learns at this share of the next one's rate. 1 is one rate for all.
    layer_decay: Share


class AdamW(Section):
    """Adam with decoupled weight decay, which spares norms, biases and the classes' directions."""

    type: Literal["adamw"]
    weight_decay: NonNegativeFloat
    # As in SGD.
    gradient_clip_norm: PositiveFloat
    layer_decay: Share


Optimizer = Annotated[SGD | AdamW, Field(discriminator="type")]


class StepSchedule(Section):
    """Learning rate and freezing over the template's number of epochs.

    Another number of epochs scales all of it.
    """

    type: Literal["steps"]
    # Epochs in which only the head learns, and the factor of the base rate meanwhile.
    freeze_epochs: NonNegativeInt
    freeze_learning_rate_factor: PositiveFloat
    # Epochs from `warmup_start_factor` of the base rate to all of it, after the frozen ones.
    warmup_epochs: NonNegativeInt
    warmup_start_factor: PositiveFloat
    # Epochs, from the very start, at which the rate is multiplied by `step_factor`.
    step_epochs: list[PositiveInt]
    step_factor: PositiveFloat

    @field_validator("step_epochs")
    @classmethod
    def _ascending(cls, value: list[int]) -> list[int]:
        if value != sorted(set(value)):
            raise ValueError(f"{value} is not ascending")
        return value


class CosineSchedule(Section):
    """Linear warm-up over a share of all steps, then half a cosine to 0."""

    type: Literal["cosine"]
    # Epochs in which only the head learns.
    freeze_epochs: NonNegativeInt
    warmup_share: Smoothing


class OneCycleSchedule(Section):
    """Half a cosine from `start_factor` of the base rate up to it, half a cosine down to 0.

    With `freeze_epochs` there are two phases. First the head learns alone, in a separate cycle with
    its peak at `freeze_learning_rate_factor` of the base rate. Then everything learns in a second
    cycle. See `schedules.ScaledOneCycle`.
    """

    type: Literal["one_cycle"]
    freeze_epochs: NonNegativeInt
    freeze_learning_rate_factor: PositiveFloat
    # Share of a cycle's steps before its peak.
    warmup_share: InnerShare
    start_factor: Share


Schedule = Annotated[StepSchedule | CosineSchedule | OneCycleSchedule, Field(discriminator="type")]


class Training(Section):
    """The recipe."""

    # Processes that decode clips. 0 decodes in the training process.
    num_workers: NumProcesses
    # `class_balanced` shows every class equally often, by repeating clips of rare ones.
    sampling: Literal["shuffled", "class_balanced"]
    # Random clips of each video in a batch.
    clips_per_video: ClipLength
    # Few clips make few steps: an epoch then goes over them as often as gives so many in all.
    # Checkpoints from before this key have none.
    min_steps: NonNegativeInt = 0
    augmentation: Augmentation
    mix: Mix | None
    loss: Loss
    regularisers: Regularisers
    # Share of the pooled features that are dropped before the head.
    feature_dropout: Smoothing
    optimizer: Optimizer
    schedule: Schedule
    # The stem and this many blocks less one keep their start weights. 0 freezes nothing.
    frozen_blocks: NonNegativeInt
    # `frozen`: the backbone's batch norms keep the statistics that they started with.
    batch_norm: Literal["train", "frozen"]
    # Decay of averaged weights. Where there are any, they are validated and saved.
    ema_decay: InnerShare | None
    # The run ends after this many epochs without a better validation.
    early_stop_epochs: PositiveInt | None

    @model_validator(mode="after")
    def _steps_have_no_single_embedding(self) -> Self:
        single = self.regularisers.that_need_one_embedding()
        if isinstance(self.loss, EarlyCrossEntropy) and single:
            raise ValueError(
                f"loss.type {self.loss.type} has an embedding per step, but "
                f"{' and '.join(single)} need one per clip; set those to null"
            )
        return self

    @model_validator(mode="after")
    def _mixed_clips_have_no_single_label(self) -> Self:
        if self.mix is None:
            return self
        hard = self.regularisers.that_need_one_embedding()
        if not isinstance(self.loss, CrossEntropy):
            hard.insert(0, f"loss.type {self.loss.type}")

        if hard:
            raise ValueError(
                "mix blends the labels of clips, but "
                f"{' and '.join(hard)} need one label per clip; set mix to null, or take "
                "loss.type cross_entropy and set those regularisers to null"
            )
        return self

"""The schema of `training.loss` and `training.regularisers` in template.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from action_recognition.template.sections import (
    NonNegativeFloat,
    PositiveFloat,
    Probability,
    Section,
    Share,
    Smoothing,
)


class AMSoftmax(Section):
    """Parameters of `losses.am_softmax.AMSoftmaxLoss`: additive-margin softmax over cosines."""

    type: Literal["am_softmax"]
    # Subtracted from the cosine of the right class.
    margin: NonNegativeFloat
    # Factor of the cosines, from start to end over `scale_epochs` epochs.
    scale_start: PositiveFloat
    scale_end: PositiveFloat
    # Shape of that way: the higher, the straighter. 1 would divide by zero.
    scale_power: PositiveFloat
    scale_epochs: PositiveFloat
    # Weight of the bonus for undecided predictions. 0 switches it off.
    entropy_weight: NonNegativeFloat
    # Enlarges the gradients of small angles, so that they keep learning.
    pr_product: bool
    # Weight of 1 - p(right class), which adds to the loss. 0 switches it off.
    hard_sample_weight: NonNegativeFloat

    @field_validator("scale_power")
    @classmethod
    def _is_not_one(cls, value: float) -> float:
        if value == 1.0:
            raise PydanticCustomError("equal_to_one", "Input should be greater than 0, but not 1")
        return value


class CrossEntropy(Section):
    """Cross entropy of softmax(scale * cosine) with smoothed labels."""

    # Labels of two blended clips (mix) need this loss.
    type: Literal["cross_entropy"]
    scale: PositiveFloat
    # Share of the target that is spread evenly over all classes.
    label_smoothing: Smoothing


class EarlyCrossEntropy(Section):
    """Cross entropy at every step of a causal network.

    See `losses.early` and `training.step.splice`.
    """

    type: Literal["early_cross_entropy"]
    scale: PositiveFloat
    label_smoothing: Smoothing
    # Weight of a gesture's first step when its last one has 1. The higher it is, the earlier the
    # network answers, and the more of it is guessed.
    first_step_weight: Probability
    # Weight of the price on falling back from a right answer.
    monotony_weight: NonNegativeFloat
    # Of a clip, to begin after the end of another one.
    splice_probability: Probability


LossConfig = AMSoftmax | CrossEntropy | EarlyCrossEntropy
Loss = Annotated[LossConfig, Field(discriminator="type")]


class Push(Section):
    """Parameters of `losses.push.LocalPushLoss` and `losses.push.CentrePushLoss`."""

    weight: NonNegativeFloat
    # A cosine.
    margin: NonNegativeFloat


class Weighted(Section):
    """A loss that has a weight only."""

    weight: NonNegativeFloat


class SelfChallenging(Section):
    """Parameters of `losses.self_challenging.self_challenge`."""

    # Share of a sample's features that are kept: the most decisive ones are hidden.
    retain_share: Share
    # Share of the samples that keep all features.
    unchanged_share: Probability


class Regularisers(Section):
    """Losses that are added to the main one, and self-challenging. `null` leaves one out."""

    # Pushes a sample away from its nearest neighbour of another class.
    local_push: Push | None
    # Pushes the directions of the classes apart.
    centre_push: Push | None
    # Makes attention masks decided and smooth.
    attention: Weighted | None
    # Makes the clips of one video agree.
    clip_mixing: Weighted | None
    self_challenging: SelfChallenging | None

    def that_need_one_embedding(self) -> list[str]:
        """Return the names of those in use that need one embedding and one label per clip."""
        names = ("local_push", "clip_mixing", "self_challenging")
        return [f"regularisers.{name}" for name in names if getattr(self, name)]

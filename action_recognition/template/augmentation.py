"""The schema of `training.augmentation` and `training.mix` in template.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from action_recognition.template.sections import (
    AtLeastOne,
    NonNegativeFloat,
    PositiveFloat,
    Probability,
    Section,
    Share,
    Smoothing,
)


class Flip(Section):
    """Horizontal mirroring in training."""

    probability: Probability
    # Pairs of labels that swap in a mirror. Mandatory: {} when a mirrored gesture keeps its label.
    label_swaps: dict[str, str]


class Rotate(Section):
    """Rotation of the whole clip by U(-degrees, degrees). Uncovered pixels are black."""

    degrees: PositiveFloat
    probability: Probability


class BlockDropout(Section):
    """Black cells of a coarse grid over the picture."""

    # Side of a cell as a share of the picture's side: there are 1 / cell_share cells along a side.
    cell_share: Share
    # Of each cell, to become black.
    probability: Probability


class Photometric(Section):
    """Colour changes of the whole clip. Each of the four happens with `probability`.

    See `data.augmentation`.
    """

    # The mean of one frame (0..255) moves to a uniform place in this range.
    brightness_range: Annotated[list[NonNegativeFloat], Field(min_length=2, max_length=2)]
    # Factors U(1 - x, 1 + x).
    contrast: Share
    saturation: Share
    # The hue turns by U(-x, x).
    hue_degrees: NonNegativeFloat
    probability: Probability


class ReferenceAugmentation(Section):
    """The original's random changes of a training clip, in its order, the same for all frames.

    `null` leaves a change out.
    """

    type: Literal["reference"]
    # Each frame moves by less than the step between frames.
    temporal_jitter: bool
    # The side of the random crop is U(crop_scale_min, 1) of the short side.
    crop_scale_min: Share
    rotate: Rotate | None
    block_dropout: BlockDropout | None
    photometric: Photometric | None
    flip: Flip


class BatchAugmentation(Section):
    """Random changes of whole batches on the device, drawn per clip, the same for all its frames.

    Scale, place, angle and aspect are drawn around the picture that evaluation sees.
    See `training.step.augment`.
    """

    type: Literal["batch"]
    # Each frame moves by up to half a step.
    temporal_jitter: bool
    # The step between frames is multiplied by a factor of 1 / max .. max.
    temporal_speed_max: AtLeastOne
    # Factor of the part that the crop sees: 0.5 magnifies by two, 1.5 shows the hand at two thirds.
    scale_min: PositiveFloat
    scale_max: PositiveFloat
    # Width by height is multiplied by a factor of 1 / max .. max.
    aspect_max: AtLeastOne
    # Rotation by U(-x, x).
    rotate_degrees: NonNegativeFloat
    # Shift of the crop's centre by U(-x, x) of the crop's half side, along both axes.
    shift: NonNegativeFloat
    # Added to all pixels: U(-x, x) of the range 0..255.
    brightness: NonNegativeFloat
    # Factors, or the exponent for gamma: exp(U(-x, x)).
    contrast: NonNegativeFloat
    gamma: NonNegativeFloat
    saturation: NonNegativeFloat
    # Factor U(1 - x, 1 + x) of each colour channel.
    tint: NonNegativeFloat
    # Of a clip, to become grey.
    grey_probability: Probability
    # Of one rectangle in one colour, a tenth to almost a half of each side.
    erase_probability: Probability
    flip: Flip


class TrivialAugmentation(Section):
    """One random change of random strength per clip, the same for all its frames.

    It is TrivialAugmentWide of torchvision. Source: Müller and Hutter, arXiv 2103.10158.
    """

    type: Literal["trivial_augment_wide"]
    # Each frame moves by less than the step between frames.
    temporal_jitter: bool
    flip: Flip


class LandmarkAugmentation(Section):
    """Random changes of landmarks: one draw for each clip, and noise for each frame.

    See `training.step.landmark_augment`, for time and mirroring `data.landmarks`. A palm is the
    mean length of four of its bones.
    """

    type: Literal["landmarks"]
    # The whole picture turns by U(-x, x). Unless x is 0, its axes stretch by 8 % at most, too.
    rotate_degrees: NonNegativeFloat
    # Each hand tilts by U(-x, x) around the picture's axes, in 3-D.
    tilt_degrees: NonNegativeFloat
    # Each hand is longer, wider and deeper by factors exp(U(-x, x)).
    stretch: NonNegativeFloat
    # Standard deviation of noise that lasts through a clip, and of half as much in each frame, in
    # palms.
    noise: NonNegativeFloat
    # Up to this share of the frames lose their hands.
    drop_frames: Smoothing
    # Of a gap of up to a fifth of the clip, in which one hand or both are missing.
    gap_probability: Probability
    # Of a clip with two hands, to lose one of them.
    lose_hand_probability: Probability
    # Time runs faster and slower within a clip: standard deviation, as a share of the clip. In
    # fragments of streams the speed of each clip changes by a factor exp(N(0, x)).
    time_warp: NonNegativeFloat
    # Up to this share is cut off at each end of a clip. Fragments are cut anywhere.
    cut_ends: Smoothing
    flip: Flip


Augmentation = Annotated[
    ReferenceAugmentation | BatchAugmentation | TrivialAugmentation | LandmarkAugmentation,
    Field(discriminator="type"),
]


class Mix(Section):
    """Two clips of a batch, blended (mixup) or one pasted into the other (cutmix)."""

    type: Literal["mixup", "cutmix"]
    # The share of the first clip is drawn from Beta(alpha, alpha).
    alpha: PositiveFloat
    probability: Probability

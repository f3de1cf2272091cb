"""A description of a clip by plain statistics of its features: nothing in it is learned.

Gestures that a network was not trained on differ in it as much as those that it was trained on.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from action_recognition.hands.slots import NUM_HANDS
from action_recognition.models.landmarks.features import (
    MOTION_FEATURES,
    SHAPE_FEATURES,
    LandmarkFeatures,
)

_SHAPE_PARTS: Final = 3
_MOTION_PARTS: Final = 4
# Two hands at once say much, and are one number among hundreds.
_WEIGHT_OF_BOTH: Final = 3.0

DESCRIPTOR_SIZE: Final = (
    (3 + _SHAPE_PARTS) * SHAPE_FEATURES + _MOTION_PARTS * MOTION_FEATURES * NUM_HANDS + 1
)
"""Numbers that describe a clip."""


class ClipDescriptor(nn.Module):
    """Statistics of the hands of a clip.

    Of the shapes of both hands together it has mean, least and largest values over the clip, and
    the means over three parts of it. Of the motion of each hand it has the means over four parts.
    The last number is the share of the frames with two hands.

    Shape: landmarks (N, 4, T, 2, 21) -> (N, 601). Without any hand all of them are 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = LandmarkFeatures()

    def forward(self, clips: Tensor) -> Tensor:
        """Return the description (N, 601)."""
        shape, motion, seen = self.features(clips)
        weight = seen[..., None]
        any_hand = seen.amax((1, 2))[:, None]

        # A hand that is not seen is neither the least nor the largest.
        far = (1.0 - weight) * 1e3
        extremes = [(shape + far).amin((1, 2)) * any_hand, (shape - far).amax((1, 2)) * any_hand]
        means = [_mean(shape, weight, part) for part in _parts(seen.shape[1], _SHAPE_PARTS)]
        ways = [
            motion[:, part].sum(1) / seen[:, part].sum((1, 2)).clamp_min(1.0)[:, None, None]
            for part in _parts(seen.shape[1], _MOTION_PARTS)
        ]
        both = _WEIGHT_OF_BOTH * seen.amin(2).mean(1, keepdim=True)
        whole = _mean(shape, weight, slice(None))
        return torch.cat([whole, *extremes, *means, *(way.flatten(1) for way in ways), both], 1)


def _mean(values: Tensor, weight: Tensor, part: slice) -> Tensor:
    """Return the mean (N, F) of values (N, T, 2, F) over the hands that are seen in a part."""
    weights = weight[:, part]
    return (values[:, part] * weights).sum((1, 2)) / weights.sum((1, 2)).clamp_min(1.0)


def _parts(length: int, number: int) -> list[slice]:
    """Return parts of about one length. A clip of fewer frames repeats some of them.

    >>> [(part.start, part.stop) for part in _parts(7, 3)]
    [(0, 2), (2, 4), (4, 7)]
    >>> [(part.start, part.stop) for part in _parts(1, 2)]
    [(0, 1), (0, 1)]
    """
    ends = [length * i // number for i in range(number + 1)]
    starts = [min(start, length - 1) for start in ends[:-1]]
    return [slice(start, max(start + 1, end)) for start, end in zip(starts, ends[1:], strict=True)]

"""Features of hand landmarks, as a part of the network: training and the exported graph share them.

A palm is the mean length of four bones of the hand. It is the unit of everything, so that neither
the distance from the camera nor the size of the picture counts.

`features_version` of model.yaml numbers them. Raise it there where the same landmarks give other
features: weights of another version are then refused.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.hands.slots import CHANNELS, LEFT, NUM_HANDS, NUM_POINTS, PALM_BONES

# Wrist and bases of the fingers: their mean is the place of a hand.
_PALM_POINTS: Final = (0, 5, 9, 13, 17)
# Joints: the angle at the second point between the two others.
_JOINTS: Final = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4)),  # thumb
    *((0, 5, 6), (5, 6, 7), (6, 7, 8)),
    *((0, 9, 10), (9, 10, 11), (10, 11, 12)),
    *((0, 13, 14), (13, 14, 15), (14, 15, 16)),
    *((0, 17, 18), (17, 18, 19), (18, 19, 20)),
)
# Tips to each other, to the wrist, and the thumb to the little finger's base.
_REACHES: Final = (
    *((4, 8), (4, 12), (4, 16), (4, 20), (8, 12), (12, 16), (16, 20)),
    *((8, 0), (12, 0), (16, 0), (20, 0), (4, 0), (4, 17)),
)
_X, _PLACE, _SEEN = 0, slice(0, 3), CHANNELS.index("seen")
_SMALL: Final = 1e-3  # pixels: no palm is as small

SHAPE_FEATURES: Final = 3 * (NUM_POINTS - 1) + len(_JOINTS) + len(_REACHES)
"""Features of one hand in one frame: its points around the wrist, joints, and distances of tips."""

MOTION_FEATURES: Final = 9
"""Place in the clip, velocity and the way to the other hand (x and y), size, seen, both seen."""


class LandmarkFeatures(nn.Module):
    """Features of both hands in each frame.

    The left hand is mirrored, so that both look like a right one. The place is that in the clip,
    counted from the mean place of all hands. The velocity is the way from the frame before.

    Shape: landmarks (N, 4, T, 2, 21), see `hands.slots.CHANNELS`, -> shape (N, T, 2, 88), motion
    (N, T, 2, 9) and seen (N, T, 2), which is 0 or 1. Features of a hand that is not seen are 0.
    """

    mirror: Tensor

    def __init__(self) -> None:
        super().__init__()
        sign = torch.ones(3, 1, 1, NUM_HANDS)
        sign[_X, :, :, LEFT] = -1.0
        self.register_buffer("mirror", sign, persistent=False)
        indices = {
            "palm": PALM_BONES,
            "joint": _JOINTS,
            "reach": _REACHES,
        }
        for name, points in indices.items():
            self.register_buffer(f"{name}_points", torch.tensor(points).T, persistent=False)
        self.register_buffer("palm_place", torch.tensor(_PALM_POINTS), persistent=False)

    def forward(self, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return shape, motion and seen."""
        places, palm, seen = self.of_hands(landmarks)
        return self.shape(places, palm, seen), self._motion(places, palm, seen), seen

    def of_hands(self, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return points (21, 3, N, T, 2), palms (N, T, 2) and seen (N, T, 2) of landmarks."""
        # Hands last: each operation then runs over all of them, and not over the values of a point.
        hands = landmarks.permute(4, 1, 0, 2, 3)
        seen = hands[0, _SEEN].contiguous()
        places = hands[:, _PLACE].contiguous()
        # A hand that is not seen has no palm: 1 keeps the division harmless.
        palm = self._lengths(places, "palm_points").mean(0).clamp_min(_SMALL)
        return places, palm * seen + (1.0 - seen), seen

    def centre(self, places: Tensor) -> Tensor:
        """Return the place of each hand (N, T, 2, 2), x and y in pixels."""
        points = places.index_select(0, self.get_buffer("palm_place"))
        return points[:, :2].mean(0).permute(1, 2, 3, 0)

    def shape(self, places: Tensor, palm: Tensor, seen: Tensor) -> Tensor:
        """Return (N, T, 2, 88): what a single picture of the hand shows."""
        # The sign of a palm mirrors the left hand.
        around = (places - places[:1]) / (palm * self.mirror)

        first, middle, last = self.get_buffer("joint_points")
        corner = around.index_select(0, middle)
        before = around.index_select(0, first) - corner
        behind = around.index_select(0, last) - corner
        products = (before * before).sum(1) * (behind * behind).sum(1)
        cosines = (before * behind).sum(1) / products.clamp_min(1e-8).sqrt()
        reaches = self._lengths(around, "reach_points")
        features = torch.cat([around[1:].flatten(0, 1), cosines, reaches])
        return (features * seen).permute(1, 2, 3, 0)

    def _motion(self, places: Tensor, palm: Tensor, seen: Tensor) -> Tensor:
        """Return (N, T, 2, 9): where the hands are and go, in palms of the whole clip."""
        number = seen.sum((1, 2)).clamp_min(1.0)[:, None, None]
        unit = ((palm * seen).sum((1, 2))[:, None, None] / number).clamp_min(_SMALL)
        centre = self.centre(places)
        mean = (centre * seen[..., None]).sum((1, 2), keepdim=True) / number[..., None]
        place = (centre - mean) / unit[..., None] * seen[..., None]

        # The first frame has no frame before it.
        in_both = (seen[:, 1:] * seen[:, :-1])[..., None]
        velocity = F.pad((place[:, 1:] - place[:, :-1]) * in_both, (0, 0, 0, 0, 1, 0))
        return self.motion(place, velocity, palm / unit, seen)

    def motion(self, place: Tensor, velocity: Tensor, size: Tensor, seen: Tensor) -> Tensor:
        """Return the features (N, T, 2, 9) of places and velocities (N, T, 2, 2) in palms.

        `size` is the palm over its mean, `seen` 0 or 1, both (N, T, 2).
        """
        together = seen * seen.flip(2)
        to_other = (place.flip(2) - place) * together[..., None]

        ways = torch.stack([place, 2.0 * velocity, 0.5 * to_other], -2)
        # (2, 1, 2): hands, ways, and x before y.
        ways = ways * self.mirror[:2, 0, 0].T[:, None]
        size = size.clamp(0.1, 10.0).log() * seen
        return torch.cat([ways.flatten(-2), torch.stack([size, seen, together], -1)], -1)

    def _lengths(self, points: Tensor, name: str) -> Tensor:
        """Return the distances (pairs, N, T, 2) of pairs of points (21, 3, N, T, 2)."""
        first, second = self.get_buffer(name)
        way = points.index_select(0, first) - points.index_select(0, second)
        return (way * way).sum(1).clamp_min(1e-12).sqrt()

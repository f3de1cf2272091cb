"""Features of hand landmarks that look at the past only.

The shape of a hand is that of `features`. Its place is counted from where the hands were in the
last seconds, in palms of those seconds: no frame to come changes it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from action_recognition.hands.slots import NUM_HANDS
from action_recognition.models.landmarks.features import LandmarkFeatures

_PAST_VALUES = 4  # x and y of the palm, its size, seen
_SMALL = 1e-3  # pixels


class CausalLandmarkFeatures(LandmarkFeatures):
    """Features of both hands in each frame, from that frame and those before.

    Origin and unit are the mean place and the mean palm of both hands over the last `past_frames`
    frames and the present one. Before the first frame no hand was seen.

    Shape: landmarks (N, 4, T, 2, 21) and the past (N, past_frames, 2, 4) -> shape (N, T, 2, 88),
    motion (N, T, 2, 9), seen (N, T, 2), and the past of the next frame.
    """

    def __init__(self, past_frames: int) -> None:
        super().__init__()
        self.past_frames = past_frames

    def first_past(self, number: int) -> Tensor:
        """Return the past before the first frame: (N, past_frames, 2, 4) of zeros."""
        return self.mirror.new_zeros(number, self.past_frames, NUM_HANDS, _PAST_VALUES)

    def with_past(self, landmarks: Tensor, past: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return shape, motion, seen and the next past."""
        places, palm, seen = self.of_hands(landmarks)
        centre = self.centre(places) * seen[..., None]
        here = torch.cat([centre, (palm * seen)[..., None], seen[..., None]], -1)
        joined = torch.cat([past, here], 1)

        motion = self._causal_motion(joined, palm, landmarks.shape[2])
        return self.shape(places, palm, seen), motion, seen, joined[:, -self.past_frames :]

    def _causal_motion(self, joined: Tensor, palm: Tensor, length: int) -> Tensor:
        """Return (N, T, 2, 9): where the hands are and go, in palms of the last seconds."""
        # Sums of both hands over the past and the present of every frame: (N, T, 4).
        sums = joined.sum(2).transpose(1, 2)
        window = self.past_frames + 1
        means = F.avg_pool1d(sums, window, stride=1).transpose(1, 2) * window
        number = means[..., 3:].clamp_min(1.0)
        unit = (means[..., 2:3] / number).clamp_min(_SMALL)[:, :, None]
        origin = (means[..., :2] / number)[:, :, None]

        # The present frames, and the one before each of them.
        here, before = joined[:, -length:], joined[:, -length - 1 : -1]
        seen, in_both = here[..., 3], (here[..., 3] * before[..., 3])[..., None]
        place = (here[..., :2] - origin) / unit * seen[..., None]
        velocity = (here[..., :2] - before[..., :2]) / unit * in_both
        return self.motion(place, velocity, palm / unit[..., 0], seen)

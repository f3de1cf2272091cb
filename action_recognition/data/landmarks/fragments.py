"""Fragments of streams for training, made of landmark clips: what to answer in every frame.

    | end of a clip | rest | rest of the clip's own | stroke of the clip | rest | the next clip |
      its label ...   none ................            label ...            none ...

Rest is made of a clip's first or last frames, to and fro, or has no hand at all. So the class
without a gesture is learned from rest, from the transitions of one's own clips, and from the clips
of other things that are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.landmarks.movement import stroke_of
from action_recognition.data.sampling import to_and_fro
from action_recognition.hands.slots import HandArray

NO_LABEL: Final = -1
"""A frame that teaches nothing."""

Targets = NDArray[np.int64]
_REST_S: Final = 0.4
_SHORTEST_REST_S, _LONGEST_REST_S = 0.4, 2.5
_WITHOUT_HAND: Final = 0.25  # of a rest, to have no hand
# Around a stroke: it may be seen or not.
_BEFORE_STROKE_S, _AFTER_STROKE_S = 0.2, 0.4


@dataclass(frozen=True)
class Material:
    """A clip to compose of: hands (T, 2, 21, 4) in all tracked frames, its label and its stroke."""

    hands: HandArray
    label: int
    first: int
    end: int

    @classmethod
    def of(cls, hands: HandArray, label: int) -> Material:
        """Find the stroke of a clip."""
        return cls(hands, label, *stroke_of(hands))


@dataclass(frozen=True)
class FragmentMaker:
    """Makes fragments of `num_frames` frames at `rate_fps`.

    `negative` is the class without a gesture, or NO_LABEL. The speed of a clip changes by
    exp(N(0, speed_std)).
    """

    num_frames: int
    rate_fps: float
    negative: int
    speed_std: float

    def make(
        self, before: Material, clip: Material, behind: Material, rng: np.random.Generator
    ) -> tuple[HandArray, Targets]:
        """Return hands (num_frames, 2, 21, 4) and the label of each frame.

        The stroke of `clip` begins somewhere in the fragment.
        """
        empty = np.zeros((self.num_frames, *clip.hands.shape[1:]), np.float32)
        blank = (empty, np.full(self.num_frames, self.negative))
        parts = [blank, self._part(before, rng), self._part(clip, rng), self._part(behind, rng)]
        begun = sum(len(targets) for _, targets in parts[:2])

        hands = np.concatenate([hands for hands, _ in [*parts, blank]])
        targets = np.concatenate([targets for _, targets in [*parts, blank]])
        # From a place with all of the stroke before it, to one with all of it behind.
        stroke = begun + int(np.argmax(targets[begun:] == clip.label))
        start = stroke - int(rng.uniform(0.1, 0.85) * self.num_frames)
        return hands[start : start + self.num_frames], targets[start : start + self.num_frames]

    def _part(self, clip: Material, rng: np.random.Generator) -> tuple[HandArray, Targets]:
        """Return a clip with rest around it, at a random speed."""
        speed = float(np.exp(rng.normal(0.0, self.speed_std)))
        number = len(clip.hands)
        length = max(1, round(number / speed))
        rest = max(1, round(_REST_S * self.rate_fps))
        lead, trail = (self._rest_frames(rng) for _ in range(2))

        shown = np.array([to_and_fro(i, length, rest) for i in range(-lead, length + trail)])
        places = np.minimum((shown * number / length).astype(np.int64), number - 1)
        hands, targets = clip.hands[places], self._targets(clip, places, lead, length)
        for part in (slice(0, lead), slice(lead + length, None)):
            if rng.random() < _WITHOUT_HAND:
                hands[part], targets[part] = 0.0, self.negative
        return hands, targets

    def _rest_frames(self, rng: np.random.Generator) -> int:
        return round(rng.uniform(_SHORTEST_REST_S, _LONGEST_REST_S) * self.rate_fps)

    def _targets(
        self, clip: Material, places: NDArray[np.int64], lead: int, length: int
    ) -> Targets:
        """Return the label of each frame of a part."""
        if clip.label == self.negative:
            return np.full(len(places), self.negative)
        before, after = (
            max(1, round(seconds * self.rate_fps))
            for seconds in (_BEFORE_STROKE_S, _AFTER_STROKE_S)
        )
        targets = np.full(len(places), self.negative)
        targets[(places >= clip.first - before) & (places < clip.end + after)] = NO_LABEL
        targets[(places >= clip.first) & (places < clip.end)] = clip.label

        # Rest in front of a gesture that begins at once shows it, and is none.
        if clip.first == 0:
            targets[:lead] = NO_LABEL
        # A gesture that is held to the end is held in the rest behind it, too.
        if clip.end < len(clip.hands):
            behind = targets[lead + length :]
            behind[behind == clip.label] = NO_LABEL
        return targets

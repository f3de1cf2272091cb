"""Follow the hands of a stream from frame to frame, each under a number of its own.

A hand is looked for where it was in the last frame. The palm detector runs while no hand is
followed, in the frame in which one is lost, and in every third frame while fewer hands are followed
than wanted.
Source: google-ai-edge/mediapipe at 85c0cdc7, modules/hand_landmark and holistic_landmark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from action_recognition.hands.geometry import (
    Square,
    square_of_landmarks,
    square_overlap,
    whole_square,
)
from action_recognition.hands.losses import REMEMBERED_S
from action_recognition.hands.networks import MIN_PALM_SCORE, Picture, SeenHand

Handedness = Literal["left", "right"]

_MIN_PRESENCE: Final = 0.5
_SAME_SQUARE_IOU: Final = 0.5
_SAME_HAND_DISTANCE: Final = 0.125  # mean distance of the landmarks, in sides of the square
# A hand that comes back in time and this near, in sides of its square, is the same one.
_NEAR_SIDES: Final = 0.5
# After a longer gap the squares of the last frame say nothing.
_MAX_GAP_S: Final = 0.5
# While some hand is followed and none was lost, palms are looked for in every n-th frame.
_FRAMES_BETWEEN_PALMS: Final = 3
_WIDE: Final = 1.5  # side of the black frame, in sides of the picture


class Networks(Protocol):
    """The calls that a tracker makes: to `HandNetworks`, or to a stand-in without networks."""

    def palms(
        self, picture_rgb: Picture, view: Square | None = None, min_score: float = MIN_PALM_SCORE
    ) -> list[Square]:
        """Return the squares around the hands of a picture, the surest first."""

    def hand(self, picture_rgb: Picture, square: Square) -> SeenHand:
        """Return the landmarks of the hand in a square."""


@dataclass(frozen=True, eq=False)
class TrackedHand:
    """One hand of a frame. `hand_id` is the same for as long as it is followed."""

    hand_id: int
    seen: SeenHand

    @property
    def handedness(self) -> Handedness:
        """Return the person's own left or right, if the picture is not mirrored."""
        return "right" if self.seen.right >= 0.5 else "left"

    def side(self, comes_mirrored: bool) -> Handedness:
        """Return the person's own left or right, also in a picture that is a mirror's."""
        other: Handedness = "left" if self.handedness == "right" else "right"
        return other if comes_mirrored else self.handedness

    @property
    def handedness_score(self) -> float:
        """Return the probability 0.5..1 of that hand."""
        return max(self.seen.right, 1.0 - self.seen.right)

    @property
    def landmarks_px(self) -> NDArray[np.float32]:
        """Return the landmarks (21, 3) in pixels of the picture."""
        return self.seen.landmarks_px


class _Lost(NamedTuple):
    hand: TrackedHand
    time_s: float


class HandTracker:
    """Tracks up to `max_hands` hands. Give it the frames of one stream in their order."""

    def __init__(self, networks: Networks, max_hands: int = 2) -> None:
        self._networks = networks
        self._max_hands = max_hands
        self._hands: list[TrackedHand] = []
        self._lost: list[_Lost] = []
        self._next_id = 0
        self._last_time_s = -math.inf
        self._frames_without_palms = 0
        self._is_wide = True

    def track(self, frame_rgb: Picture, time_s: float) -> list[TrackedHand]:
        """Return the hands of the next frame, (H, W, 3) uint8 RGB, at its time in seconds.

        A frame before the last one, or half a second after it, begins anew. Hands keep their order.
        """
        if not 0.0 <= time_s - self._last_time_s <= _MAX_GAP_S:
            self._hands, self._lost = [], []
        self._last_time_s = time_s

        followed = self._followed(frame_rgb)
        kept = {hand.hand_id for hand in followed}
        self._lost += [_Lost(hand, time_s) for hand in self._hands if hand.hand_id not in kept]
        self._lost = [lost for lost in self._lost if time_s - lost.time_s <= REMEMBERED_S]

        self._hands = followed + self._found(frame_rgb, followed)
        return list(self._hands)

    def _followed(self, frame_rgb: Picture) -> list[TrackedHand]:
        """Return the hands of the last frame that are still there."""
        followed: list[TrackedHand] = []
        for hand in self._hands:
            seen = self._networks.hand(frame_rgb, square_of_landmarks(hand.landmarks_px))
            if seen.presence >= _MIN_PRESENCE and not _is_among(seen, followed):
                followed.append(TrackedHand(hand.hand_id, seen))
        return followed

    def _found(self, frame_rgb: Picture, followed: Sequence[TrackedHand]) -> list[TrackedHand]:
        """Return the hands that the palm detector finds beside those that are followed."""
        wanted = self._max_hands - len(followed)
        if wanted <= 0 or not self._is_time_for_palms(followed):
            return []
        self._frames_without_palms = 0
        return self._new_hands(frame_rgb, self._palms(frame_rgb, followed), followed)

    def _palms(self, frame_rgb: Picture, followed: Sequence[TrackedHand]) -> list[Square]:
        """Look for palms. While there is no hand, every other frame is seen in a black frame.

        The detector misses hands that fill the picture.
        """
        self._is_wide = not followed and not self._hands and not self._is_wide
        if not self._is_wide:
            return self._networks.palms(frame_rgb)
        whole = whole_square(*frame_rgb.shape[:2])
        return self._networks.palms(frame_rgb, whole._replace(side=_WIDE * whole.side))

    def hands_in(self, frame_rgb: Picture, squares: Sequence[Square]) -> list[TrackedHand]:
        """Return the hands in squares of a picture, as numbered ones that are followed from now."""
        self._hands = self._new_hands(frame_rgb, squares, [])
        return list(self._hands)

    def _new_hands(
        self, frame_rgb: Picture, palms: Sequence[Square], followed: Sequence[TrackedHand]
    ) -> list[TrackedHand]:
        """Return the hands in the squares of palms, beside those that are followed."""
        wanted = self._max_hands - len(followed)
        taken = [square_of_landmarks(hand.landmarks_px) for hand in followed]
        squares = [
            square
            for square in palms
            if all(square_overlap(square, other) <= _SAME_SQUARE_IOU for other in taken)
        ]

        found: list[TrackedHand] = []
        for square in squares[:wanted]:
            seen = self._networks.hand(frame_rgb, square)
            if seen.presence >= _MIN_PRESENCE and not _is_among(seen, [*followed, *found]):
                found.append(TrackedHand(self._id_of(seen), seen))
        return found

    def _is_time_for_palms(self, followed: Sequence[TrackedHand]) -> bool:
        """Return True where a hand may be found that is not followed."""
        if not followed or len(followed) < len(self._hands):
            return True
        self._frames_without_palms += 1
        return self._frames_without_palms >= _FRAMES_BETWEEN_PALMS

    def _id_of(self, seen: SeenHand) -> int:
        """Return the number of a hand that was lost here a moment ago, or a new one."""
        for lost in self._lost:
            before = lost.hand
            same_side = (seen.right >= 0.5) == (before.handedness == "right")
            moved = math.dist(_centre(seen), _centre(before.seen))
            if same_side and moved <= _NEAR_SIDES * before.seen.square.side:
                self._lost.remove(lost)
                return before.hand_id
        self._next_id += 1
        return self._next_id - 1


def _centre(seen: SeenHand) -> NDArray[np.float32]:
    centre: NDArray[np.float32] = seen.landmarks_px[:, :2].mean(axis=0)
    return centre


def _is_among(seen: SeenHand, others: Sequence[TrackedHand]) -> bool:
    """Return True if the landmarks lie on those of another hand: one hand was found twice."""
    limit = _SAME_HAND_DISTANCE * seen.square.side
    return any(
        float(np.linalg.norm((seen.landmarks_px - other.landmarks_px)[:, :2], axis=1).mean())
        < limit
        for other in others
    )

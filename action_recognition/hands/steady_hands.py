"""The hands of a stream as they are shown and counted: lasting numbers, landmarks without jitter.

They are for eyes and for events. What a network gets stays as the tracker gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from action_recognition.hands.identities import HandIdentities, palm_length_px
from action_recognition.hands.losses import REMEMBERED_S
from action_recognition.hands.one_euro import OneEuroFilter, OneEuroSettings

if TYPE_CHECKING:
    from action_recognition.hands.tracker import TrackedHand

SETTINGS: Final = OneEuroSettings(rest_cutoff_hz=1.0, cutoff_per_speed=8.0)
"""For speeds in palms a second. docs/results/landmarks.md has how they were chosen."""


class HandSmoother:
    """Smooths the landmarks of the hands of one stream, each hand by its number."""

    def __init__(self, settings: OneEuroSettings = SETTINGS) -> None:
        self._settings = settings
        # By the number of a hand: its filter, and when it was seen.
        self._filters: dict[int, tuple[OneEuroFilter, float]] = {}

    def smoothed(self, hands: Sequence[TrackedHand], time_s: float) -> list[TrackedHand]:
        """Return the hands of the next frame with smoothed landmarks, in the same order.

        A hand that was away for longer than the tracker remembers it begins anew.
        """
        self._filters = {
            number: (known, seen_s)
            for number, (known, seen_s) in self._filters.items()
            if 0.0 <= time_s - seen_s <= REMEMBERED_S
        }
        return [self._smooth(hand, time_s) for hand in hands]

    def clear(self) -> None:
        """Forget all hands."""
        self._filters.clear()

    def _smooth(self, hand: TrackedHand, time_s: float) -> TrackedHand:
        known, _ = self._filters.get(hand.hand_id, (OneEuroFilter(self._settings), time_s))
        self._filters[hand.hand_id] = known, time_s
        points = known.filtered(
            hand.landmarks_px.astype(np.float64), time_s, unit=palm_length_px(hand)
        )
        return replace(hand, seen=replace(hand.seen, landmarks_px=points.astype(np.float32)))


class SteadyHands:
    """The hands of one stream under lasting numbers and with smoothed landmarks."""

    def __init__(self) -> None:
        self._identities, self._smoother = HandIdentities(), HandSmoother()
        self._tracked: list[TrackedHand] = []
        self.hands: list[TrackedHand] = []

    def update(self, tracked: Sequence[TrackedHand], time_s: float) -> list[TrackedHand]:
        """Take the tracker's hands at a frame, and return them steady.

        Frames that the tracker does not look at repeat its last hands. Those stay as they are.
        """
        if _is_same(tracked, self._tracked):
            return self.hands
        self._tracked = list(tracked)
        numbered = self._identities.numbered(tracked, time_s)
        self.hands = self._smoother.smoothed(numbered, time_s)
        return self.hands

    def clear(self) -> None:
        """Forget all hands, as at a cut. Numbers go on, so a hand after it is another one."""
        self._identities.clear()
        self._smoother.clear()
        self._tracked, self.hands = [], []


def _is_same(hands: Sequence[TrackedHand], others: Sequence[TrackedHand]) -> bool:
    """Return True if these are the very objects of another frame."""
    return len(hands) == len(others) and all(map(_is, hands, others))


def _is(hand: TrackedHand, other: TrackedHand) -> bool:
    return hand is other

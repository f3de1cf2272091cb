"""Hands that come and go, as events of their own: an application arms with one, and rests after it.

A hand has come once it was seen for a moment, so that a flicker of the tracker is no event. It has
gone once it stayed away for longer than the tracker may lose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from action_recognition.hands.losses import REMEMBERED_S
from action_recognition.hands.tracker import Handedness, TrackedHand

_SEEN_FOR_S: Final = 0.2
# Differences of time stamps have rounding errors.
_ROUNDING_S: Final = 1e-6

Change = Literal["entered", "left"]


@dataclass(frozen=True, slots=True)
class HandEvent:
    """A hand that has come or gone, decided at `time_s`.

    It was first seen, or last seen, at `since_s`. `hand` counts the hands of a stream from 0, and
    is the same when it comes and when it goes.
    """

    change: Change
    hand: int
    side: Handedness
    time_s: float
    since_s: float


@dataclass
class _Presence:
    first_s: float
    last_s: float
    right_sum: float = 0.0
    num_frames: int = 0
    # Given once it has entered.
    number: int | None = None


class HandPresence:
    """The hands of one stream. With `comes_mirrored` its picture is a mirror's."""

    def __init__(self, comes_mirrored: bool = False) -> None:
        self._comes_mirrored = comes_mirrored
        self._present: dict[int, _Presence] = {}
        self._num_entered = 0

    def update(self, hands: Sequence[TrackedHand], time_s: float) -> list[HandEvent]:
        """Take the hands that are followed in a frame. Return what has changed, in order."""
        for hand in hands:
            known = self._present.setdefault(hand.hand_id, _Presence(time_s, time_s))
            known.last_s = time_s
            known.right_sum += hand.seen.right
            known.num_frames += 1

        gone = [
            hand_id
            for hand_id, known in self._present.items()
            if time_s - known.last_s > REMEMBERED_S + _ROUNDING_S
        ]
        events = self._leave(gone, time_s)
        for known in self._present.values():
            has_lasted = known.last_s - known.first_s >= _SEEN_FOR_S - _ROUNDING_S
            if known.number is None and has_lasted:
                known.number = self._num_entered
                self._num_entered += 1
                events.append(self._event("entered", known.number, known, time_s, known.first_s))
        return events

    def clear(self, time_s: float) -> list[HandEvent]:
        """Forget all hands, at a discontinuity and at the end. Return those that have gone."""
        return self._leave(list(self._present), time_s)

    def _leave(self, hand_ids: Sequence[int], time_s: float) -> list[HandEvent]:
        """Forget these hands. One that never entered does not leave."""
        gone = [self._present.pop(hand_id) for hand_id in hand_ids]
        return [
            self._event("left", known.number, known, time_s, known.last_s)
            for known in gone
            if known.number is not None
        ]

    def _event(
        self, change: Change, number: int, known: _Presence, time_s: float, since_s: float
    ) -> HandEvent:
        is_right = (known.right_sum / known.num_frames >= 0.5) != self._comes_mirrored
        return HandEvent(change, number, "right" if is_right else "left", time_s, since_s)

"""Numbers of hands that outlast a crossing and a short loss.

A tracker looks for a hand where it was. When two hands cross, it may follow the other one, and a
hand that moves while it is hidden comes back as a new one. Here hands are told apart by where they
were going and by their side. What a network gets stays as the tracker gives it: models were trained
on that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from action_recognition.hands.losses import REMEMBERED_S
from action_recognition.hands.slots import PALM_BONES

if TYPE_CHECKING:
    from action_recognition.hands.tracker import TrackedHand

# Costs of taking a hand for a known one, in palms from where that was going.
_OTHER_SIDE: Final = 2.0
_OTHER_TRACK: Final = 1.0
# A hand under another number of the tracker is a known one up to this far from where that was
# going, in palms, and farther for each second without it.
_REACH: Final = 1.0
_REACH_PER_S: Final = 3.0
_MAX_SIDE_GAP: Final = 0.5
# A hidden hand goes on for so long at most, as far as is known.
_GOES_ON_S: Final = 0.3
# Of a new frame in the side and in the velocity of a hand.
_SIDE_SHARE: Final = 0.2
_VELOCITY_SHARE: Final = 0.6
_ROUNDING_S: Final = 1e-6

Point = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Known:
    """A hand: its number here and at the tracker, place, velocity in pixels a second, and side."""

    number: int
    track: int
    time_s: float
    place: Point
    velocity: Point
    right: float

    def expected(self, time_s: float) -> Point:
        """Return where the palm should be."""
        ahead: Point = self.place + self.velocity * min(time_s - self.time_s, _GOES_ON_S)
        return ahead


class HandIdentities:
    """The hands of one stream, numbered from 0 in the order in which they came."""

    def __init__(self) -> None:
        self._known: list[_Known] = []
        self._next_number = 0

    def numbered(self, hands: Sequence[TrackedHand], time_s: float) -> list[TrackedHand]:
        """Return the hands of the next frame under their lasting numbers, in the same order.

        Their side is the mean of their latest frames.
        """
        remembered = [
            known
            for known in self._known
            if 0.0 <= time_s - known.time_s <= REMEMBERED_S + _ROUNDING_S
        ]
        owners = _owners(hands, remembered, time_s)

        now = [
            self._new(hand, time_s) if owner is None else _moved_on(owner, hand, time_s)
            for hand, owner in zip(hands, owners, strict=True)
        ]
        here = {known.number for known in now}
        self._known = [*now, *(known for known in remembered if known.number not in here)]
        return [
            replace(hand, hand_id=known.number, seen=replace(hand.seen, right=known.right))
            for hand, known in zip(hands, now, strict=True)
        ]

    def clear(self) -> None:
        """Forget all hands, as at a cut. Numbers go on."""
        self._known = []

    def _new(self, hand: TrackedHand, time_s: float) -> _Known:
        self._next_number += 1
        place, right = _palm_centre(hand), hand.seen.right
        return _Known(self._next_number - 1, hand.hand_id, time_s, place, np.zeros(2), right)


def palm_length_px(hand: TrackedHand) -> float:
    """Return the mean length of the bones of the palm, at least a pixel."""
    ends = hand.landmarks_px[np.array(PALM_BONES), :2]
    return max(1.0, float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean()))


def _palm_centre(hand: TrackedHand) -> Point:
    points = hand.landmarks_px[sorted({point for bone in PALM_BONES for point in bone}), :2]
    centre: Point = np.asarray(points, np.float64).mean(axis=0)
    return centre


def _moved_on(known: _Known, hand: TrackedHand, time_s: float) -> _Known:
    """Return a known hand as this frame shows it."""
    elapsed_s, place = time_s - known.time_s, _palm_centre(hand)
    velocity = known.velocity
    if elapsed_s > 0:
        measured = (place - known.place) / elapsed_s
        velocity = velocity + _VELOCITY_SHARE * (measured - velocity)
    right = known.right + _SIDE_SHARE * (hand.seen.right - known.right)
    return _Known(known.number, hand.hand_id, time_s, place, velocity, right)


def _owners(
    hands: Sequence[TrackedHand], known: Sequence[_Known], time_s: float
) -> list[_Known | None]:
    """Return for each hand the known one that it is, None for a new one.

    As many hands as possible are known ones, at the least cost. There are few of them, so all ways
    are tried.
    """
    costs = [[_cost(hand, owner, time_s) for owner in known] for hand in hands]
    nobody = [None] * len(hands)

    best, least = list[_Known | None](nobody), (0, 0.0)
    for places in set(itertools.permutations([*range(len(known)), *nobody], len(hands))):
        taken = [costs[row][place] for row, place in enumerate(places) if place is not None]
        # Fewer new hands come first, then the cost.
        price = (-len(taken), math.fsum(taken))
        if price < least and math.isfinite(price[1]):
            best, least = [None if place is None else known[place] for place in places], price
    return best


def _cost(hand: TrackedHand, known: _Known, time_s: float) -> float:
    """Return the cost of taking a hand for a known one, infinite where it cannot be that one."""
    away = math.dist(_palm_centre(hand), known.expected(time_s)) / palm_length_px(hand)
    side_gap = abs(hand.seen.right - known.right)
    cost = away + _OTHER_SIDE * side_gap
    if hand.hand_id == known.track:
        return cost

    elapsed_s = time_s - known.time_s
    is_near = away <= _REACH + _REACH_PER_S * elapsed_s
    return cost + _OTHER_TRACK if is_near and side_gap <= _MAX_SIDE_GAP else math.inf

"""When a gesture begins and ends within its clip, as its hands tell it.

People film a gesture with rest around it. A hand that still looks as in the first frames rests.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from action_recognition.hands.slots import PALM_BONES, HandArray

# Of the way from rest to where the hand is farthest from it.
_BEGUN: Final = 0.35
_STILL_PALMS: Final = 0.25  # a hand that goes no farther does not move
_REST_FRAMES: Final = 3
_APPEARS_PALMS: Final = 2.0  # a second hand that comes or goes counts as such a way


def stroke_of(hands: HandArray) -> tuple[int, int]:
    """Return the frames (first, end) of hands (T, 2, 21, 4) in which the gesture is made.

    It begins where the hands are far from how they rest in the first frames. It ends where their
    shape is that of the rest again, wherever they rest then. Hands of one shape end their gesture
    where they began it. Hands that never move, as in a clip of a held gesture, make it all the
    time. Frames without a hand before and after are left out.
    """
    shown = np.flatnonzero(hands[:, :, 0, -1].any(axis=1))
    if not len(shown):
        return 0, len(hands)
    first, end = int(shown[0]), int(shown[-1]) + 1
    shape, place = ways_from_rest(hands[first:end])
    formed, moved = _moved(shape), _moved(shape + place)
    if not len(moved):
        return first, end
    # A hand that wanders off behind its gesture is far from its first place, but has rested.
    last = formed[-1] if len(formed) else moved[-1]
    begun = min(moved[0], formed[0]) if len(formed) else moved[0]
    return first + int(begun), first + int(last) + 1


def _moved(ways: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the frames in which hands are far from their rest, none where they never are."""
    farthest = float(np.quantile(ways, 0.9))
    return np.flatnonzero(ways >= _BEGUN * farthest) if farthest >= _STILL_PALMS else _NEVER


_NEVER: Final = np.zeros(0, np.int64)


def ways_from_rest(hands: HandArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far the hands of each frame are from the first frames, in palms: (T,) twice.

    The first is the mean way of the points around the wrist, the second that of the wrist, of both
    hands together. In a frame without any hand they are those of the frame before.
    """
    ways = np.array([_of_hand(hands[:, slot]) for slot in range(hands.shape[1])]).sum(axis=0)
    seen = hands[:, :, 0, -1].any(axis=1)
    last = np.maximum.accumulate(np.where(seen, np.arange(len(hands)), 0))
    return ways[0, last], ways[1, last]


def _of_hand(hand: HandArray) -> NDArray[np.float64]:
    """Return the ways (2, T) of one hand (T, 21, 4) from its rest: of its shape, of its place.

    A hand that comes or goes has changed its shape.
    """
    seen = hand[:, 0, -1] > 0
    ways = np.zeros((2, len(hand)))
    if not seen.any():
        return ways
    if not seen[: _REST_FRAMES + 1].any():
        ways[0, seen] = _APPEARS_PALMS
        return ways

    points = hand[..., :3].astype(np.float64)
    bones = [points[:, a] - points[:, b] for a, b in PALM_BONES]
    palm = np.linalg.norm(bones, axis=-1).mean(axis=0)
    around = (points - points[:, :1]) / np.maximum(palm, 1e-3)[:, None, None]
    place = points[:, 0, :2] / max(float(np.median(palm[seen])), 1e-3)

    rest = np.flatnonzero(seen)[:_REST_FRAMES]
    turned = np.linalg.norm(around - around[rest].mean(axis=0), axis=-1).mean(axis=1)
    moved = np.linalg.norm(place - place[rest].mean(axis=0), axis=-1)
    ways[0] = np.where(seen, turned, _APPEARS_PALMS)
    ways[1] = np.where(seen, moved, 0.0)
    return ways

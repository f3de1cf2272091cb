"""The hands of a stream in their two places, decided from the past alone.

`slots` knows a whole clip and decides the side of a hand from all frames of its track. A stream
cannot wait: here the side is that of the frames so far.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from action_recognition.hands.landmark_file import HandLandmarks, tracked_hands
from action_recognition.hands.slots import CHANNELS, LEFT, NUM_HANDS, NUM_POINTS, RIGHT, HandArray
from action_recognition.hands.tracker import TrackedHand


class CausalSlots:
    """Puts the hands of each frame into the places of the left and of the right hand.

    The side of a hand is the mean over the frames in which it was followed so far. Of two hands the
    one that looks less like a right hand is the left one.
    """

    def __init__(self) -> None:
        # By the number of the hand: the sum of its probabilities of a right one, and their number.
        self._sums: dict[int, tuple[float, int]] = {}

    def place(self, hands: Sequence[TrackedHand]) -> HandArray:
        """Return the hands of the next frame, (2, 21, 4), as `slots.CHANNELS` says."""
        array = np.zeros((NUM_HANDS, NUM_POINTS, len(CHANNELS)), np.float32)
        means = self._means(hands)
        # The surest two, the more left one first.
        surest = sorted(hands, key=lambda hand: -hand.seen.presence)[:NUM_HANDS]
        ordered = sorted(surest, key=lambda hand: means[hand.hand_id])
        slots = [LEFT, RIGHT]
        if len(ordered) == 1:
            slots = [RIGHT if means[ordered[0].hand_id] >= 0.5 else LEFT]

        for slot, hand in zip(slots, ordered, strict=False):
            array[slot, :, :3] = hand.landmarks_px
            array[slot, :, 3] = 1.0
        return array

    def _means(self, hands: Sequence[TrackedHand]) -> dict[int, float]:
        """Take the sides that these hands seem to have. Return the mean of each so far."""
        for hand in hands:
            total, number = self._sums.get(hand.hand_id, (0.0, 0))
            self._sums[hand.hand_id] = (total + hand.seen.right, number + 1)
        # Numbers are given in order: of the hands that are not here, those far below are gone.
        if len(self._sums) > 4 * NUM_HANDS:
            kept = {*sorted(self._sums)[-2 * NUM_HANDS :], *(hand.hand_id for hand in hands)}
            self._sums = {hand_id: self._sums[hand_id] for hand_id in kept}
        return {key: total / number for key, (total, number) in self._sums.items()}


def causal_hand_array(landmarks: HandLandmarks) -> HandArray:
    """Return the hands (F, 2, 21, 4) in all tracked frames of a video, as a stream has them."""
    slots = CausalSlots()
    frames = [slots.place(hands) for _, hands in tracked_hands(landmarks)]
    return np.stack(frames) if frames else np.zeros((0, 2, NUM_POINTS, 4), np.float32)

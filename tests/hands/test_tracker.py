"""Hands that are followed: numbers that last, palms looked for only when there is reason."""

from __future__ import annotations

import numpy as np
import pytest

from action_recognition.hands.geometry import Square
from action_recognition.hands.networks import Picture, SeenHand
from action_recognition.hands.tracker import HandTracker, TrackedHand

FRAME: Picture = np.zeros((200, 400, 3), np.uint8)


def upright_hand(x: float) -> np.ndarray:
    """Landmarks whose next square is centred near `x`."""
    landmarks = np.zeros((21, 3), np.float32)
    landmarks[:, 0], landmarks[:, 1] = x, 100
    landmarks[0, 1] = 130
    landmarks[[1, 2, 3], 0], landmarks[[17, 18], 0] = x - 20, x + 20
    return landmarks


class DrawnNetworks:
    """Hands at given places, as networks would see them. Counts how often palms are looked for."""

    def __init__(self) -> None:
        self.hands: dict[float, float] = {}  # place on the x axis: probability of a right hand
        self.palm_calls = 0
        self.twice = False

    def palms(
        self, picture_rgb: Picture, view: Square | None = None, min_score: float = 0.5
    ) -> list[Square]:
        self.palm_calls += 1
        # A second square of each hand overlaps the first by less than half.
        squares = [Square(x, 100, 90) for x in self.hands]
        return squares + [Square(x + 50, 100, 90) for x in self.hands if self.twice]

    def hand(self, picture_rgb: Picture, square: Square) -> SeenHand:
        near = [x for x in self.hands if abs(x - square.x) < 0.6 * square.side]
        if not near:
            return SeenHand(upright_hand(square.x), upright_hand(0), 0.1, 0.5, square)
        x = min(near, key=lambda place: abs(place - square.x))
        return SeenHand(upright_hand(x), upright_hand(0), 0.9, self.hands[x], square)


@pytest.fixture
def networks() -> DrawnNetworks:
    return DrawnNetworks()


def ids(hands: list[TrackedHand]) -> list[int]:
    return [hand.hand_id for hand in hands]


def test_a_hand_keeps_its_number_while_it_moves(networks: DrawnNetworks) -> None:
    tracker = HandTracker(networks, max_hands=1)
    for frame in range(10):
        networks.hands = {100 + 5.0 * frame: 0.9}
        (hand,) = tracker.track(FRAME, frame / 10)
        assert hand.hand_id == 0 and hand.handedness == "right"
        assert hand.landmarks_px[9, 0] == 100 + 5 * frame
    # Palms were looked for once: from then on the hand itself leads.
    assert networks.palm_calls == 1


def test_two_hands_keep_their_order_and_their_sides(networks: DrawnNetworks) -> None:
    networks.hands = {300.0: 0.2, 100.0: 0.8}
    tracker = HandTracker(networks)
    first, second = tracker.track(FRAME, 0.0)
    assert (first.handedness, second.handedness) == ("left", "right")
    assert first.handedness_score == second.handedness_score == 0.8

    networks.hands = {110.0: 0.8, 290.0: 0.2}
    assert [hand.handedness for hand in tracker.track(FRAME, 0.1)] == ["left", "right"]
    assert networks.palm_calls == 1


def test_one_hand_seen_in_two_squares_is_one_hand(networks: DrawnNetworks) -> None:
    networks.hands, networks.twice = {200.0: 0.9}, True
    assert ids(HandTracker(networks).track(FRAME, 0.0)) == [0]


def test_a_hand_that_comes_back_soon_and_near_is_the_same(networks: DrawnNetworks) -> None:
    tracker = HandTracker(networks, max_hands=1)
    networks.hands = {100.0: 0.9}
    assert ids(tracker.track(FRAME, 0.0)) == [0]
    networks.hands = {}
    assert tracker.track(FRAME, 0.1) == []
    networks.hands = {120.0: 0.9}
    assert ids(tracker.track(FRAME, 0.2)) == [0]


@pytest.mark.parametrize(
    ("place", "right", "back_s"), [(300.0, 0.9, 0.2), (100.0, 0.1, 0.2), (100.0, 0.9, 0.8)]
)
def test_elsewhere_later_or_the_other_hand_is_a_new_one(
    networks: DrawnNetworks, place: float, right: float, back_s: float
) -> None:
    tracker = HandTracker(networks, max_hands=1)
    networks.hands = {100.0: 0.9}
    tracker.track(FRAME, 0.0)
    networks.hands = {}
    for time_s in np.arange(0.1, back_s - 0.05, 0.1):
        assert tracker.track(FRAME, float(time_s)) == []
    networks.hands = {place: right}
    assert ids(tracker.track(FRAME, back_s)) == [1]


def test_a_hand_that_jumps_is_found_in_the_same_frame(networks: DrawnNetworks) -> None:
    tracker = HandTracker(networks, max_hands=1)
    networks.hands = {100.0: 0.9}
    tracker.track(FRAME, 0.0)
    networks.hands = {350.0: 0.9}
    (hand,) = tracker.track(FRAME, 0.1)
    assert hand.hand_id == 1 and hand.landmarks_px[9, 0] == 350


@pytest.mark.parametrize("time_s", [-1.0, 0.9, 60.0])
def test_a_jump_in_time_begins_anew(networks: DrawnNetworks, time_s: float) -> None:
    tracker = HandTracker(networks, max_hands=1)
    networks.hands = {100.0: 0.9}
    assert ids(tracker.track(FRAME, 0.0)) == [0]
    assert ids(tracker.track(FRAME, time_s)) == [1]
    assert networks.palm_calls == 2

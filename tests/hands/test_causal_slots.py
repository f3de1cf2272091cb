"""Sides of hands in a stream: decided from the frames so far, and never from those to come."""

from __future__ import annotations

import numpy as np

from action_recognition.hands.causal_slots import CausalSlots, causal_hand_array
from action_recognition.hands.geometry import Square
from action_recognition.hands.networks import SeenHand
from action_recognition.hands.slots import LEFT, RIGHT
from action_recognition.hands.tracker import TrackedHand
from tests.made_landmarks import as_landmarks, moving_hand, open_hand


def hand(hand_id: int, right: float, x_px: float = 0.0, presence: float = 0.9) -> TrackedHand:
    points = open_hand() + np.array([x_px, 0, 0], np.float32)
    return TrackedHand(hand_id, SeenHand(points, points, presence, right, Square(0, 0, 1)))


def sides(frame: np.ndarray) -> list[bool]:
    return [bool(frame[slot, 0, 3]) for slot in (LEFT, RIGHT)]


def test_a_side_is_the_mean_of_the_frames_so_far() -> None:
    slots = CausalSlots()
    assert sides(slots.place([hand(1, 0.9)])) == [False, True]
    # One frame of doubt does not move a hand over, many do.
    assert sides(slots.place([hand(1, 0.3)])) == [False, True]
    for _ in range(5):
        last = slots.place([hand(1, 0.1)])
    assert sides(last) == [True, False]
    assert sides(slots.place([])) == [False, False]
    assert sides(slots.place([hand(2, 0.9)])) == [False, True]


def test_of_two_hands_the_less_right_one_is_left() -> None:
    frame = CausalSlots().place([hand(1, 0.95, 10), hand(2, 0.7, 20), hand(3, 0.1, 30, 0.5)])
    assert sides(frame) == [True, True]
    assert frame[LEFT, 0, 0] == 20 and frame[RIGHT, 0, 0] == 10


def test_memory_does_not_grow() -> None:
    slots = CausalSlots()
    for number in range(500):
        slots.place([hand(number, 0.9), hand(number + 1, 0.2)])
    assert len(slots._sums) <= 10


def test_a_hand_that_stays_is_remembered_while_others_come_and_go() -> None:
    slots = CausalSlots()
    for number in range(1, 60):
        frame = slots.place([hand(0, 0.9 if number < 50 else 0.3, 10), hand(number, 0.1, 20)])
    assert frame[RIGHT, 0, 0] == 10 and slots._sums[0][1] == 59


def test_later_frames_change_nothing() -> None:
    landmarks = as_landmarks(moving_hand("left", np.random.default_rng(0)), first_seen=3)
    array = causal_hand_array(landmarks)
    assert array.shape == (16, 2, 21, 4) and not array[:3].any()
    assert array[3:, RIGHT, :, 3].all() and not array[:, LEFT].any()
    np.testing.assert_array_equal(array[3:, RIGHT, :, :3], landmarks.landmarks_px)

"""The hands of a clip as one array."""

from __future__ import annotations

import dataclasses

import numpy as np

from action_recognition.hands.landmark_file import HandLandmarks
from action_recognition.hands.slots import LEFT, RIGHT, hand_array, while_seen
from tests.made_landmarks import as_landmarks, open_hand


def two_hands(right_of_first: float, right_of_second: float) -> HandLandmarks:
    """Two tracks over two frames, with their probabilities of a right hand."""
    one = as_landmarks(np.stack([open_hand(), open_hand()]))
    rights = np.array([right_of_first, right_of_second] * 2, np.float32)
    landmarks = np.stack([open_hand() + 10, open_hand() + 500] * 2)
    return dataclasses.replace(
        one,
        frame_index=np.array([0, 0, 1, 1]),
        time_ms=np.array([0.0, 0, 100, 100]),
        hand_id=np.array([4, 7, 4, 7]),
        handedness=np.where(rights >= 0.5, "right", "left"),
        handedness_score=np.maximum(rights, 1 - rights),
        landmarks_px=landmarks.astype(np.float32),
        world_m=np.zeros((4, 21, 3), np.float32),
        presence=np.full(4, 0.9, np.float32),
    )


def test_a_hand_that_is_not_seen_is_masked() -> None:
    hands = as_landmarks(np.stack([open_hand()] * 4), side="left", first_seen=2)
    array = hand_array(hands, np.arange(4))
    assert array.shape == (4, 2, 21, 4)
    assert array[:, LEFT, 0, 3].tolist() == [0, 0, 1, 1]
    assert not array[:, RIGHT].any() and not array[:2].any()
    assert np.array_equal(array[2, LEFT, :, :3], open_hand())


def test_left_and_right_have_their_places() -> None:
    array = hand_array(two_hands(0.2, 0.9), np.arange(2))
    assert array[0, LEFT, 0, 0] == 10 and array[0, RIGHT, 0, 0] == 500
    swapped = hand_array(two_hands(0.9, 0.2), np.arange(2))
    assert swapped[0, RIGHT, 0, 0] == 10 and swapped[0, LEFT, 0, 0] == 500


def test_two_right_hands_are_told_apart_by_the_surer_one() -> None:
    array = hand_array(two_hands(0.95, 0.6), np.arange(2))
    assert array[0, LEFT, 0, 0] == 500 and array[0, RIGHT, 0, 0] == 10


def test_a_side_is_decided_once_for_a_track() -> None:
    hands = as_landmarks(np.stack([open_hand()] * 3))
    flickering = dataclasses.replace(hands, handedness=np.array(["right", "left", "right"]))
    assert hand_array(flickering, np.arange(3))[:, RIGHT, 0, 3].tolist() == [1, 1, 1]


def test_a_clip_lasts_while_a_hand_is_seen() -> None:
    hands = hand_array(as_landmarks(np.stack([open_hand()] * 6), first_seen=2), np.arange(6))
    hands[3] = 0.0
    assert np.array_equal(while_seen(hands[:5]), hands[2:5])
    assert len(while_seen(hands[:2])) == 2, "without any hand all frames stay"


def test_only_the_asked_frames_count() -> None:
    hands = as_landmarks(np.stack([open_hand() + i for i in range(6)]))
    array = hand_array(hands, np.array([1, 4]))
    assert array[:, RIGHT, 0, 0].tolist() == [1, 4]

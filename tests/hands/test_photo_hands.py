"""Hands of a photo: looked at in one view after the other until a hand is found."""

from __future__ import annotations

import numpy as np

from action_recognition.hands.geometry import Square
from action_recognition.hands.networks import Picture, SeenHand
from action_recognition.hands.photo_hands import hands_of_photo, photo_landmarks
from action_recognition.hands.tracker import HandTracker
from tests.made_landmarks import open_hand

PHOTO: Picture = np.zeros((100, 200, 3), np.uint8)


class OneView:
    """Finds a palm in views of one size alone."""

    def __init__(self, side: float, presence: float = 0.9) -> None:
        self.side, self.presence = side, presence
        self.views: list[float] = []

    def palms(
        self, picture_rgb: Picture, view: Square | None = None, min_score: float = 0.5
    ) -> list[Square]:
        side = 200.0 if view is None else view.side
        self.views.append(side)
        return [Square(50.0, 50.0, 40.0)] if side == self.side and view is not None else []

    def hand(self, picture_rgb: Picture, square: Square) -> SeenHand:
        landmarks = open_hand()
        landmarks[:, :2] += (square.x, square.y)
        return SeenHand(landmarks.astype(np.float32), landmarks, self.presence, 0.9, square)


def test_a_hand_that_fills_the_picture_is_found_in_a_larger_frame() -> None:
    networks = OneView(side=300.0)
    (hand,) = hands_of_photo(networks, PHOTO)
    assert hand.landmarks_px[0].tolist() == [50, 50, 0]
    assert networks.views == [200, 200, 300], "the views after it are not needed"


def test_a_small_hand_is_found_in_a_part_of_the_picture() -> None:
    networks = OneView(side=120.0)
    assert hands_of_photo(networks, PHOTO)
    assert networks.views == [200, 200, 300, *[120] * 5]


def test_what_is_no_hand_is_not_taken_for_one() -> None:
    networks = OneView(side=300.0, presence=0.2)
    landmarks = photo_landmarks(networks, PHOTO)
    assert not len(landmarks.hand_id) and landmarks.tracked_frames.tolist() == [0]
    assert networks.views[-1] == 500


def test_while_there_is_no_hand_every_other_frame_is_seen_in_a_larger_frame() -> None:
    networks = OneView(side=300.0)
    tracker = HandTracker(networks, max_hands=1)
    assert not tracker.track(PHOTO, 0.0)
    assert len(tracker.track(PHOTO, 0.1)) == 1
    assert networks.views == [200, 300]

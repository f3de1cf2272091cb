"""Hands keep their numbers when they cross, and when they are hidden for a moment."""

from __future__ import annotations

import numpy as np
import pytest

from action_recognition.hands.geometry import Square
from action_recognition.hands.identities import HandIdentities, palm_length_px
from action_recognition.hands.networks import SeenHand
from action_recognition.hands.tracker import HandTracker, TrackedHand
from tests.hands.test_tracker import FRAME, DrawnNetworks
from tests.made_landmarks import open_hand

RATE_FPS = 10


def hand(track: int, x: float, right: float = 0.9) -> TrackedHand:
    """Return a hand at a place, under a number of the tracker."""
    points = open_hand() + np.array([x, 200, 0], np.float32)
    return TrackedHand(track, SeenHand(points, points, 0.9, right, Square(0, 0, 1)))


def numbers(frames: list[list[TrackedHand]], rate_fps: float = RATE_FPS) -> list[list[int]]:
    """Return the numbers of the hands of each frame, in their order."""
    identities = HandIdentities()
    return [
        [found.hand_id for found in identities.numbered(hands, index / rate_fps)]
        for index, hands in enumerate(frames)
    ]


def test_the_unit_is_the_palm_of_a_made_hand() -> None:
    # Finger bases lie 40 from the wrist, at -25, 0, 50 degrees; the last bone spans 75 degrees.
    assert palm_length_px(hand(0, 100)) == pytest.approx(
        (3 * 40 + 2 * 40 * np.sin(np.radians(37.5))) / 4
    )


def test_tracks_that_swap_in_a_crossing_keep_the_hands_apart() -> None:
    """The right hand goes right, the left hand left. In the crossing their tracks swap."""
    before = [[hand(0, 100 + 20 * t), hand(1, 260 - 20 * t, 0.1)] for t in range(4)]
    hidden = [[hand(0, 180, 0.1)]]
    after = [[hand(0, 260 - 20 * t, 0.1), hand(2, 100 + 20 * t)] for t in range(5, 9)]
    assert numbers([*before, *hidden, *after]) == [[0, 1]] * 4 + [[1]] + [[1, 0]] * 4


def test_two_hands_of_one_side_are_told_apart_by_where_they_were_going() -> None:
    before = [[hand(0, 100 + 30 * t), hand(1, 340 - 30 * t)] for t in range(4)]
    after = [[hand(0, 340 - 30 * t), hand(1, 100 + 30 * t)] for t in range(5, 8)]
    assert numbers([*before, [], *after]) == [[0, 1]] * 4 + [[]] + [[1, 0]] * 3


def test_hands_that_meet_and_go_back_keep_their_numbers() -> None:
    ways = [*range(4), *range(3, -1, -1)]
    frames = [[hand(0, 100 + 20 * t), hand(1, 260 - 20 * t, 0.1)] for t in ways]
    assert numbers(frames) == [[0, 1]] * 8


def test_a_hand_that_moves_while_it_is_hidden_is_the_same_one() -> None:
    before = [[hand(0, 100 + 12 * t)] for t in range(5)]
    after = [[hand(1, 100 + 12 * t)] for t in range(9, 12)]
    assert numbers([*before, *[[]] * 4, *after])[-1] == [0]


@pytest.mark.parametrize(
    ("x", "right", "frames_away"), [(600.0, 0.9, 2), (100.0, 0.1, 2), (100.0, 0.9, 6)]
)
def test_elsewhere_the_other_hand_or_later_is_a_new_one(
    x: float, right: float, frames_away: int
) -> None:
    frames = [*[[hand(0, 100)]] * 3, *[[]] * frames_away, [hand(1, x, right)]]
    assert numbers(frames)[-1] == [1]


def test_a_quick_hand_that_the_tracker_never_lost_stays_itself() -> None:
    frames = [[hand(0, x)] for x in (100, 400, 100, 400)]
    assert numbers(frames) == [[0]] * 4


def test_a_side_that_flickers_does_not_change() -> None:
    identities = HandIdentities()
    sides = [
        identities.numbered([hand(0, 100, right)], frame / RATE_FPS)[0].handedness
        for frame, right in enumerate([0.9, 0.9, 0.2, 0.9, 0.1, 0.9])
    ]
    assert sides == ["right"] * 6


def test_after_a_cut_and_after_a_jump_back_in_time_hands_are_new() -> None:
    identities = HandIdentities()
    assert identities.numbered([hand(0, 100)], 5.0)[0].hand_id == 0
    identities.clear()
    assert identities.numbered([hand(0, 100)], 5.1)[0].hand_id == 1
    assert identities.numbered([hand(0, 100)], 1.0)[0].hand_id == 2


def test_hands_that_cross_under_a_tracker_keep_their_sides() -> None:
    """The tracker itself: where hands lie on each other it follows one of them."""
    networks = DrawnNetworks()
    tracker, identities = HandTracker(networks), HandIdentities()
    sides: dict[int, set[float]] = {}
    for frame in range(17):
        networks.hands = {60 + 15.0 * frame: 0.9, 302 - 15.0 * frame: 0.1}
        tracked = tracker.track(FRAME, frame / RATE_FPS)
        for seen, kept in zip(tracked, identities.numbered(tracked, frame / RATE_FPS), strict=True):
            sides.setdefault(kept.hand_id, set()).add(seen.seen.right)
    assert sides == {0: {0.9}, 1: {0.1}}

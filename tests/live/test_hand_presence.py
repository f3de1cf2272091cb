"""Hands that come and go: no event for a flicker or a short loss, and the sides of a mirror."""

from __future__ import annotations

import numpy as np
import pytest

from action_recognition.hands.geometry import Square
from action_recognition.hands.networks import SeenHand
from action_recognition.hands.tracker import TrackedHand
from action_recognition.live.hand_presence import HandPresence

POINTS = np.zeros((21, 3), np.float32)


def hand(number: int, right: float = 0.9) -> TrackedHand:
    return TrackedHand(number, SeenHand(POINTS, POINTS, 0.9, right, Square(0, 0, 1)))


def told(presence: HandPresence, frames: list[list[TrackedHand]]) -> list[tuple[object, ...]]:
    """Return the events of frames at 10 fps: change, hand, side, time and since when."""
    return [
        (event.change, event.hand, event.side, round(event.time_s, 3), round(event.since_s, 3))
        for number, hands in enumerate(frames)
        for event in presence.update(hands, number / 10)
    ]


def test_a_hand_comes_after_a_moment_and_goes_after_half_a_second() -> None:
    frames = [[], *[[hand(4)]] * 5, *[[]] * 8]
    assert told(HandPresence(), frames) == [
        ("entered", 0, "right", 0.3, 0.1),
        ("left", 0, "right", 1.1, 0.5),
    ]


def test_a_flicker_and_a_short_loss_are_no_events() -> None:
    flicker = [[hand(0)], [hand(0)], *[[]] * 8]
    assert told(HandPresence(), flicker) == []
    lost = [[hand(0)]] * 4 + [[]] * 4 + [[hand(0)]] * 4
    assert [event[0] for event in told(HandPresence(), lost)] == ["entered"]


def test_two_hands_have_numbers_of_their_own_and_the_mean_side() -> None:
    # One frame takes the left hand for a right one.
    frames = [[hand(0), hand(1, 0.1)], [hand(0), hand(1, 0.8)], [hand(0), hand(1, 0.1)]]
    assert [event[:3] for event in told(HandPresence(), frames)] == [
        ("entered", 0, "right"),
        ("entered", 1, "left"),
    ]
    assert [event[2] for event in told(HandPresence(comes_mirrored=True), frames)] == [
        "left",
        "right",
    ]


def test_all_hands_go_at_a_cut_and_the_next_one_is_another() -> None:
    presence = HandPresence()
    told(presence, [[hand(0)]] * 4 + [[hand(0), hand(1)]])
    gone = presence.clear(0.5)
    assert [(event.change, event.hand, event.since_s) for event in gone] == [
        ("left", 0, pytest.approx(0.4))
    ]
    # A tracker that begins anew counts from 0 again.
    assert told(presence, [[hand(0)]] * 3)[0][:2] == ("entered", 1)

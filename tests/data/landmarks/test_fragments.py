"""Fragments of streams: strokes are found, and every frame has the label that it shows."""

from __future__ import annotations

import numpy as np

from action_recognition.data.landmarks.fragments import NO_LABEL, FragmentMaker, Material
from action_recognition.data.landmarks.movement import stroke_of
from action_recognition.hands.slots import RIGHT, HandArray
from tests.made_landmarks import open_hand

NEGATIVE = 9


def clip(spreads: list[float], x_px: list[float] | None = None) -> HandArray:
    """A right hand that is open as far as `spreads` say, in a picture of 640 x 480."""
    hands = np.zeros((len(spreads), 2, 21, 4), np.float32)
    for place, spread in enumerate(spreads):
        points = open_hand(spread) + np.array([300, 300, 0], np.float32)
        points[:, 0] += x_px[place] if x_px else 0.0
        hands[place, RIGHT, :, :3] = points
        hands[place, RIGHT, :, 3] = 1.0
    return hands


OPENS = [0.1] * 8 + [1.4] * 12 + [0.1] * 6
STAYS_OPEN = [0.1] * 8 + [1.4] * 12


def test_a_stroke_is_where_the_hand_is_not_at_rest() -> None:
    assert stroke_of(clip(OPENS)) == (8, 20)
    assert stroke_of(clip(STAYS_OPEN)) == (8, 20)
    # A hand that comes back elsewhere rests there.
    assert stroke_of(clip(OPENS, [0.0] * 14 + [90.0] * 12)) == (8, 20)
    # One that moves and keeps its shape begins and ends with the movement.
    assert stroke_of(clip([0.6] * 20, [0.0] * 6 + [120.0] * 9 + [0.0] * 5)) == (6, 15)
    # A held one does not move at all.
    assert stroke_of(clip([1.0] * 20)) == (0, 20)


def test_frames_without_a_hand_are_no_stroke() -> None:
    hands = clip([1.0] * 20)
    hands[:4], hands[18:] = 0.0, 0.0
    assert stroke_of(hands) == (4, 18)
    assert stroke_of(np.zeros_like(hands)) == (0, 20)


def fragments(material: Material, other: Material, number: int = 60) -> list[tuple]:
    maker = FragmentMaker(num_frames=64, rate_fps=10.0, negative=NEGATIVE, speed_std=0.1)
    rng = np.random.default_rng(0)
    return [maker.make(other, material, other, rng) for _ in range(number)]


def openness(hands: HandArray) -> np.ndarray:
    """The way from thumb tip to little finger's tip; nan without a hand."""
    ways = hands[:, RIGHT, 4, 0] - hands[:, RIGHT, 20, 0]
    return np.where(hands[:, RIGHT, 0, 3] > 0, np.abs(ways), np.nan)


def test_every_frame_has_the_label_that_it_shows() -> None:
    shut, wide = (openness(clip([spread]))[0] for spread in (0.1, 1.4))
    other = Material.of(clip([0.1] * 15), NEGATIVE)
    begun = []
    for hands, targets in fragments(Material.of(clip(OPENS), 3), other):
        assert hands.shape == (64, 2, 21, 4) and targets.shape == (64,)
        seen = openness(hands)
        assert np.allclose(seen[targets == 3], wide)
        rest = seen[targets == NEGATIVE]
        assert np.all(np.isnan(rest) | np.isclose(rest, shut))
        assert set(targets) <= {NO_LABEL, 3, NEGATIVE}
        begun.append(int(np.argmax(targets == 3)))
    # The stroke begins anywhere, after rest: no place in the fragment gives it away.
    assert min(begun) < 15 and max(begun) > 45 and (np.array(begun) > 0).all()


def test_a_gesture_that_is_held_keeps_its_label() -> None:
    wide = openness(clip([1.4]))[0]
    other = Material.of(clip([0.1] * 15), NEGATIVE)
    held = [
        targets[np.isclose(openness(hands), wide)]
        for hands, targets in fragments(Material.of(clip(STAYS_OPEN), 3), other)
    ]
    assert (np.concatenate(held) == 3).all()


def test_other_things_have_no_gesture_anywhere() -> None:
    other = Material.of(clip(OPENS), NEGATIVE)
    assert all((targets == NEGATIVE).all() for _, targets in fragments(other, other, 5))

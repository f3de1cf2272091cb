"""benchmarks/hands.py: distances are those between hands of one frame."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.hands import CROP, distances, drawn_clips
from tests.made_landmarks import as_landmarks, open_hand


def test_distances_are_in_units_of_the_crop() -> None:
    ours = as_landmarks(np.stack([open_hand()] * 3))
    moved = dataclasses.replace(
        ours, landmarks_px=ours.landmarks_px + np.array([3, 4, 9], np.float32)
    )
    side = 2 * np.ptp(open_hand()[:, :2], axis=0).max()
    assert distances(ours, moved) == pytest.approx([5 / side * CROP] * 63)
    assert not distances(ours, as_landmarks(np.stack([open_hand()] * 3), first_seen=3))


def test_drawn_clips_are_pictures() -> None:
    (clip,) = drawn_clips(1)
    assert clip[0].dtype == np.uint8 and clip[0].shape[2] == 3

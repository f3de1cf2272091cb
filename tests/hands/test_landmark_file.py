"""Files of landmarks."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from action_recognition.errors import UserError
from action_recognition.hands.landmark_file import HandLandmarks, load_landmarks, save_landmarks
from tests.made_landmarks import as_landmarks, open_hand


def test_what_was_written_is_read(tmp_path: Path) -> None:
    hands = as_landmarks(np.stack([open_hand()] * 3), side="left", first_seen=1)
    save_landmarks(tmp_path / "clip.npz", hands, networks="made up")
    read = load_landmarks(tmp_path / "clip.npz")
    for item in fields(HandLandmarks):
        assert np.array_equal(getattr(read, item.name), getattr(hands, item.name)), item.name
    assert read.seen_share == pytest.approx(2 / 3)
    assert read.right.tolist() == pytest.approx([0.1, 0.1])


def test_a_clip_without_hands_has_empty_arrays(tmp_path: Path) -> None:
    save_landmarks(tmp_path / "clip.npz", as_landmarks(np.stack([open_hand()] * 3), first_seen=3))
    read = load_landmarks(tmp_path / "clip.npz")
    assert read.landmarks_px.shape == (0, 21, 3) and len(read.tracked_frames) == 3
    assert read.seen_share == 0.0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no archive at all"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"clip\.npz: is no whole file of landmarks"):
        load_landmarks(tmp_path / "clip.npz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file of landmarks"):
        load_landmarks(tmp_path / "clip.npz")

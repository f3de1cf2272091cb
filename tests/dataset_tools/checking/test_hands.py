"""Clips whose hands teach too little, found where the template takes landmarks."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.dataset_tools.checking.check_dataset import CheckOptions, check
from action_recognition.dataset_tools.showing.items import clip_items
from action_recognition.dataset_tools.showing.strips import make_strip, strip_frames
from action_recognition.hands.landmark_file import HandLandmarks, save_landmarks
from tests.conftest import REPOSITORY
from tests.made_landmarks import (
    NUM_FRAMES,
    RATE_FPS,
    TEMPLATE,
    as_landmarks,
    moving_hand,
    write_set,
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACTION_RECOGNITION_CACHE", str(tmp_path / "cache"))
    return write_set(tmp_path / "set")


def set_hands(clip: Path, hands: HandLandmarks) -> None:
    store = LandmarkStore(default_store_folder(), RATE_FPS)
    save_landmarks(store.file_of(TrackedVideo(clip, NUM_FRAMES, RATE_FPS, 1)), hands)


def found(root: Path, template: bool = True) -> dict[str, str]:
    """The kinds that were found, with their messages; those of noise in the videos left out."""
    options = CheckOptions(
        ann_files=[root / "train.txt", root / "val.txt"],
        data_roots=[root],
        template=REPOSITORY / TEMPLATE if template else None,
    )
    findings = [item for item in check(options).findings if "hand" in item.kind]
    return {item.kind: f"{Path(item.file).name}:{item.line} {item.message}" for item in findings}


def hands_of(first_seen: int = 0) -> HandLandmarks:
    return as_landmarks(moving_hand("open", np.random.default_rng(3)), first_seen=first_seen)


def with_places(scale: float = 1.0, shift: float = 0.0) -> HandLandmarks:
    hands = hands_of()
    return dataclasses.replace(
        hands, landmarks_px=(hands.landmarks_px * scale + shift).astype(np.float32)
    )


def both_hands() -> HandLandmarks:
    """Every frame shows two hands, far from each other."""
    one = hands_of()
    return dataclasses.replace(
        one,
        frame_index=np.repeat(one.frame_index, 2),
        time_ms=np.repeat(one.time_ms, 2),
        hand_id=np.tile([0, 1], NUM_FRAMES),
        handedness=np.tile(["left", "right"], NUM_FRAMES),
        handedness_score=np.repeat(one.handedness_score, 2),
        landmarks_px=np.repeat(one.landmarks_px, 2, axis=0),
        world_m=np.repeat(one.world_m, 2, axis=0),
        presence=np.repeat(one.presence, 2),
    )


def test_sound_hands_are_not_remarked(root: Path) -> None:
    assert found(root) == {}


@pytest.mark.parametrize(
    ("hands", "kind", "message"),
    [
        (hands_of(NUM_FRAMES), "no-hand", "no hand is seen in any frame"),
        (hands_of(12), "hand-rarely-seen", "a hand is seen in 25% of the frames"),
        (with_places(scale=0.05), "note-hand-small", "pixels long"),
        (with_places(shift=600.0), "note-hand-at-edge", "in 100% of its frames"),
    ],
)
def test_a_clip_that_teaches_too_little_is_named(
    root: Path, hands: HandLandmarks, kind: str, message: str
) -> None:
    set_hands(root / "videos/left_0.mp4", hands)
    named = found(root)
    assert list(named) == [kind]
    assert named[kind].startswith("train.txt:1 ") and message in named[kind]
    assert found(root, template=False) == {}, "only where the template takes landmarks"


def test_one_hand_among_clips_of_two_is_named(root: Path) -> None:
    for number in range(1, 6):
        set_hands(root / f"videos/left_{number}.mp4", both_hands())
    named = found(root)
    assert list(named) == ["note-one-hand-of-two"]
    assert named["note-one-hand-of-two"].startswith("train.txt:1 most clips of its class")


def test_hands_are_drawn_into_the_pages_thumbnails(root: Path) -> None:
    options = CheckOptions(
        ann_files=[root / "train.txt"], data_roots=[root], template=REPOSITORY / TEMPLATE
    )
    checked = check(options)
    items, _, _ = clip_items(checked, 100)
    stretch = items[0].stretch
    assert stretch is not None and stretch.landmark_file is not None
    # The videos are 32 pixels wide, their hands lie at 200 and more: draw them inside.
    set_hands(root / "videos/left_0.mp4", with_places(scale=0.05, shift=-5.0))
    drawn = strip_frames(make_strip(stretch))
    bare = strip_frames(make_strip(stretch._replace(landmark_file=None)))
    assert np.abs(drawn.astype(int) - bare).max() > 100

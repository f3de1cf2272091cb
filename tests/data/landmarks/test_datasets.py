"""Landmark clips of annotated videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from action_recognition.data.annotations import ClipTable, read_annotations
from action_recognition.data.batches import DamagedClip, Sample
from action_recognition.data.landmarks.datasets import LandmarkDataset, mirrored
from action_recognition.data.landmarks.sampling import spread_places, warped_places
from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.hands.landmark_file import save_landmarks
from action_recognition.hands.slots import LEFT, RIGHT
from action_recognition.template import Flip, LandmarkAugmentation, LandmarkInput
from tests.made_landmarks import (
    LABELS,
    NUM_FRAMES,
    RATE_FPS,
    as_landmarks,
    moving_hand,
    write_set,
)

INPUT = LandmarkInput(kind="landmarks", clip_len=8, frame_rate_fps=4.0, tracking_rate_fps=RATE_FPS)
STRONG = LandmarkAugmentation(
    type="landmarks",
    rotate_degrees=0,
    tilt_degrees=0,
    stretch=0,
    noise=0,
    drop_frames=0,
    gap_probability=0,
    lose_hand_probability=0,
    time_warp=0.2,
    cut_ends=0.3,
    flip=Flip(probability=0.5, label_swaps={"left": "right"}),
)


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClipTable:
    monkeypatch.setenv("ACTION_RECOGNITION_CACHE", str(tmp_path / "cache"))
    root = write_set(tmp_path / "set", clips_per_class=3)
    return read_annotations([root / "train.txt"], [root], LABELS)


@pytest.fixture
def store() -> LandmarkStore:
    return LandmarkStore(default_store_folder(), RATE_FPS)


def sample(item: Sample | DamagedClip) -> Sample:
    assert isinstance(item, Sample), item
    return item


def test_clips_are_read_out_of_the_store(clips: ClipTable, store: LandmarkStore) -> None:
    dataset = LandmarkDataset(clips, INPUT, store)
    clip, label, index, *_ = sample(dataset[0])
    assert clip.shape == (4, 8, 2, 21) and (label, index) == (0, 0)
    assert clip[3, :, RIGHT, 0].tolist() == [1] * 8 and not clip[:, :, LEFT].any()
    # The hand of the second clip comes in its second frame: that is where the gesture begins.
    assert sample(dataset[1]).clip[3, :, RIGHT, 0].tolist() == [1] * 8


def test_random_clips_follow_from_their_key(clips: ClipTable, store: LandmarkStore) -> None:
    swaps = {0: 2, 2: 0}
    first, second = (LandmarkDataset(clips, INPUT, store, STRONG, swaps, seed=3) for _ in range(2))
    keys = [(epoch, index, 0) for epoch in range(4) for index in range(len(clips))]
    pairs = [(sample(first[key]), sample(second[key])) for key in keys]
    assert all(bool((one.clip == other.clip).all()) for one, other in pairs)

    # About half of them are mirrored, with their labels.
    for (_, index, _), (one, _) in zip(keys, pairs, strict=True):
        is_left = bool(one.clip[3, :, LEFT].any())
        expected = clips[index].label
        assert one.label == (swaps.get(expected, expected) if is_left else expected)
    assert {bool(one.clip[3, :, LEFT].any()) for one, _ in pairs} == {True, False}


def test_a_mirror_changes_sides_and_keeps_what_is_not_seen() -> None:
    array = np.zeros((1, 2, 21, 4), np.float32)
    array[0, RIGHT, :, 0], array[0, RIGHT, :, 3] = 5.0, 1.0
    swapped = mirrored(array)
    assert (swapped[0, LEFT, :, 0] == -5.0).all() and not swapped[0, RIGHT].any()
    assert np.array_equal(mirrored(swapped), array)


def test_a_clip_without_a_hand_teaches_nothing(
    tmp_path: Path, clips: ClipTable, store: LandmarkStore
) -> None:
    hands = moving_hand("left", np.random.default_rng(0))
    path = Path(str(clips[0].path))
    video = TrackedVideo(path, NUM_FRAMES, RATE_FPS, 1)
    save_landmarks(store.file_of(video), as_landmarks(hands, first_seen=NUM_FRAMES))

    item = LandmarkDataset(clips, INPUT, store, STRONG)[(0, 0, 0)]
    assert isinstance(item, DamagedClip)
    assert "train.txt:1: " in item.message and "no hand is seen in it" in item.message
    # Evaluation keeps it: a model that missed the hand has missed the gesture.
    assert not sample(LandmarkDataset(clips, INPUT, store)[0]).clip.any()


def test_a_video_that_was_not_tracked_is_named(
    clips: ClipTable, store: LandmarkStore, tmp_path: Path
) -> None:
    item = LandmarkDataset(clips, INPUT, LandmarkStore(tmp_path / "empty", RATE_FPS))[0]
    assert isinstance(item, DamagedClip) and "its hands were not tracked" in item.message


def test_places_are_spread_over_any_number_of_frames() -> None:
    assert spread_places(24, 24).tolist() == list(range(24))
    assert spread_places(1, 3).tolist() == [0, 0, 0]
    rng = np.random.default_rng(0)
    for num_tracked in (1, 2, 30, 300):
        places = warped_places(num_tracked, 24, 0.3, 0.4, rng)
        assert len(places) == 24 and (np.diff(places) >= 0).all()
        assert places.min() >= 0 and places.max() < num_tracked

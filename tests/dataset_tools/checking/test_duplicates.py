"""The same pictures coded again are found; different people who make the same gesture in one studio
are not.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.data.video import count_frames, read_frames
from action_recognition.dataset_tools.checking.duplicates import near_duplicates
from action_recognition.dataset_tools.checking.media_reading import inspect_media
from action_recognition.dataset_tools.checking.media_report import Look
from tests.synthetic import write_video


def look_of(path: Path) -> Look:
    look = inspect_media(path).look
    assert look is not None
    return look


@pytest.fixture(scope="module")
def one_studio(real_data: Path) -> dict[Path, Look]:
    """A word of every signer who is filmed before the same kind of plain background."""
    clips = [
        clip
        for word in ("computer", "bed", "cool")
        for clip in sorted((real_data / "asl_words/videos" / word).glob("*.mp4"))
    ]
    people = {clip.parent.name + clip.name.split("_")[0]: clip for clip in clips}
    return {clip: look_of(clip) for clip in people.values()}


def test_different_people_are_no_duplicates(one_studio: dict[Path, Look]) -> None:
    clips = list(one_studio)
    for clip in clips:
        others = [other for other in clips if other.name.split("_")[0] != clip.name.split("_")[0]]
        assert not list(near_duplicates(one_studio, [clip], others))


@pytest.mark.parametrize(
    "change",
    [
        "coded again",
        "smaller",
        "brighter",
        "a strip cut off",
        "cut at both ends",
        "every second frame",
    ],
)
def test_the_same_clip_is_found(change: str, one_studio: dict[Path, Look], tmp_path: Path) -> None:
    sources, num_found = list(one_studio)[::3], 0
    for number, source in enumerate(sources):
        frames = read_frames(source, range(count_frames(source)))
        copy = write_video(
            tmp_path / f"{number}.mp4", changed(frames, change), 25, options={"crf": "30"}
        )
        looks = one_studio | {copy: look_of(copy)}
        found = [other for _, other, _ in near_duplicates(looks, [copy], list(one_studio))]
        assert found in ([source], [])
        num_found += len(found)
    other_frames = change in ("cut at both ends", "every second frame")
    assert num_found >= (0.75 if other_frames else 1.0) * len(sources)


def changed(frames: np.ndarray, change: str) -> np.ndarray:
    height, width = frames.shape[1] // 2 * 2, frames.shape[2] // 2 * 2
    frames = frames[:, :height, :width]
    if change == "smaller":
        return np.stack([cv2.resize(frame, (128, 96)) for frame in frames])
    if change == "brighter":
        return np.clip(frames * 0.8 + 40, 0, 255).astype(np.uint8)
    if change == "cut at both ends":
        return frames[len(frames) // 30 : len(frames) - len(frames) // 30]
    if change == "every second frame":
        return frames[::2]
    if change == "a strip cut off":
        return frames[:, 4:, 4:]
    return frames

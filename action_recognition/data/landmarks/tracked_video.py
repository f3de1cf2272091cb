"""The frames of a video in which hands are tracked. Deployment needs nothing else of this room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.video import read_frames
from action_recognition.hands.networks import Picture

# Frames that are decoded together: at 1080p 100 MB.
_FRAMES_AT_ONCE = 16


@dataclass(frozen=True)
class TrackedVideo:
    """A video to be tracked: every `step`-th of its `num_frames` frames."""

    path: MediaPath
    num_frames: int
    frame_rate_fps: float
    step: int


def tracked_pictures(video: TrackedVideo) -> Iterator[tuple[int, float, Picture]]:
    """Yield number, time in seconds and picture of the frames to track."""
    numbers = range(0, video.num_frames, video.step)
    for first in range(0, len(numbers), _FRAMES_AT_ONCE):
        some = numbers[first : first + _FRAMES_AT_ONCE]
        pictures = read_frames(video.path, some)
        for number, picture in zip(some, pictures, strict=True):
            yield number, number / video.frame_rate_fps, picture

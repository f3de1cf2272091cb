"""Sources of the frames of a clip: the files of the data set, or a cache in front of them.

The cache is `frame_cache.FrameCache`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Protocol

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.transforms import Frames, shrink_picture
from action_recognition.data.video import container_frame_rate, count_frames, read_frames
from action_recognition.errors import user_error


class FrameSource(Protocol):
    """Gives the frames of annotated clips.

    Both methods raise UserError for a video that cannot be read.
    """

    def complete(self, record: ClipRecord, default_rate_fps: float) -> ClipRecord:
        """Return the record with the ends and rate of a two-column line, see `completed`."""

    def read(self, record: ClipRecord, frame_indices: Sequence[int]) -> Frames:
        """Return the frames of those numbers of the record's video, (T, H, W, 3) uint8 RGB.

        They are as in the file, or already shrunk for the recipe.
        """


class FileFrames:
    """Frames out of the video files and frame folders themselves.

    With `short_side` they are shrunk to it, see `shrink_picture`.
    """

    def __init__(self, short_side: int | None = None) -> None:
        self._shrink = (
            functools.partial(shrink_picture, resize_short_side=short_side)
            if short_side is not None
            else None
        )

    def complete(self, record: ClipRecord, default_rate_fps: float) -> ClipRecord:
        """Return the record with the ends and rate of a two-column line, see `completed`."""
        # Seven columns state the rate: the file need not be asked for it.
        num_frames = count_frames(record.path)
        rate = container_frame_rate(record.path) if record.is_whole_video else None
        return completed(record, num_frames, rate, default_rate_fps)

    def read(self, record: ClipRecord, frame_indices: Sequence[int]) -> Frames:
        """Read the frames of those numbers of the record's video, (T, H, W, 3) uint8 RGB."""
        return read_frames(record.path, frame_indices, self._shrink)


def completed(
    record: ClipRecord, num_frames: int, stated_rate_fps: float | None, default_rate_fps: float
) -> ClipRecord:
    """Return the record with the ends and rate of a two-column line filled in.

    The video has `num_frames` and states that rate. A frame folder, and a file that states no rate,
    gets `default_rate_fps`. Give the model's, so that every frame is used.

    Raises UserError: the video is shorter than the annotation line says.
    """
    if record.is_whole_video:
        # Two columns: the clip is the whole video.
        rate = stated_rate_fps or default_rate_fps
        return dataclasses.replace(
            record, clip_end=num_frames, video_end=num_frames, frame_rate_fps=rate
        )

    # Seven columns: they are right unless the video is shorter.
    if record.video_end > num_frames:
        line = f"the line ends the video at frame {record.video_end}"
        found = f"{line}, but it has {num_frames} frames"
        raise user_error(str(record.path), found, f"video_end up to {num_frames}")
    return record

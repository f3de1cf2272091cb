"""Frames out of video files, frame folders and photos.

Frame numbers count the frames in the order of display, whatever the frame rate does. `video_file`
reads video files, `frame_folder` folders of images, and `photo` photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.frame_folder import (
    Shrink,
    check_frame_numbers,
    list_frame_files,
    probe_folder,
    read_folder_frames,
)
from action_recognition.data.photo import PHOTO_SUFFIXES, read_photo
from action_recognition.data.video_file import (
    OpenedVideo,
    count_video_frames,
    decode_threads,
    forget_files,
    read_video_frames,
    set_decode_threads,
)

__all__ = [
    "OpenedVideo",
    "VideoInfo",
    "container_frame_rate",
    "count_frames",
    "decode_threads",
    "forget_files",
    "is_photo",
    "probe",
    "read_frames",
    "set_decode_threads",
]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Length, rate and size of a video.

    `frame_rate_fps` is None for a frame folder or a photo, which state none.
    """

    num_frames: int
    frame_rate_fps: float | None
    width: int
    height: int


def is_photo(path: MediaPath) -> bool:
    """Return True for a path that is read as a photo, a clip of one frame. A GIF is a video."""
    return path.suffix.lower() in PHOTO_SUFFIXES - {".gif"}


def count_frames(path: MediaPath) -> int:
    """Return the number of frames of a video file, frame folder or photo.

    Raises UserError: the path cannot be read.
    """
    if path.is_dir():
        return len(list_frame_files(path))
    return 1 if is_photo(path) else count_video_frames(path)


def probe(path: MediaPath) -> VideoInfo:
    """Return length, rate and size of a video file, frame folder or photo.

    Raises UserError: the path cannot be read.
    """
    if path.is_dir():
        num_frames, height, width = probe_folder(path)
        return VideoInfo(num_frames, None, width, height)
    if is_photo(path):
        height, width = read_photo(path).shape[:2]
        return VideoInfo(1, None, width, height)
    # The first frame gives the size as shown, after its rotation.
    num_frames = count_video_frames(path)
    height, width = read_video_frames(path, [0])[0].shape[:2]
    return VideoInfo(num_frames, container_frame_rate(path), width, height)


def container_frame_rate(path: MediaPath) -> float | None:
    """Return the average frame rate that a video file states.

    None for a frame folder, a photo or a file that states none.
    """
    if path.is_dir() or is_photo(path):
        return None
    with OpenedVideo(path) as (_, stream):
        rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else None


def read_frames(
    path: MediaPath, frame_indices: Sequence[int], shrink: Shrink | None = None
) -> NDArray[np.uint8]:
    """Read the frames of those numbers (0-based, any order, repeats allowed).

    Returns (T, H, W, 3) uint8 RGB. `path` is a video file, a folder of numbered images, or a photo,
    which is one frame. `shrink` is applied to each picture once it is decoded, so that only small
    ones are in memory together.

    The rotation that a file states is applied. Pictures equal OpenCV's to within 2 of 255 levels.
    Raises UserError: the path is missing, damaged, empty or shorter.
    """
    if path.is_dir():
        return read_folder_frames(path, frame_indices, shrink)
    if is_photo(path):
        check_frame_numbers(path, frame_indices, 1)
        picture = read_photo(path) if shrink is None else shrink(read_photo(path))
        return np.repeat(picture[None], len(frame_indices), axis=0)
    return read_video_frames(path, frame_indices, shrink)

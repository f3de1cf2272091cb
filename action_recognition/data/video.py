"""Frames out of video files, frame folders and photos.

Frame numbers count the frames in the order of display, whatever the frame rate does. `media` reads
video files, `frame_folder` folders of images, and `photo` photos.
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
from action_recognition.data.media.opening import OpenedVideo, decode_threads, set_decode_threads
from action_recognition.data.media.packet_index import forget_files, packet_index
from action_recognition.data.media.rates import FrameRate
from action_recognition.data.media.windows import read_video_frames
from action_recognition.data.photo import PHOTO_SUFFIXES, photo_kind, read_photo
from action_recognition.data.photo_kinds import VIDEO_SUFFIXES

__all__ = [
    "OpenedVideo",
    "VideoInfo",
    "container_frame_rate",
    "count_frames",
    "decode_threads",
    "forget_files",
    "frame_rate",
    "frame_times",
    "is_photo",
    "notes_on",
    "probe",
    "read_frames",
    "set_decode_threads",
]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Length, rate and size of a video.

    `frame_rate_fps` is None for a frame folder or a photo, which state none. `notes` say how a file
    is read where that is not as it states.
    """

    num_frames: int
    frame_rate_fps: float | None
    width: int
    height: int
    notes: tuple[str, ...] = ()


def is_photo(path: MediaPath) -> bool:
    """Return True for a path that is read as a photo, a clip of one frame. A GIF is a video.

    The suffix of a photo or of a video says so. With any other, or none, the content does.
    """
    suffix = path.suffix.lower()
    if suffix in PHOTO_SUFFIXES | VIDEO_SUFFIXES:
        return suffix not in VIDEO_SUFFIXES
    return photo_kind(path) != ""


def count_frames(path: MediaPath) -> int:
    """Return the number of frames of a video file, frame folder or photo.

    Raises UserError: the path cannot be read.
    """
    if path.is_dir():
        return len(list_frame_files(path))
    return 1 if is_photo(path) else len(packet_index(path).pts)


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
    index = packet_index(path)
    height, width = read_video_frames(path, [0])[0].shape[:2]
    return VideoInfo(len(index.pts), index.rate.fps, width, height, index.notes)


def container_frame_rate(path: MediaPath) -> float | None:
    """Return the frame rate of a video file, None for a frame folder or a photo.

    It is what the file states where frames and times agree, and their mean elsewhere.
    Raises UserError: the file cannot be read.
    """
    rate = frame_rate(path)
    return rate.fps if rate else None


def frame_rate(path: MediaPath) -> FrameRate | None:
    """Return the frame rate of a video file and how sure it is, as `container_frame_rate`."""
    return None if path.is_dir() or is_photo(path) else packet_index(path).rate


def frame_times(path: MediaPath) -> NDArray[np.float64]:
    """Return the times in seconds at which the frames of a video file are shown, the first at 0.

    They rise. Raises UserError: the file cannot be read.
    """
    return packet_index(path).times_s


def notes_on(path: MediaPath) -> tuple[str, ...]:
    """Return how a video file is read where that is not as it states. Raises as `frame_times`."""
    return () if path.is_dir() or is_photo(path) else packet_index(path).notes


def read_frames(
    path: MediaPath, frame_indices: Sequence[int], shrink: Shrink | None = None
) -> NDArray[np.uint8]:
    """Read the frames of those numbers (0-based, any order, repeats allowed).

    Returns (T, H, W, 3) uint8 RGB. `path` is a video file, a folder of numbered images, or a photo,
    which is one frame. `shrink` is applied to each picture once it is decoded, so that only small
    ones are in memory together.

    Pictures stand as a player shows them. Colours are read as the file states them, and as BT.601
    if it states nothing, whatever the size. OpenCV 5 gives the same to within 2 of 255 levels, for
    SDR with the primaries of BT.709 or none. Tags that FFmpeg cannot read have a stand-in, see
    `media.colours`, and HDR is mapped to SDR BT.709.
    Raises UserError: the path is missing, damaged, empty or shorter.
    """
    if path.is_dir():
        return read_folder_frames(path, frame_indices, shrink)
    if is_photo(path):
        check_frame_numbers(path, frame_indices, 1)
        picture = read_photo(path) if shrink is None else shrink(read_photo(path))
        return np.repeat(picture[None], len(frame_indices), axis=0)
    return read_video_frames(path, frame_indices, shrink)

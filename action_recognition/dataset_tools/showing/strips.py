"""Thumbnails of a clip: a few frames beside each other, as one small JPEG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.video import count_frames, read_frames
from action_recognition.errors import UserError
from action_recognition.hands.drawing import draw_hand
from action_recognition.hands.landmark_file import HandLandmarks, load_landmarks
from action_recognition.worker_pool import map_apart

NUM_FRAMES = 8  # in a strip
HEIGHT = 96  # pixels
MAX_WIDTH = 192  # of a frame; longer pictures are cut at both sides
_QUALITY = 60  # low, since a page holds many strips


class Stretch(NamedTuple):
    """Frames `start` to `end` (exclusive) of a video or frame folder.

    Without an `end`, they reach to the last frame. Hands are drawn out of `landmark_file`.
    """

    path: Path
    start: int = 0
    end: int | None = None
    landmark_file: Path | None = None


def make_strips(
    stretches: Sequence[Stretch], jobs: int, progress: Callable[[int, int], None]
) -> dict[Stretch, bytes]:
    """Return a JPEG for each stretch, empty if it cannot be read."""
    # Lines that share a stretch share its strip.
    different = sorted(set(stretches), key=lambda item: (item.path, item.start, item.end or 0))

    strips = {}
    for stretch, strip in map_apart(make_strip, different, jobs, _no_strip):
        strips[stretch] = strip
        progress(len(strips), len(different))
    return strips


def make_strip(stretch: Stretch) -> bytes:
    """Return `NUM_FRAMES` frames of a stretch as a JPEG, empty if it cannot be read.

    The frames are evenly spaced, from the first to the last.
    """
    try:
        total = count_frames(stretch.path)
        end = min(total, total if stretch.end is None else stretch.end)
        start = max(0, min(stretch.start, end - 1))
        places = np.linspace(start, end - 1, NUM_FRAMES).round().astype(int)
        frames = read_frames(stretch.path, places.tolist())
        if stretch.landmark_file is not None:
            frames = _with_hands(frames, places, load_landmarks(stretch.landmark_file))
    except (UserError, ValueError, OSError):
        return b""

    # OpenCV takes BGR.
    strip = np.concatenate([_shrunk(frame) for frame in frames], axis=1)
    done, jpeg = cv2.imencode(".jpg", strip[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes() if done else b""


def strip_frames(strip: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG of `make_strip` to RGB frames (`NUM_FRAMES`, `HEIGHT`, W, 3), uint8."""
    picture = cv2.imdecode(np.frombuffer(strip, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.stack(np.split(picture[..., ::-1], NUM_FRAMES, axis=1))


def _with_hands(
    frames: NDArray[np.uint8], places: NDArray[np.int64], landmarks: HandLandmarks
) -> NDArray[np.uint8]:
    """Draw the hands of the nearest tracked frame into each frame (T, H, W, 3)."""
    drawn = np.array(frames)
    for frame, place in zip(drawn, places, strict=True):
        tracked = landmarks.tracked_frames
        nearest = tracked[np.abs(tracked - place).argmin()]
        for row in np.flatnonzero(landmarks.frame_index == nearest):
            draw_hand(frame, landmarks.landmarks_px[row], str(landmarks.handedness[row]))
    return drawn


def _shrunk(frame_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a frame (H, W, 3) at the height of a strip, its sides cut off where it is too wide."""
    height, width = frame_hwc.shape[:2]
    size = (max(1, round(width * HEIGHT / height)), HEIGHT)
    small = np.asarray(cv2.resize(frame_hwc, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # The middle of a wide frame is kept.
    cut = max(0, (small.shape[1] - MAX_WIDTH) // 2)
    return small[:, cut : cut + MAX_WIDTH]


def _no_strip(stretch: Stretch) -> bytes:
    """Return the result of a stretch that crashed its process."""
    return b""

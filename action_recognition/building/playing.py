"""Clips that play within a page: a few frames a second, small, as an animated WebP picture."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from action_recognition.data.video import container_frame_rate, count_frames, read_frames
from action_recognition.errors import UserError

_HEIGHT, _MAX_WIDTH = 150, 266  # pixels
_MAX_FRAMES, _FRAME_RATE_FPS = 24, 8.0
_QUALITY = 55
_USUAL_RATE_FPS = 30.0  # of a folder of frames, which states none


def playing_clip(path: Path, start: int = 0, end: int | None = None) -> str:
    """Return frames `start` to `end` (exclusive) as a data URL, empty if they cannot be read.

    It plays at the speed at which it was filmed, unless it is long: then it plays faster.
    """
    try:
        total = count_frames(path)
        end = min(total, end or total)
        start = max(0, min(start, end - 1))
        rate_fps = container_frame_rate(path) or _USUAL_RATE_FPS
        seconds = (end - start) / rate_fps
        number = max(1, min(_MAX_FRAMES, end - start, round(seconds * _FRAME_RATE_FPS)))
        places = np.linspace(start, end - 1, number).round().astype(int).tolist()
        frames = [_small(frame) for frame in read_frames(path, places)]
    except (UserError, ValueError, OSError):
        return ""

    picture = io.BytesIO()
    first, *others = [PIL.Image.fromarray(frame) for frame in frames]
    shown_ms = round(1000 / _FRAME_RATE_FPS)
    options = {"quality": _QUALITY, "method": 3, "loop": 0, "duration": shown_ms}
    first.save(picture, "WEBP", save_all=True, append_images=others, **options)
    return f"data:image/webp;base64,{base64.b64encode(picture.getvalue()).decode()}"


def _small(
    frame_hwc: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a frame (H, W, 3) at a height of 150 pixels, its sides cut off where it is wide."""
    height, width = frame_hwc.shape[:2]
    size = (max(1, round(width * _HEIGHT / height)), _HEIGHT)
    small = np.asarray(cv2.resize(frame_hwc, size, interpolation=cv2.INTER_AREA), np.uint8)
    cut = max(0, (small.shape[1] - _MAX_WIDTH) // 2)
    return np.ascontiguousarray(small[:, cut : cut + _MAX_WIDTH])

"""A few frames of a clip beside each other, as one small JPEG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.video import count_frames, read_frames
from action_recognition.dataset_tools.checking.pool import map_apart
from action_recognition.errors import UserError

NUM_FRAMES = 4
HEIGHT = 96  # pixels
MAX_WIDTH = 192  # of a frame; longer pictures are cut at both sides
_QUALITY = 60


class Stretch(NamedTuple):
    """The frames from `start` to `end` (exclusive; None is the last) of a video or frame folder."""

    path: Path
    start: int = 0
    end: int | None = None


def make_strips(
    stretches: Sequence[Stretch], jobs: int, progress: Callable[[int, int], None]
) -> dict[Stretch, bytes]:
    """A JPEG for each, empty where it cannot be read."""
    different = sorted(set(stretches), key=lambda item: (item.path, item.start, item.end or 0))
    strips = {}
    for stretch, strip in map_apart(make_strip, different, jobs, _no_strip):
        strips[stretch] = strip
        progress(len(strips), len(different))
    return strips


def make_strip(stretch: Stretch) -> bytes:
    """`NUM_FRAMES` frames evenly out of a stretch, first and last among them, as a JPEG; empty where it cannot be read."""
    try:
        total = count_frames(stretch.path)
        end = min(total, total if stretch.end is None else stretch.end)
        start = max(0, min(stretch.start, end - 1))
        places = np.linspace(start, end - 1, NUM_FRAMES).round().astype(int)
        frames = read_frames(stretch.path, places.tolist())
    except (UserError, ValueError, OSError):
        return b""

    strip = np.concatenate([_shrunk(frame) for frame in frames], axis=1)
    done, jpeg = cv2.imencode(".jpg", strip[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes() if done else b""


def strip_frames(strip: bytes) -> NDArray[np.uint8]:
    """(`NUM_FRAMES`, `HEIGHT`, W, 3) uint8 RGB out of a JPEG of `make_strip`."""
    picture = cv2.imdecode(np.frombuffer(strip, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.stack(np.split(picture[..., ::-1], NUM_FRAMES, axis=1))


def _shrunk(frame_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = frame_hwc.shape[:2]
    size = (max(1, round(width * HEIGHT / height)), HEIGHT)
    small = np.asarray(cv2.resize(frame_hwc, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    cut = max(0, (small.shape[1] - MAX_WIDTH) // 2)
    return small[:, cut : cut + MAX_WIDTH]


def _no_strip(stretch: Stretch) -> bytes:
    return b""

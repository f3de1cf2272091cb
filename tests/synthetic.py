"""Small real videos, frame folders and annotation files, in which every frame shows its own number.

The number stands as 12 binary blocks (black or white), 4 in a row, over the whole picture: it
survives compression, resizing and a centre crop of most of the picture is still readable by
`read_frame_number` of the whole one only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

NUM_COLUMNS, NUM_ROWS = 4, 3
_BITS = NUM_COLUMNS * NUM_ROWS


def numbered_frames(
    num_frames: int, height: int = 48, width: int = 64, first: int = 0
) -> NDArray[np.uint8]:
    """(N, H, W, 3) uint8 RGB frames that show the numbers `first`, `first + 1`, ... below 4096."""
    numbers = np.arange(first, first + num_frames)
    bits = (numbers[:, None] >> np.arange(_BITS)) & 1
    blocks = (bits.reshape(-1, NUM_ROWS, NUM_COLUMNS) * 200 + 28).astype(np.uint8)
    rows = np.arange(height) * NUM_ROWS // height
    columns = np.arange(width) * NUM_COLUMNS // width
    grey = blocks[:, rows][:, :, columns]
    return np.repeat(grey[..., None], 3, axis=-1)


def read_frame_number(frame_hwc: NDArray[np.uint8]) -> int:
    """The number that a frame of `numbered_frames` shows, also after compression and resizing."""
    height, width = frame_hwc.shape[:2]
    number = 0
    for bit in range(_BITS):
        row, column = divmod(bit, NUM_COLUMNS)
        y, x = int((row + 0.5) * height / NUM_ROWS), int((column + 0.5) * width / NUM_COLUMNS)
        number |= int(frame_hwc[y, x].mean() > 128) << bit
    return number


def write_video(
    path: Path,
    frames_thwc_rgb: NDArray[np.uint8],
    frame_rate_fps: float = 30,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    ticks: Sequence[int] | None = None,
    rotation: int = 0,
    container_options: dict[str, str] | None = None,
    pixel_aspect: tuple[int, int] | None = None,
    tags: Mapping[str, int] | None = None,
) -> Path:
    """Write frames with PyAV: H.264 with B-frames by default; the container follows the suffix;
    returns `path`.

    `ticks`: one time stamp per frame, in frame durations, for a variable frame rate. `rotation`:
    display matrix, degrees anticlockwise. `tags`: codes of ITU-T H.273 by PyAV's names, such as
    {"colorspace": 9}, which are written whatever the pixels are.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = Fraction(frame_rate_fps).limit_denominator(1001)
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames_thwc_rgb.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = (
            options
            if options is not None
            else ({"bf": "2", "g": "12"} if codec == "libx264" else {})
        )
        stream.codec_context.time_base = 1 / rate
        if rotation:
            stream.set_display_rotation(rotation)
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(*pixel_aspect)
        for name, code in (tags or {}).items():
            setattr(stream.codec_context, name, code)
        container.start_encoding()  # a header also when there is no frame
        for i, picture in enumerate(frames_thwc_rgb):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = (ticks[i] if ticks is not None else i), 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if codec == "libsvtav1" and hasattr(
        os, "sched_setscheduler"
    ):  # run by root, it makes the process real-time
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def write_audio_only(path: Path) -> Path:
    """A real file without any video stream: 0.1 s of silence."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def truncate(source: Path, target: Path, keep: float) -> Path:
    """A copy of the first part of a file."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])
    return target


def write_frame_folder(
    folder: Path,
    frames_thwc_rgb: NDArray[np.uint8],
    pattern: str = "img_{:05d}.jpg",
    first: int = 1,
) -> Path:
    """Numbered images; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(frames_thwc_rgb, start=first):
        cv2.imwrite(str(folder / pattern.format(number)), picture[..., ::-1])
    return folder


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """An annotation file; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path

"""Drawn clips as files: H.264 videos, annotation lines of 7 columns, classes.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from action_recognition.dataset_tools.drawn_hands.drawing import DrawnClip, DrawnStream, draw_clip
from action_recognition.dataset_tools.drawn_hands.motion import MOTIONS
from action_recognition.dataset_tools.drawn_hands.strokes import Image
from action_recognition.dataset_tools.drawn_hands.style import Style
from action_recognition.files import write_atomically, write_json, write_text

CLASSES_FILE = "classes.json"
# Some GOP structure, as files of cameras and phones have it; quick to decode, since training decodes every clip in every epoch.
H264_OPTIONS = {"preset": "veryfast", "tune": "fastdecode", "crf": "24", "g": "30", "threads": "1"}


def write_clips(
    folder: Path,
    split: str,
    motions: Sequence[str],
    seed: int,
    style: Style,
    on_clip: Callable[[], None] = lambda: None,
) -> Path:
    """Draw a clip of each of `motions` into `folder/videos/split`, and list them in `folder/split.txt`, which is returned.

    Every clip has a seed of its own, so that nothing but its motion goes with a label. `on_clip` is called after each.
    """
    videos = folder / "videos" / split
    videos.mkdir(parents=True, exist_ok=True)

    lines = []
    seeds = clip_seeds(seed, len(motions))
    for index, (motion, clip_seed) in enumerate(zip(motions, seeds, strict=True)):
        clip = draw_clip(motion, clip_seed, style)
        path = videos / f"{index:04d}_{clip.motion}.mp4"
        write_video(path, clip.frames_thwc, clip.frame_rate_fps)
        lines.append(annotation_line(path.relative_to(folder), clip))
        on_clip()

    write_text(folder / CLASSES_FILE, json.dumps(list(MOTIONS)) + "\n")
    annotations = folder / f"{split}.txt"
    write_text(annotations, "".join(f"{line}\n" for line in lines))
    return annotations


def clip_seeds(seed: int, num_clips: int) -> list[int]:
    """Seeds of a split's clips: disjoint for different seeds below a million.

    >>> clip_seeds(2, 3)
    [2000000, 2000001, 2000002]
    """
    return [seed * 1_000_000 + index for index in range(num_clips)]


def annotation_line(path: Path, clip: DrawnClip) -> str:
    """`path label clip_start clip_end video_start video_end fps`."""
    gesture = f"{clip.label} {clip.clip_start} {clip.clip_end}"
    video = f"0 {len(clip.frames_thwc)} {clip.frame_rate_fps:.3f}"
    return f"{path.as_posix()} {gesture} {video}"


def write_stream(path: Path, stream: DrawnStream) -> Path:
    """Write the video, and beside it the known gestures as `NAME.events.json`, which is returned.

    It holds [{motion, start, end, start_s, end_s}]: frames of the video, end exclusive, and the same in seconds.
    """
    write_video(path, stream.frames_thwc, stream.frame_rate_fps)

    rate = stream.frame_rate_fps
    rows = [
        {**asdict(event), "start_s": event.start / rate, "end_s": event.end / rate}
        for event in stream.events
    ]
    events = path.with_suffix(".events.json")
    write_json(events, rows)
    return events


def write_video(path: Path, frames_thwc: Image, frame_rate_fps: float) -> None:
    """Write frames (T, H, W, 3) RGB uint8, even H and W, as an H.264 file."""
    rate = Fraction(frame_rate_fps).limit_denominator(1001)
    with (
        write_atomically(path) as partial,
        av.open(str(partial), "w", format="mp4") as container,
    ):
        stream = container.add_stream("libx264", rate=rate, options=H264_OPTIONS)
        stream.height, stream.width = frames_thwc.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames_thwc:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())

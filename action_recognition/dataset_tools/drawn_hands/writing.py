"""Drawn clips as files: H.264 videos, annotation lines of seven columns, classes.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from action_recognition.data.labels import CLASSES_FILE
from action_recognition.data.media.opening import file_address
from action_recognition.dataset_tools.drawn_hands.drawing import DrawnClip, DrawnStream, draw_clip
from action_recognition.dataset_tools.drawn_hands.motion import MOTIONS
from action_recognition.dataset_tools.drawn_hands.strokes import Image
from action_recognition.dataset_tools.drawn_hands.style import Style
from action_recognition.files import write_atomically, write_json, write_text

# Some GOP structure, as in files of cameras and phones. Quick to decode, since training decodes
# every clip in every epoch.
H264_OPTIONS = {"preset": "veryfast", "tune": "fastdecode", "crf": "24", "g": "30", "threads": "1"}


def write_clips(
    folder: Path,
    split: str,
    motions: Sequence[str],
    seed: int,
    style: Style,
    on_clip: Callable[[], None] = lambda: None,
) -> Path:
    """Draw a clip of each motion into `folder/videos/split`, and list them in `folder/split.txt`.

    Every clip has its own seed, so that nothing but its motion goes with a label. `on_clip` is
    called after each clip. Returns the path of the new annotation file.
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
    """Return the seeds of a split's clips, disjoint for different `seed` below a million.

    >>> clip_seeds(2, 3)
    [2000000, 2000001, 2000002]
    """
    return [seed * 1_000_000 + index for index in range(num_clips)]


def annotation_line(path: Path, clip: DrawnClip) -> str:
    """Return `path label clip_start clip_end video_start video_end fps`."""
    gesture = f"{clip.label} {clip.clip_start} {clip.clip_end}"
    video = f"0 {len(clip.frames_thwc)} {clip.frame_rate_fps:.3f}"
    return f"{path.as_posix()} {gesture} {video}"


def write_stream(path: Path, stream: DrawnStream) -> Path:
    """Write the video of a stream, and its gestures beside it as `NAME.events.json`.

    The JSON is [{motion, start, end, start_s, end_s}]. `start` and `end` are frames of the video,
    the end exclusive. The other two are the same in seconds. Returns the path of the JSON file.
    """
    write_video(path, stream.frames_thwc, stream.frame_rate_fps)

    # The file does not state the rate, so it has the times in seconds too.
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
        av.open(file_address(partial), "w", format="mp4") as container,
    ):
        stream = container.add_stream("libx264", rate=rate, options=H264_OPTIONS)
        stream.height, stream.width = frames_thwc.shape[1:3]
        stream.pix_fmt = "yuv420p"

        for frame in frames_thwc:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        # The encoder keeps some frames back until it is flushed.
        container.mux(stream.encode())

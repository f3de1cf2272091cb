"""Small MS-ASL annotations and videos that the tests of its preparation share; schema: see
test_sign_sets.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.dataset_tools.importing.test_sign_sets import msasl, write_json
from tests.synthetic import numbered_frames, write_video

CLASSES = ["hello", "nice", "teacher"]
BOX = [0.25, 0.25, 0.75, 0.75]


def youtube(name: str) -> str:
    return f"https://www.youtube.com/watch?v={name}"


def sign(video: str, start: int, end: int, label: int = 0, **changes: Any) -> dict[str, Any]:
    """An entry at 30 fps whose times fit its frames."""
    times = {"start": start, "end": end, "start_time": start / 30, "end_time": end / 30}
    named = {
        "url": youtube(video),
        "label": label,
        "clean_text": CLASSES[label],
        "text": CLASSES[label],
    }
    return msasl(**{"box": BOX, **times, **named, **changes})


def write_annotation(
    folder: Path, num_classes: int = len(CLASSES), **entries: list[dict[str, Any]]
) -> list[str]:
    """MSASL_train.json, ... and the classes; returns the flags `-s FILES`."""
    names = [*CLASSES, *(f"sign {number}" for number in range(len(CLASSES), num_classes))]
    write_json(folder / "MSASL_classes.json", names)
    files = [write_json(folder / f"MSASL_{split}.json", found) for split, found in entries.items()]
    return ["-s", *map(str, files)]


def make_video(
    path: Path, num_frames: int, frame_rate_fps: float = 30, height: int = 96, width: int = 128
) -> Path:
    """Frames whose number stands in the middle half, where `BOX` is, on a white ground."""
    frames = np.full((num_frames, height, width, 3), 255, np.uint8)
    frames[:, height // 4 : height - height // 4, width // 4 : width - width // 4] = (
        numbered_frames(num_frames, height // 2, width // 2)
    )
    return write_video(path, frames, frame_rate_fps)

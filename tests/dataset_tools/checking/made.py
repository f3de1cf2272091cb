"""A small data set of real files without a fault: three classes, five people, three splits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.dataset_tools.checking.check_dataset import Checked, CheckOptions, check
from tests.synthetic import write_frame_folder, write_lines, write_video

CLASSES = ["wave", "stop", "thumb up"]
PEOPLE = {"train": ["anna", "ben", "cleo"], "val": ["dora"], "test": ["emil"]}
NUM_FRAMES, RATE_FPS = 24, 30
PERSON_REGEX = r"([a-z]+)_[^/]*$"


def moving_frames(
    seed: int, num_frames: int = NUM_FRAMES, height: int = 48, width: int = 64
) -> NDArray[np.uint8]:
    """(N, H, W, 3) uint8 RGB: a room of its own colours in which a disc moves on a way of its own,
    from the seed.
    """
    rng = np.random.default_rng(seed)
    room = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (0, 0), 6)
    room = cv2.normalize(room, None, 40, 220, cv2.NORM_MINMAX)
    corners = rng.uniform(0.15, 0.85, (5, 2)) * (width, height)
    times = np.linspace(0, len(corners) - 1, num_frames)
    way = np.stack(
        [np.interp(times, range(len(corners)), corners[:, axis]) for axis in range(2)], axis=1
    )
    colour = [int(level) for level in rng.integers(0, 256, 3)]
    frames = np.stack([room] * num_frames)
    for frame, (x, y) in zip(frames, way, strict=True):
        cv2.circle(frame, (int(x), int(y)), height // 5, colour, -1)
    return frames


def make_data_set(
    root: Path, frames_of: Callable[[str, int], NDArray[np.uint8]] | None = None
) -> Path:
    """Ten video files in two folders and five frame folders, `train.txt`, `val.txt`, `test.txt`
    and `classes.json`.

    `frames_of` gives the frames of a clip by person and label number; without it they are drawn.
    """
    seed = 0
    for split, people in PEOPLE.items():
        lines = []
        for person in people:
            for number, label in enumerate(CLASSES):
                seed += 1
                frames = frames_of(person, number) if frames_of else moving_frames(seed)
                if number == 2:
                    path = write_frame_folder(
                        root / "frames" / f"{person}_up", frames, "img_{:03d}.png"
                    )
                else:
                    path = write_video(
                        root / "videos" / label / f"{person}_{label}.mp4", frames, RATE_FPS
                    )
                lines.append(f"{path.relative_to(root)} {label} 2 20 0 {NUM_FRAMES} {RATE_FPS}")
        write_lines(root / f"{split}.txt", lines)
    (root / "classes.json").write_text(json.dumps(CLASSES))
    return root


@dataclass
class DataSet:
    """A copy that faults are planted in; lines count from 1."""

    root: Path

    def line(self, split: str, number: int) -> str:
        return self.lines(split)[number - 1]

    def lines(self, split: str) -> list[str]:
        return (self.root / f"{split}.txt").read_text().splitlines()

    def set(self, split: str, number: int, text: str) -> None:
        lines = self.lines(split)
        lines[number - 1] = text
        write_lines(self.root / f"{split}.txt", lines)

    def edit(self, split: str, number: int, old: str, new: str) -> None:
        line = self.line(split, number)
        assert old in line
        self.set(split, number, line.replace(old, new))

    def append(self, split: str, text: str) -> int:
        write_lines(self.root / f"{split}.txt", [*self.lines(split), text])
        return len(self.lines(split))

    def path(self, split: str, number: int) -> Path:
        """The file or folder of a line of this data set, none of whose paths holds a blank."""
        return self.root / self.line(split, number).split()[0]

    def replace(self, split: str, number: int, data: bytes) -> None:
        self.path(split, number).write_bytes(data)

    def video(self, split: str, number: int, frames: NDArray[np.uint8], **options: object) -> None:
        write_video(self.path(split, number), frames, RATE_FPS, **options)  # type: ignore[arg-type]

    def check(self, **options: object) -> Checked:
        files = [self.root / f"{split}.txt" for split in PEOPLE]
        defaults: dict[str, object] = {
            "ann_files": files,
            "data_roots": [self.root],
            "person_regex": PERSON_REGEX,
        }
        return check(CheckOptions(**(defaults | options)))  # type: ignore[arg-type]


def copy_of(made: Path, target: Path) -> DataSet:
    shutil.copytree(made, target)
    return DataSet(target)


def command_flags(data: DataSet, *more: str) -> list[str]:
    """The flags with which `check.py` and `show.py` take all of a made data set."""
    files = ",".join(str(data.root / f"{split}.txt") for split in ("train", "val", "test"))
    return ["--ann-files", files, "--data-roots", str(data.root), "--jobs", "1", *more]

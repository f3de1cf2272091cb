"""A recording: frames as they come, each on the disk at once, then a clip of the movement.

    PROJECT/.studio/recording/NAME/about.json, 00000123.jpg, ...

A file is named after the milliseconds since the first frame. When the server is killed, the next
one makes a clip of what is there.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.dataset_tools.drawn_hands import write_video
from action_recognition.errors import UserError, user_error
from action_recognition.files import write_bytes, write_json
from action_recognition.hands.slots import PALM_BONES
from action_recognition.hands.tracker import TrackedHand
from action_recognition.studio.project import NO_GESTURE, Clip, Project

LONGEST_S: Final = 10.0
_LEAST_FRAMES: Final = 3
# Speeds in palms a second: a hand that rests trembles by less than the first.
_MOVES: Final = 1.2
_LEAST_MOVING: Final = 0.12  # share of the frames; a gesture that is held is not cut
_MARGIN_S: Final = 0.25


@dataclass(frozen=True)
class Take:
    """The subject of a recording: the gesture, and who is in it."""

    label: str
    person: str
    session: str


@dataclass
class Recording:
    """Frames of one take so far. `speeds` are those of the hands, in palms a second."""

    project: Project
    take: Take
    folder: Path
    times_s: list[float] = field(default_factory=list)
    places: list[NDArray[np.float64] | None] = field(default_factory=list)

    @classmethod
    def begin(cls, project: Project, take: Take) -> Recording:
        """Begin a recording on the disk. Raises UserError: there is no such gesture."""
        project.check_gesture(take.label)
        folder = project.state_folder / "recording" / f"{time.time_ns()}"
        folder.mkdir(parents=True)
        write_json(folder / "about.json", asdict(take))
        return cls(project, take, folder)

    def add(self, jpeg: bytes, time_s: float, hands: Sequence[TrackedHand]) -> bool:
        """Keep a frame. Return False where the recording is as long as it may be."""
        since = time_s - self.times_s[0] if self.times_s else 0.0
        if since > LONGEST_S:
            return False
        if self.times_s and time_s <= self.times_s[-1]:
            return True
        write_bytes(self.folder / f"{round(since * 1000):08d}.jpg", jpeg)
        self.times_s.append(time_s)
        self.places.append(_place(hands))
        return True

    def finish(self) -> Clip:
        """Write the clip of the movement, and forget the frames.

        Raises UserError: too few frames. Then there is no clip.
        """
        try:
            first, last = moving_part(self.times_s, self.places)
            return _clip_of(self.project, self.take, _frames(self.folder)[first : last + 1])
        finally:
            self.drop()

    def drop(self) -> None:
        """Forget the frames."""
        shutil.rmtree(self.folder, ignore_errors=True)


def recover(project: Project) -> list[Clip]:
    """Make clips of recordings that a killed server left. Return them.

    A recording of a gesture that is gone becomes a clip of no gesture. One of hardly any frame is
    dropped.
    """
    found = []
    for folder in sorted((project.state_folder / "recording").glob("*")):
        try:
            take = Take(**json.loads((folder / "about.json").read_text(encoding="utf-8")))
            if take.label not in project.gestures:
                take = Take(NO_GESTURE, take.person, take.session)
            found.append(_clip_of(project, take, _frames(folder)))
        except (OSError, ValueError, TypeError, UserError):
            # Nothing can be made of it.
            continue
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return found


def clip_of_frames(project: Project, take: Take, frames: Sequence[tuple[float, bytes]]) -> Clip:
    """Write a clip of (time in seconds, JPEG) frames that are at hand. Raises UserError."""
    project.check_gesture(take.label)
    return _clip_of(project, take, frames)


def moving_part(
    times_s: Sequence[float], places: Sequence[NDArray[np.float64] | None]
) -> tuple[int, int]:
    """Return the first and the last frame of the movement, with a margin.

    Where hands hardly move or are hardly seen, that is the whole.
    """
    last = len(times_s) - 1
    moving = [
        i
        for i in range(1, len(times_s))
        if _speed(places[i - 1], places[i], times_s[i] - times_s[i - 1]) > _MOVES
    ]
    if last < 1 or len(moving) < _LEAST_MOVING * len(times_s):
        return 0, max(0, last)
    start, end = times_s[moving[0] - 1] - _MARGIN_S, times_s[moving[-1]] + _MARGIN_S
    inside = [i for i, time_s in enumerate(times_s) if start <= time_s <= end]
    # A clip stays long enough to be one.
    if len(inside) < _LEAST_FRAMES:
        return 0, last
    return inside[0], inside[-1]


def _speed(
    before: NDArray[np.float64] | None, now: NDArray[np.float64] | None, seconds: float
) -> float:
    """Return the speed of the hand, of its place or of its fingers, in palms a second."""
    if before is None or now is None:
        return 0.0
    palm = _palm(now)
    return float(np.linalg.norm(now - before, axis=1).mean() / palm / max(seconds, 1e-3))


def _palm(points: NDArray[np.float64]) -> float:
    ways = [np.linalg.norm(points[a] - points[b]) for a, b in PALM_BONES]
    return max(1.0, float(np.mean(ways)))


def _place(hands: Sequence[TrackedHand]) -> NDArray[np.float64] | None:
    """Return the points (21, 2) of the hand that was followed for the longest time."""
    if not hands:
        return None
    oldest = min(hands, key=lambda hand: hand.hand_id)
    return oldest.landmarks_px[:, :2].astype(np.float64)


def _frames(folder: Path) -> list[tuple[float, bytes]]:
    """Return the times in seconds and the JPEGs of a recording on the disk."""
    files = sorted(path for path in folder.glob("*.jpg") if path.stem.isdigit())
    return [(int(path.stem) / 1000.0, path.read_bytes()) for path in files]


def _clip_of(project: Project, take: Take, frames: Sequence[tuple[float, bytes]]) -> Clip:
    if len(frames) < _LEAST_FRAMES:
        found = f"{len(frames)} frames came from the camera, too few for a clip"
        raise user_error("recording", found, f"{_LEAST_FRAMES} or more", "record again")
    decoded = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for _, data in frames]
    pictures = [picture for picture in decoded if picture is not None]
    # All of one size, with even sides.
    height, width = (side // 2 * 2 for side in pictures[0].shape[:2])
    same = [cv2.resize(picture, (width, height))[:, :, ::-1] for picture in pictures]
    seconds = max(frames[-1][0] - frames[0][0], 0.1)
    rate = min(60.0, max(1.0, round((len(frames) - 1) / seconds, 2)))

    path = project.new_clip(take.label, take.person, take.session, ".mp4")
    write_video(path, np.stack(same), rate)
    return project.added(path, take.person, take.session)

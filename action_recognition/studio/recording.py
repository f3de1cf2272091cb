"""A recording: frames as they come, each on the disk at once, then a clip of the movement.

    PROJECT/.studio/recording/NAME/about.json, 00000123.jpg, ...

A file is named after the milliseconds since the first frame. When the server is killed, or cannot
write the clip, the next one makes a clip of what is there.
"""

from __future__ import annotations

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
from action_recognition.json_files import parse_json
from action_recognition.studio.project import NO_GESTURE, Clip, Project

LONGEST_S: Final = 10.0
_LEAST_FRAMES: Final = 3
# Speeds in palms a second: a hand that rests trembles by less than the first.
_MOVES: Final = 1.2
_LEAST_MOVING: Final = 0.12  # share of the frames; a gesture that is held is not cut
_MARGIN_S: Final = 0.25
# Hands rest when they have moved and then stood still, or never moved at all.
_RESTS_S: Final = 0.8
_STILL_S: Final = 3.0
_LEAST_MOVES: Final = 4  # frames; less is a hand that was found anew


@dataclass(frozen=True)
class Take:
    """The subject of a recording: the gesture, and who is in it."""

    label: str
    person: str
    session: str


@dataclass
class Recording:
    """Frames of one take so far: their times, and the points of the hand in each."""

    project: Project
    take: Take
    folder: Path
    times_s: list[float] = field(default_factory=list)
    places: list[NDArray[np.float64] | None] = field(default_factory=list)
    _moved_s: list[float] = field(default_factory=list)

    @property
    def rests(self) -> bool:
        """True where the hands have moved and now rest, or have not moved for three seconds."""
        if not self.times_s:
            return False
        if len(self._moved_s) < _LEAST_MOVES:
            return self.times_s[-1] - self.times_s[0] >= _STILL_S
        return self.times_s[-1] - self._moved_s[-1] >= _RESTS_S

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
        place = _place(hands)
        if self.times_s and _moves(self.places[-1], place, time_s - self.times_s[-1]):
            self._moved_s.append(time_s)
        self.times_s.append(time_s)
        self.places.append(place)
        return True

    def finish(self) -> Clip:
        """Write the clip of the movement, and forget the frames.

        Raises UserError: too few frames, which are forgotten, or a clip that cannot be written.
        Then the frames stay for `recover`.
        """
        if len(self.times_s) < _LEAST_FRAMES:
            self.drop()
            raise _too_few(len(self.times_s))
        first, last = moving_part(self.times_s, self.places)
        try:
            clip = _clip_of(self.project, self.take, _frames(self.folder)[first : last + 1])
        # Whatever went wrong: these files are all that there is of the recording.
        except Exception as error:
            raise kept_frames(self.folder, error) from error
        self.drop()
        return clip

    def drop(self) -> None:
        """Forget the frames."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Recovered:
    """Recordings that an earlier server left: clips, and a line for each that is none yet."""

    clips: tuple[Clip, ...]
    kept: tuple[str, ...]


def recover(project: Project) -> Recovered:
    """Make clips of recordings that an earlier server left.

    A recording of a gesture that is gone becomes a clip of no gesture. One of hardly any frame is
    dropped. The frames of one that cannot be written stay where they are.
    """
    clips: list[Clip] = []
    kept: list[str] = []
    for folder in sorted((project.state_folder / "recording").glob("*")):
        try:
            frames = _frames(folder)
            if len(frames) >= _LEAST_FRAMES:
                clips.append(_clip_of(project, _take_of(folder, project), frames))
        except Exception as error:
            kept.extend(str(problem) for problem in kept_frames(folder, error).problems)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return Recovered(tuple(clips), tuple(kept))


def _take_of(folder: Path, project: Project) -> Take:
    """Read what a recording is of. Raises OSError, ValueError or TypeError: it is not there."""
    take = Take(**parse_json((folder / "about.json").read_bytes()))
    if take.label not in project.gestures:
        return Take(NO_GESTURE, take.person, take.session)
    return take


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
        if _moves(places[i - 1], places[i], times_s[i] - times_s[i - 1])
    ]
    if last < 1 or len(moving) < _LEAST_MOVING * len(times_s):
        return 0, max(0, last)
    start, end = times_s[moving[0] - 1] - _MARGIN_S, times_s[moving[-1]] + _MARGIN_S
    inside = [i for i, time_s in enumerate(times_s) if start <= time_s <= end]
    # A clip stays long enough to be one.
    if len(inside) < _LEAST_FRAMES:
        return 0, last
    return inside[0], inside[-1]


def _moves(
    before: NDArray[np.float64] | None, now: NDArray[np.float64] | None, seconds: float
) -> bool:
    """Return True where the hand, its place or its fingers, is faster than one that rests."""
    if before is None or now is None:
        return False
    palms = float(np.linalg.norm(now - before, axis=1).mean()) / _palm(now)
    return palms / max(seconds, 1e-3) > _MOVES


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
        raise _too_few(len(frames))
    decoded = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for _, data in frames]
    pictures = [picture for picture in decoded if picture is not None]
    if not pictures:
        raise user_error("recording", "holds no picture that can be read")
    # All of one size, with even sides.
    height, width = (side // 2 * 2 for side in pictures[0].shape[:2])
    same = [cv2.resize(picture, (width, height))[:, :, ::-1] for picture in pictures]
    seconds = max(frames[-1][0] - frames[0][0], 0.1)
    rate = min(60.0, max(1.0, round((len(frames) - 1) / seconds, 2)))

    path = project.new_clip(take.label, take.person, take.session, ".mp4")
    write_video(path, np.stack(same), rate)
    return project.added(path, take.person, take.session)


def _too_few(num_frames: int) -> UserError:
    found = f"{num_frames} frames came from the camera, too few for a clip"
    return user_error("recording", found, f"{_LEAST_FRAMES} or more", "record again")


def kept_frames(folder: Path, error: Exception) -> UserError:
    """Return the message about frames that stay on the disk."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    found = f"cannot become a clip ({reason}); its frames stay in {folder}"
    fix = "mend that, and start the studio again: it makes the clip"
    return user_error("recording", found, fix=fix)

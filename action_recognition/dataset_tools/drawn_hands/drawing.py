"""Drawn clips and drawn streams, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from action_recognition.dataset_tools.drawn_hands.course import Timing, draw_course
from action_recognition.dataset_tools.drawn_hands.motion import (
    MOTIONS,
    NEGATIVE_MOTION,
    hand_path,
    idle_path,
)
from action_recognition.dataset_tools.drawn_hands.painting import Scene, draw_scene, paint_frame
from action_recognition.dataset_tools.drawn_hands.poses import HandPath
from action_recognition.dataset_tools.drawn_hands.strokes import Image
from action_recognition.dataset_tools.drawn_hands.style import TRAIN_STYLE, Style
from action_recognition.errors import nearest, user_error


@dataclass(frozen=True, slots=True)
class DrawnClip:
    """One gesture with a short rest before and after it.

    Frames are (T, H, W, 3) RGB uint8. The gesture is in frames [clip_start, clip_end).
    """

    motion: str
    frames_thwc: Image
    frame_rate_fps: float
    clip_start: int
    clip_end: int
    path: HandPath

    @property
    def label(self) -> int:
        """The motion's number in `MOTIONS`."""
        return MOTIONS.index(self.motion)


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """A gesture in a stream, in frames [start, end)."""

    motion: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DrawnStream:
    """A long take of one hand that makes several gestures. Frames are (T, H, W, 3) RGB uint8."""

    frames_thwc: Image
    frame_rate_fps: float
    events: tuple[StreamEvent, ...]


def draw_clip(motion: str, seed: int, style: Style = TRAIN_STYLE) -> DrawnClip:
    """Draw one clip. The same arguments give the same pixels.

    Clips of one seed and style show the same hand in the same place and room, whatever the motion.
    Raises UserError: the motion is not in `MOTIONS`.
    """
    _check_motions([motion])
    rng = np.random.default_rng(style.seed_offset + seed)

    frame_rate_fps, frame_size = _camera(rng, style)
    # Everything random is drawn before the motion plays a part.
    course = draw_course(rng, style, frame_rate_fps)
    scene = draw_scene(rng, style, frame_size)

    path = hand_path(motion, course)
    frames = _paint(scene, path, frame_rate_fps)
    timing = course.timing
    return DrawnClip(motion, frames, frame_rate_fps, timing.start, timing.end, path)


@dataclass
class _Take:
    """Parts of a stream so far, and its gestures."""

    parts: list[HandPath] = field(default_factory=list)
    events: list[StreamEvent] = field(default_factory=list)

    def add(self, motion: str, path: HandPath, timing: Timing) -> None:
        """Add the path of a motion. `nothing` is no event."""
        offset = sum(map(len, self.parts))
        self.parts.append(path)
        if motion != NEGATIVE_MOTION:
            event = StreamEvent(motion, offset + timing.start, offset + timing.end)
            self.events.append(event)


def compose_stream(
    motions: Sequence[str], seed: int, style: Style = TRAIN_STYLE, rest_seconds: float = 1.2
) -> DrawnStream:
    """Draw gestures one after another. The events hold the gestures only.

    Between two gestures, the hand is out of the picture for `rest_seconds`. `nothing` makes the
    rest longer.
    Raises UserError: a motion is not in `MOTIONS`.
    """
    _check_motions(motions)
    rng = np.random.default_rng(style.seed_offset + seed)
    frame_rate_fps, frame_size = _camera(rng, style)
    # Every gesture has its own course, all share one scene.
    lowered = round(rest_seconds * frame_rate_fps)

    take = _Take()
    for motion in motions:
        course = draw_course(rng, style, frame_rate_fps)
        path = hand_path(motion, course)
        # A rest before each gesture but the first.
        if take.parts:
            travel = round(rng.uniform(*style.gesture_seconds) * frame_rate_fps)
            take.parts.append(idle_path(take.parts[-1], path, lowered, travel))
        take.add(motion, path, course.timing)

    scene = draw_scene(rng, style, frame_size)
    frames = _paint(scene, HandPath.joined(take.parts), frame_rate_fps)
    return DrawnStream(frames, frame_rate_fps, tuple(take.events))


def _paint(scene: Scene, path: HandPath, frame_rate_fps: float) -> Image:
    """Paint every frame of a path, (T, H, W, 3)."""
    num_frames = len(path)
    return np.stack([paint_frame(scene, path, i, i / frame_rate_fps) for i in range(num_frames)])


def _camera(rng: np.random.Generator, style: Style) -> tuple[float, tuple[int, int]]:
    """Draw frame rate and frame size (width, height)."""
    frame_rate_fps = float(rng.choice(style.frame_rates_fps))
    return frame_rate_fps, style.frame_sizes[int(rng.integers(len(style.frame_sizes)))]


def _check_motions(motions: Sequence[str]) -> None:
    """Raise UserError for a motion that is not in `MOTIONS`."""
    for motion in motions:
        if motion not in MOTIONS:
            raise user_error("motion", f"{motion!r}{nearest(motion, MOTIONS)}", ", ".join(MOTIONS))

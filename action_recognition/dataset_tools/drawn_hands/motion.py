"""Where the hand is in each frame: the part of a drawn clip that carries its label.

Three coordinates can carry a gesture: x, size and (not used by a label) tilt. A moving coordinate travels through its span by the phase
of a gesture, 0 to 1; a coordinate that holds stands at the phase of one random frame of such a gesture. So over the frames of an annotated
clip each coordinate has the same distribution in every motion, and one frame of unknown time tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from action_recognition.dataset_tools.drawn_hands.style import Style

Floats = npt.NDArray[np.float64]

MOTIONS = ("swipe_left", "swipe_right", "move_closer", "move_away", "shake", "nothing")
NEGATIVE_MOTION = "nothing"
LABEL_SWAPS = {"swipe_left": "swipe_right"}

BELOW_PICTURE_Y = 1.6  # a hand this far below the middle is out of every picture, forearm and all
NOTHING_KINDS = (
    "hold",
    "hold",
    "lift",
    "lift",
    "raise",
    "raise",
    "lower",
    "lower",
    "dip",
    "absent",
)
REST_SECONDS = (0.25, 0.45)  # before and after a gesture in its own video


@dataclass(frozen=True, slots=True)
class HandPath:
    """The hand's pose per frame, each array (T,).

    x to the right and y down from the picture's middle, size (palm half-width), all in short sides of the picture; tilt in radians.
    """

    x: Floats
    y: Floats
    size: Floats
    tilt: Floats

    def __len__(self) -> int:
        return len(self.x)

    def reversed(self) -> HandPath:
        """The same poses in the opposite order."""
        return HandPath(*(getattr(self, field.name)[::-1] for field in fields(self)))

    @staticmethod
    def joined(paths: list[HandPath]) -> HandPath:
        """One path after another."""
        return HandPath(
            *(
                np.concatenate([getattr(path, field.name) for path in paths])
                for field in fields(HandPath)
            )
        )


@dataclass(frozen=True, slots=True)
class Span:
    """The values that a coordinate takes during a gesture: `start` at phase 0, `stop` at phase 1."""

    start: float
    stop: float

    def at(self, phase: Floats) -> Floats:
        return self.start + (self.stop - self.start) * phase


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a clip is and where in it the gesture lies, in frames, end exclusive."""

    num_frames: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Course:
    """Everything random about a path, drawn before the motion is known: two motions of one seed differ by their motion alone."""

    timing: Timing
    x: Span
    size: Span
    y: float
    tilt: float
    held_x: float  # phases at which x and size stand when they do not move
    held_size: float
    ease: float  # 0: constant speed, 1: slow start and end
    half_swings: int
    backwards: bool
    nothing_kind: str
    wobble: HandPath  # added to every motion alike


def draw_course(rng: np.random.Generator, style: Style, frame_rate_fps: float) -> Course:
    """Draw all that is random about a path."""
    timing = _draw_timing(rng, style, frame_rate_fps)
    gesture_frames = timing.end - timing.start
    ease = float(rng.uniform(0.0, 0.8))
    held = eased(np.linspace(0.0, 1.0, gesture_frames), ease)
    middle, width = rng.uniform(-0.07, 0.07), rng.uniform(0.34, 0.48)
    palm, growth = rng.uniform(*style.palm_half_width), rng.uniform(1.8, 2.3) ** 0.5
    return Course(
        timing=timing,
        x=Span(middle - width / 2, middle + width / 2),
        size=Span(palm / growth, palm * growth),
        y=float(rng.uniform(-0.08, 0.16)),
        tilt=float(rng.uniform(-0.35, 0.35)),
        held_x=float(rng.choice(held)),
        held_size=float(rng.choice(held)),
        ease=ease,
        half_swings=int(rng.integers(3, 5)),
        backwards=bool(rng.integers(2)),
        nothing_kind=str(rng.choice(NOTHING_KINDS)),
        wobble=_draw_wobble(rng, timing.num_frames, frame_rate_fps),
    )


def hand_path(motion: str, course: Course) -> HandPath:
    """The poses of one clip; see the module's docstring for what motions have in common."""
    phase = gesture_phase(course, shaken=motion == "shake")
    if motion in ("swipe_left", "move_away") or (motion == "shake" and course.backwards):
        phase = 1.0 - phase
    still = np.ones_like(phase)
    x_phase = phase if motion in ("swipe_left", "swipe_right", "shake") else still * course.held_x
    size_phase = phase if motion in ("move_closer", "move_away") else still * course.held_size
    y = still * course.y
    if motion == NEGATIVE_MOTION:
        y = _idle_y(course)
    wobble = course.wobble
    return HandPath(
        x=course.x.at(x_phase) + wobble.x,
        y=y + wobble.y,
        size=course.size.at(size_phase) * wobble.size,
        tilt=course.tilt + wobble.tilt,
    )


def gesture_phase(course: Course, shaken: bool) -> Floats:
    """Phase (T,) of the gesture: 0 before it, then up to 1, or for a shake the same phases again and again, up and down."""
    timing = course.timing
    position = np.clip(
        (np.arange(timing.num_frames) - timing.start) / max(1, timing.end - timing.start - 1),
        0.0,
        1.0,
    )
    if shaken:
        position = np.abs(
            (position * course.half_swings + 1.0) % 2.0 - 1.0
        )  # a triangle wave: 0, 1, 0, 1...
    return eased(position, course.ease)


def eased(position: Floats, ease: float) -> Floats:
    """Slow down the ends of a movement from 0 to 1.

    >>> [round(float(value), 3) for value in eased(np.array([0.0, 0.25, 0.5, 1.0]), 1.0)]
    [0.0, 0.156, 0.5, 1.0]
    """
    return (1.0 - ease) * position + ease * position**2 * (3.0 - 2.0 * position)


def idle_path(
    from_path: HandPath, to_path: HandPath, lowered_frames: int, travel_frames: int
) -> HandPath:
    """Between two gestures of a stream: the hand sinks out of the picture, changes place unseen, and rises."""
    leaves, comes = _last_pose(from_path), _last_pose(to_path.reversed())
    travel = eased(np.linspace(0.0, 1.0, travel_frames), 1.0)
    sinking = _hold(leaves, travel_frames, leaves.y + (BELOW_PICTURE_Y - leaves.y) * travel)
    absent = _hold(comes, lowered_frames, np.full(lowered_frames, BELOW_PICTURE_Y))
    rising = _hold(comes, travel_frames, comes.y + (BELOW_PICTURE_Y - comes.y) * travel[::-1])
    return HandPath.joined([sinking, absent, rising])


def _last_pose(path: HandPath) -> HandPath:
    return HandPath(*(getattr(path, field.name)[-1:] for field in fields(path)))


def _hold(pose: HandPath, num_frames: int, y: Floats) -> HandPath:
    held = HandPath(*(np.repeat(getattr(pose, field.name), num_frames) for field in fields(pose)))
    return replace(held, y=y)


def _draw_timing(rng: np.random.Generator, style: Style, frame_rate_fps: float) -> Timing:
    before, after = (round(rng.uniform(*REST_SECONDS) * frame_rate_fps) for _ in range(2))
    gesture = round(rng.uniform(*style.gesture_seconds) * frame_rate_fps)
    return Timing(before + gesture + after, before, before + gesture)


def _draw_wobble(rng: np.random.Generator, num_frames: int, frame_rate_fps: float) -> HandPath:
    """Slow drift and small unsteadiness; `size` is a factor around 1."""
    seconds = np.arange(num_frames) / frame_rate_fps

    def drift(amplitude: float) -> Floats:
        slow = rng.uniform(-amplitude, amplitude) * (seconds - seconds.mean())
        quick = rng.uniform(0.0, amplitude / 4) * np.sin(
            2 * np.pi * (rng.uniform(0.5, 3.0) * seconds + rng.random())
        )
        return np.asarray(slow + quick, dtype=np.float64)

    return HandPath(x=drift(0.04), y=drift(0.06), size=np.exp(drift(0.05)), tilt=drift(0.2))


def _idle_y(course: Course) -> Floats:
    """Height (T,) of a hand that makes no gesture."""
    phase = gesture_phase(course, shaken=False)
    movements: dict[str, Callable[[], Floats]] = {
        "hold": lambda: np.full_like(phase, course.y),
        "lift": lambda: course.y + (0.35 if course.backwards else -0.35) * (phase - 0.5),
        "raise": lambda: course.y + (BELOW_PICTURE_Y - course.y) * (1.0 - phase),
        "lower": lambda: course.y + (BELOW_PICTURE_Y - course.y) * phase,
        "dip": lambda: course.y + (BELOW_PICTURE_Y - course.y) * np.sin(np.pi * phase),
        "absent": lambda: np.full_like(phase, BELOW_PICTURE_Y),
    }
    return movements[course.nothing_kind]()

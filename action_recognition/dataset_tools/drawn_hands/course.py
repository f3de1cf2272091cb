"""Everything random about the path of a hand, drawn before the motion is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from action_recognition.dataset_tools.drawn_hands.poses import Floats, HandPath
from action_recognition.dataset_tools.drawn_hands.style import Style

# A kind that is listed twice is drawn twice as often.
NOTHING_KINDS = (
    *("hold", "hold", "lift", "lift", "raise", "raise", "lower", "lower"),
    *("dip", "absent"),
)
REST_SECONDS = (0.25, 0.45)  # before and after a gesture in its own video


@dataclass(frozen=True, slots=True)
class Span:
    """Values of a coordinate during a gesture: `start` at phase 0, `stop` at phase 1."""

    start: float
    stop: float

    def at(self, phase: Floats) -> Floats:
        """Return the values at phases."""
        return self.start + (self.stop - self.start) * phase


@dataclass(frozen=True, slots=True)
class Timing:
    """Length of a clip and position of the gesture in it, in frames. The end is exclusive."""

    num_frames: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Course:
    """The random part of a path.

    It is drawn before the motion is known, so two clips of one seed differ only by their motion.
    """

    timing: Timing
    x: Span
    size: Span
    y: float
    tilt: float
    held_x: float  # phases at which x and size are held when they do not move
    held_size: float
    ease: float  # 0: constant speed, 1: slow start and end
    half_swings: int
    backwards: bool
    nothing_kind: str
    wobble: HandPath  # added to every motion alike


def draw_course(rng: np.random.Generator, style: Style, frame_rate_fps: float) -> Course:
    """Draw all that is random about a path."""
    timing = _draw_timing(rng, style, frame_rate_fps)
    # The order of the draws is part of what a seed means: it must not change.
    ease = float(rng.uniform(0.0, 0.8))
    x, size = _draw_spans(rng, style)
    gesture_phases = eased(np.linspace(0.0, 1.0, timing.end - timing.start), ease)

    return Course(
        timing=timing,
        x=x,
        size=size,
        y=float(rng.uniform(-0.08, 0.16)),
        tilt=float(rng.uniform(-0.35, 0.35)),
        held_x=float(rng.choice(gesture_phases)),
        held_size=float(rng.choice(gesture_phases)),
        ease=ease,
        half_swings=int(rng.integers(3, 5)),
        backwards=bool(rng.integers(2)),
        nothing_kind=str(rng.choice(NOTHING_KINDS)),
        wobble=_draw_wobble(rng, timing.num_frames, frame_rate_fps),
    )


def eased(position: Floats, ease: float) -> Floats:
    """Slow down the ends of a movement from 0 to 1.

    >>> [round(float(value), 3) for value in eased(np.array([0.0, 0.25, 0.5, 1.0]), 1.0)]
    [0.0, 0.156, 0.5, 1.0]
    """
    return (1.0 - ease) * position + ease * position**2 * (3.0 - 2.0 * position)


def _draw_timing(rng: np.random.Generator, style: Style, frame_rate_fps: float) -> Timing:
    """Draw the rests before and after a gesture, and its length."""
    before, after = (round(rng.uniform(*REST_SECONDS) * frame_rate_fps) for _ in range(2))
    gesture = round(rng.uniform(*style.gesture_seconds) * frame_rate_fps)
    return Timing(before + gesture + after, before, before + gesture)


def _draw_spans(rng: np.random.Generator, style: Style) -> tuple[Span, Span]:
    """Draw the spans of x and size."""
    middle, width = rng.uniform(-0.07, 0.07), rng.uniform(0.34, 0.48)
    palm, growth = rng.uniform(*style.palm_half_width), rng.uniform(1.8, 2.3) ** 0.5
    return Span(middle - width / 2, middle + width / 2), Span(palm / growth, palm * growth)


def _draw_wobble(rng: np.random.Generator, num_frames: int, frame_rate_fps: float) -> HandPath:
    """Draw slow drift and small unsteadiness. `size` is a factor around 1."""
    seconds = np.arange(num_frames) / frame_rate_fps

    def drift(amplitude: float) -> Floats:
        """Draw one coordinate's movement (T,), about `amplitude` per second."""
        slow = rng.uniform(-amplitude, amplitude) * (seconds - seconds.mean())
        quick = rng.uniform(0.0, amplitude / 4) * np.sin(
            2 * np.pi * (rng.uniform(0.5, 3.0) * seconds + rng.random())
        )
        return np.asarray(slow + quick, dtype=np.float64)

    return HandPath(x=drift(0.04), y=drift(0.06), size=np.exp(drift(0.05)), tilt=drift(0.2))

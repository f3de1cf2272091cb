"""Paths of the hand: the part of a drawn clip that carries its label.

Three coordinates can carry a gesture: x, size and tilt, which no label uses. A moving coordinate
travels through its span by the phase of a gesture, 0 to 1. A coordinate that is held stays at the
phase of one random frame of such a gesture. So each coordinate has the same distribution over the
frames of an annotated clip in every motion, and one frame of unknown time tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from action_recognition.dataset_tools.drawn_hands.course import Course, eased
from action_recognition.dataset_tools.drawn_hands.poses import Floats, HandPath

MOTIONS = ("swipe_left", "swipe_right", "move_closer", "move_away", "shake", "nothing")
NEGATIVE_MOTION = "nothing"
LABEL_SWAPS = {"swipe_left": "swipe_right"}

# A hand this far below the middle is out of every picture, with its forearm.
BELOW_PICTURE_Y = 1.6


def hand_path(motion: str, course: Course) -> HandPath:
    """Return the poses of one clip. The module's docstring says what all motions have in common."""
    phase = gesture_phase(course, shaken=motion == "shake")
    if motion in ("swipe_left", "move_away") or (motion == "shake" and course.backwards):
        phase = 1.0 - phase

    # A coordinate that does not carry the motion is held.
    still = np.ones_like(phase)
    x_phase = phase if motion in ("swipe_left", "swipe_right", "shake") else still * course.held_x
    size_phase = phase if motion in ("move_closer", "move_away") else still * course.held_size
    y = _idle_y(course) if motion == NEGATIVE_MOTION else still * course.y

    wobble = course.wobble
    return HandPath(
        x=course.x.at(x_phase) + wobble.x,
        y=y + wobble.y,
        size=course.size.at(size_phase) * wobble.size,
        tilt=course.tilt + wobble.tilt,
    )


def gesture_phase(course: Course, shaken: bool) -> Floats:
    """Return the phase (T,) of the gesture, 0 before it and 1 at its end.

    A shake passes through the same phases several times, up and down.
    """
    timing = course.timing
    since_start = np.arange(timing.num_frames) - timing.start
    position = np.clip(since_start / max(1, timing.end - timing.start - 1), 0.0, 1.0)
    if shaken:
        # A triangle wave: 0, 1, 0, 1...
        position = np.abs((position * course.half_swings + 1.0) % 2.0 - 1.0)
    return eased(position, course.ease)


def idle_path(
    from_path: HandPath, to_path: HandPath, lowered_frames: int, travel_frames: int
) -> HandPath:
    """Return the path between two gestures of a stream.

    The hand sinks out of the picture, changes its place unseen, and rises.
    """
    leaves, comes = from_path.last_pose(), to_path.reversed().last_pose()
    travel = eased(np.linspace(0.0, 1.0, travel_frames), 1.0)

    # The hand takes its new place while nobody sees it.
    sinking = leaves.held(travel_frames, leaves.y + (BELOW_PICTURE_Y - leaves.y) * travel)
    absent = comes.held(lowered_frames, np.full(lowered_frames, BELOW_PICTURE_Y))
    rising = comes.held(travel_frames, comes.y + (BELOW_PICTURE_Y - comes.y) * travel[::-1])
    return HandPath.joined([sinking, absent, rising])


def _idle_y(course: Course) -> Floats:
    """Return the height (T,) of a hand that makes no gesture."""
    phase = gesture_phase(course, shaken=False)

    # Functions, so that only the chosen movement is computed.
    movements: dict[str, Callable[[], Floats]] = {
        "hold": lambda: np.full_like(phase, course.y),
        "lift": lambda: course.y + (0.35 if course.backwards else -0.35) * (phase - 0.5),
        "raise": lambda: course.y + (BELOW_PICTURE_Y - course.y) * (1.0 - phase),
        "lower": lambda: course.y + (BELOW_PICTURE_Y - course.y) * phase,
        "dip": lambda: course.y + (BELOW_PICTURE_Y - course.y) * np.sin(np.pi * phase),
        "absent": lambda: np.full_like(phase, BELOW_PICTURE_Y),
    }
    return movements[course.nothing_kind]()

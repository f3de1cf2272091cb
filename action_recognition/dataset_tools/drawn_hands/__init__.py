"""Clips of moving hands that are drawn: known motions at known times, without recorded people.

A hand (palm, fingers, thumb, forearm) moves over a changing background. The six motions differ
only in the order of the frames:

- A swipe to the left is a swipe to the right played backwards.
- Moving away is moving closer played backwards.
- A shake is the frames of a swipe in another order.
- In `nothing`, the hand holds a pose that the other motions pass through, or it is raised, lowered
  or absent.

Everything is a pure function of a seed and a `Style`. `TRAIN_STYLE` and `TEST_STYLE` share no
colour, no kind of background and no frame size.

>>> clip = draw_clip("swipe_left", seed=1)
>>> clip.frames_thwc.dtype.name, clip.frames_thwc.shape[-1], clip.label
('uint8', 3, 0)
"""

from action_recognition.dataset_tools.drawn_hands.drawing import (
    DrawnClip,
    DrawnStream,
    StreamEvent,
    compose_stream,
    draw_clip,
)
from action_recognition.dataset_tools.drawn_hands.motion import (
    LABEL_SWAPS,
    MOTIONS,
    NEGATIVE_MOTION,
)
from action_recognition.dataset_tools.drawn_hands.poses import HandPath
from action_recognition.dataset_tools.drawn_hands.style import TEST_STYLE, TRAIN_STYLE, Style
from action_recognition.dataset_tools.drawn_hands.writing import (
    clip_seeds,
    write_clips,
    write_stream,
    write_video,
)

__all__ = [
    "LABEL_SWAPS",
    "MOTIONS",
    "NEGATIVE_MOTION",
    "TEST_STYLE",
    "TRAIN_STYLE",
    "DrawnClip",
    "DrawnStream",
    "HandPath",
    "StreamEvent",
    "Style",
    "clip_seeds",
    "compose_stream",
    "draw_clip",
    "write_clips",
    "write_stream",
    "write_video",
]

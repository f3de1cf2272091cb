"""Moving-hand clips that this module draws: known motions, known times, no recordings of people needed.

A hand (palm, fingers, thumb, forearm) moves over a changing background. The six motions differ in the order of the frames only:
a swipe to the left is a swipe to the right played backwards, moving away is moving closer played backwards, a shake is a swipe's
frames in another order, and in `nothing` the hand holds a pose that any of the others passes through (or is raised, lowered or absent).
Everything is a pure function of a seed and a `Style`; `TRAIN_STYLE` and `TEST_STYLE` share no colour, no kind of background, no frame size.

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

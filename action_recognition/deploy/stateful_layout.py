"""Layout of calls to a stateful network, as its metadata state it."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from action_recognition.bounds import MAX_COUNT
from action_recognition.json_files import parse_json


@dataclass(frozen=True)
class StatefulLayout:
    """Numbers of frames that say how a stateful network is fed and when it gives scores.

    Scores after each `frames_per_step` frames are those of the clip form. Scores between them,
    where there are any, are those of clips that begin later.

    Attributes:
        frames_per_call: frames of one call.
        frames_per_score: frames from one score to the next.
        frames_per_step: frames from one score of the clip form to the next.
        warm_up_frames: frames until the network has seen as much as the clips of its training.
        reach_frames: frames after which nothing is left of what was before.

    """

    frames_per_call: int
    frames_per_score: int
    frames_per_step: int
    warm_up_frames: int
    reach_frames: int


def write_layout(layout: StatefulLayout | None) -> str:
    """Return the layout as JSON, an empty text for a network without memory.

    >>> read_layout(write_layout(StatefulLayout(4, 4, 4, 16, 98))).reach_frames
    98
    """
    return "" if layout is None else json.dumps(vars(layout))


def read_layout(text: str) -> StatefulLayout | None:
    """Invert `write_layout`. Raises ValueError, TypeError or KeyError: any other text."""
    mapping = parse_json(text) if text else None
    if mapping is None:
        return None

    numbers = [mapping[item.name] for item in fields(StatefulLayout)]
    # By `type`: JSON's true is a bool, and isinstance takes it for an int.
    if any(type(number) is not int or not 1 <= number <= MAX_COUNT for number in numbers):
        raise ValueError(text)
    if len(mapping) != len(numbers):
        raise ValueError(text)
    return StatefulLayout(*numbers)

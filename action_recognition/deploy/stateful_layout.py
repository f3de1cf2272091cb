"""How a network that keeps a state is fed, as its metadata say it."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class StatefulLayout:
    """How a network that keeps a state is fed: `frames_per_call` frames a call, a score each `frames_per_score` of them.

    Scores after each `frames_per_step` frames are those of the clip form; those between, where there are any, of clips begun later.
    Before `warm_up_frames` the network has seen less than the clips that it was trained on; after `reach_frames` nothing is left of
    what was before.
    """

    frames_per_call: int
    frames_per_score: int
    frames_per_step: int
    warm_up_frames: int
    reach_frames: int


def write_layout(layout: StatefulLayout | None) -> str:
    """JSON; empty for a network that keeps no state.

    >>> read_layout(write_layout(StatefulLayout(4, 4, 4, 16, 98)))
    StatefulLayout(frames_per_call=4, frames_per_score=4, frames_per_step=4, warm_up_frames=16, reach_frames=98)
    """
    return "" if layout is None else json.dumps(vars(layout))


def read_layout(text: str) -> StatefulLayout | None:
    """The inverse of `write_layout`. Errors: ValueError, TypeError or KeyError for anything else."""
    mapping = json.loads(text) if text else None
    if mapping is None:
        return None
    numbers = [mapping[item.name] for item in fields(StatefulLayout)]
    if any(type(number) is not int or number < 1 for number in numbers) or len(mapping) != len(
        numbers
    ):
        raise ValueError(text)
    return StatefulLayout(*numbers)

"""The input of a network over hand landmarks, as its metadata state it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from action_recognition.bounds import MAX_RATE_FPS, MIN_RATE_FPS
from action_recognition.hands.network_names import SOURCE
from action_recognition.hands.slots import CHANNELS, NUM_POINTS
from action_recognition.json_files import parse_json

# What each axis of the input (1, 4, T, 2, 21) counts, for readers of the file.
_AXES: Final[dict[str, Any]] = {
    "values": list(CHANNELS),
    "hands": ["left", "right"],
    "points": NUM_POINTS,
    "units": "pixels of the picture, not mirrored; 0 where a hand is not seen",
}


@dataclass(frozen=True)
class LandmarkLayout:
    """The way from landmarks to the input of a network.

    Attributes:
        tracking_rate_fps: frames a second in which hands are tracked. A clip's frames are spread
            evenly over those.
        features_version: the version of the features, which are part of the network.
        networks: where the networks that find hands come from.

    """

    tracking_rate_fps: float
    features_version: int
    networks: str = SOURCE


def write_landmarks(layout: LandmarkLayout | None) -> str:
    """Return the layout as JSON, an empty text for a network that takes frames.

    >>> read_landmarks(write_landmarks(LandmarkLayout(10.0, 1))).tracking_rate_fps
    10.0
    """
    return "" if layout is None else json.dumps(vars(layout) | _AXES)


def read_landmarks(text: str) -> LandmarkLayout | None:
    """Invert `write_landmarks`. Raises ValueError, TypeError or KeyError: any other text."""
    mapping = parse_json(text) if text else None
    if mapping is None:
        return None

    if any(mapping[name] != value for name, value in _AXES.items()):
        raise ValueError(text)
    rate, version = float(mapping["tracking_rate_fps"]), mapping["features_version"]
    if not MIN_RATE_FPS <= rate <= MAX_RATE_FPS or type(version) is not int:
        raise ValueError(text)
    return LandmarkLayout(rate, version, str(mapping["networks"]))

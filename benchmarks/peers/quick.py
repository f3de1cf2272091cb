"""A made data set of a few clips, for a look at whether everything runs."""

from __future__ import annotations

import numpy as np

from action_recognition.hands.slots import RIGHT, HandArray
from benchmarks.peers.clips import ClipSet, DataSet

_CLASSES = 3
_LENGTH = 12


def made_clip(label: int, rng: np.random.Generator) -> HandArray:
    """Return a right hand (T, 2, 21, 4) that moves left, moves right, or opens."""
    hands = np.zeros((_LENGTH, 2, 21, 4), np.float32)
    size = rng.uniform(40.0, 80.0)
    angles = np.radians(np.linspace(-50.0, 50.0, 5))
    for frame, time in enumerate(np.linspace(0.0, 1.0, _LENGTH)):
        spread = 0.2 + time if label == 2 else 0.7
        for finger, angle in enumerate(angles * spread):
            reach = np.arange(1, 5)[:, None] * size * 0.4
            joints = reach * np.array([np.sin(angle), -np.cos(angle)])
            hands[frame, RIGHT, 1 + 4 * finger : 5 + 4 * finger, :2] = joints
        hands[frame, RIGHT, :, 0] += 200.0 + (-1.0, 1.0, 0.0)[label] * 100.0 * time
        hands[frame, RIGHT, :, 1] += 250.0
    hands[:, RIGHT, :, :2] += rng.normal(0.0, 1.0, (_LENGTH, 21, 2))
    hands[:, RIGHT, :, 3] = 1.0
    return hands


def made_data_set(seed: int = 0) -> DataSet:
    """Return a data set of three classes."""
    rng = np.random.default_rng(seed)
    splits = {}
    for split, number in (("train", 4), ("val", 2), ("test", 2)):
        labels = np.repeat(np.arange(_CLASSES), number)
        hands = [made_clip(label, rng) for label in labels.tolist()]
        splits[split] = ClipSet(hands, np.tile([480, 640], (len(labels), 1)), labels)
    return DataSet("made", splits, ("left", "right", "open"))

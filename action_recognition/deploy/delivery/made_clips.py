"""Clips to compare models on that need no data."""

from __future__ import annotations

from typing import Final

import numpy as np

from action_recognition.deploy.backends.protocol import Pixels
from action_recognition.deploy.metadata import DeployMetadata

NUM_PLAIN_CLIPS: Final = 2


def made_clips(metadata: DeployMetadata, count: int) -> Pixels:
    """(count + 2, 3, T, H, W) uint8: discs that move over a gradient, of a photograph's brightness and contrast; then black, white."""
    channels, length, height, width = metadata.clip_shape
    rng = np.random.default_rng(0)
    clips = np.zeros((count + NUM_PLAIN_CLIPS, channels, length, height, width), np.uint8)
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    for clip in clips[:count]:
        start, speed = rng.uniform(0, 1, 2), rng.uniform(-0.8, 0.8, 2)
        back, slope, disc = rng.uniform((90, -40, -60), (160, 40, 60), (channels, 3)).T[
            ..., None, None
        ]
        for frame in range(length):
            row, column = (start + speed * frame / length) % 1.0
            inside = (rows - row) ** 2 + (columns - column) ** 2 < 0.04
            picture = back + slope * (rows + columns - 1.0) + disc * inside
            clip[:, frame] = np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255)
    clips[-1] = 255
    return clips

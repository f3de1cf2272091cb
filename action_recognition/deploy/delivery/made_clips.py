"""Synthetic clips, on which models are compared without any data."""

from __future__ import annotations

from typing import Final

import numpy as np

from action_recognition.deploy.backends.protocol import Clips
from action_recognition.deploy.metadata import DeployMetadata

# The black and the white clip at the end.
NUM_PLAIN_CLIPS: Final = 2


def made_clips(metadata: DeployMetadata, count: int) -> Clips:
    """Draw clips (count + 2, 3, T, H, W) uint8, of which the last two are black and white.

    The others show discs that move over a gradient, with a photograph's brightness and contrast.
    The same arguments give the same clips. A model of landmarks gets float32 hands that move, and
    in the last two clips none.
    """
    rng = np.random.default_rng(0)
    if metadata.landmarks is not None:
        return _made_landmarks(metadata, count, rng)
    clips = np.zeros((count + NUM_PLAIN_CLIPS, *metadata.clip_shape), np.uint8)
    for clip in clips[:count]:
        _draw_moving_disc(clip, rng)
    # The clip before the last one stays black.
    clips[-1] = 255
    return clips


def _made_landmarks(metadata: DeployMetadata, count: int, rng: np.random.Generator) -> Clips:
    """Return hands of random shapes (count + 2, 4, T, 2, 21) that move, some of them unseen."""
    clips = np.zeros((count + NUM_PLAIN_CLIPS, *metadata.clip_shape), np.float32)
    for clip in clips[:count]:
        _, length, hands, points = clip.shape
        shape = rng.normal(0, 40, (3, 1, hands, points))
        way = rng.normal(0, 60, (3, 1, hands, 1)) * np.linspace(0, 1, length)[None, :, None, None]
        seen = rng.random((length, hands, 1)) < 0.8
        clip[:3] = (shape + way + rng.normal(0, 2, (3, length, hands, points)) + 200) * seen
        clip[3] = seen
    return clips


def _draw_moving_disc(clip: Clips, rng: np.random.Generator) -> None:
    """Fill a clip (3, T, H, W) with a disc that moves over a gradient, with some noise."""
    channels, length, height, width = clip.shape
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    start, speed = rng.uniform(0, 1, 2), rng.uniform(-0.8, 0.8, 2)
    colours = rng.uniform((90, -40, -60), (160, 40, 60), (channels, 3))
    back, slope, disc = colours.T[..., None, None]

    for frame in range(length):
        # The disc leaves on one side and comes back on the other.
        row, column = (start + speed * frame / length) % 1.0
        inside = (rows - row) ** 2 + (columns - column) ** 2 < 0.04
        picture = back + slope * (rows + columns - 1.0) + disc * inside
        clip[:, frame] = np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255)


def made_video(clips: Clips, num_frames: int) -> Clips:
    """Show clips (N, 3, T, H, W) one after another as a video (num_frames, H, W, 3).

    Landmarks (N, 4, T, 2, 21) become (num_frames, 2, 21, 4).

    It starts again with the first clip where they are too few.
    """
    frames = clips.transpose(0, 2, 3, 4, 1).reshape(-1, *clips.shape[3:], clips.shape[1])
    return np.ascontiguousarray(frames[np.arange(num_frames) % len(frames)])

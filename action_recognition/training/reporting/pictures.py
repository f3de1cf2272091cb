"""Clips as pictures, for contact sheets: frames as they are, landmarks drawn as skeletons."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from action_recognition.hands.drawing import draw_hand
from action_recognition.hands.slots import CHANNELS, LEFT, NUM_HANDS

_SIDE = 160  # pixels of a drawn frame
_MARGIN = 0.08  # of the drawn hands
_PAPER = 245


def as_pictures(clips: Tensor) -> Tensor:
    """Return clips (N, 3, T, H, W) of any type as uint8 RGB on the CPU, landmarks as drawings.

    Augmented or mixed clips are float.
    """
    if clips.shape[1] == len(CHANNELS):
        return torch.stack([_drawn(clip.cpu().numpy()) for clip in clips])
    return clips.clamp(0, 255).to(torch.uint8).cpu()


def _drawn(clip: np.ndarray) -> Tensor:
    """Draw landmarks (4, T, 2, 21). All frames of a clip have one scale."""
    places, seen = clip[:2], clip[3] > 0
    frames = np.full((clip.shape[1], _SIDE, _SIDE, 3), _PAPER, np.uint8)
    if seen.any():
        inside = places[:, seen]
        low, high = inside.min(axis=1), inside.max(axis=1)
        scale = (1 - 2 * _MARGIN) * _SIDE / max(float((high - low).max()), 1.0)
        middle = (low + high) / 2
        for number, frame in enumerate(frames):
            for hand in range(NUM_HANDS):
                if seen[number, hand, 0]:
                    points = (places[:, number, hand].T - middle) * scale + _SIDE / 2
                    draw_hand(frame, points, "left" if hand == LEFT else "right")
    return torch.from_numpy(frames).permute(3, 0, 1, 2)

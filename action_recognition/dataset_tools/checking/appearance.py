"""What a video looks like, in a few thousand bytes: for telling black and frozen ones, and for finding the same pictures again."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLED_FRAMES = 16
SMALL_SIDE = 48
_HASHED_FRAMES = 8
_HASH_SIDE = 8
_MOTION_SIDE = 12
MAX_HASH_DISTANCE = 0.15
"""Share of a hash's bits in which two videos of the same pictures differ at most. Measured: below 0.1 for the same clips coded again,
scaled or cut; different people in one studio come as near as 0.05."""
MIN_MOTION_CORRELATION = 0.7
"""What tells those apart: the movements of different people (80 thousand pairs of clips, 1260 below that distance) correlate up to 0.55;
those of the same clip 0.95 and more when it is coded again, scaled or made brighter. Of clips that were also cut, or left every second
frame out, most are above it, but not those of the fastest movements (0.4): such copies are not all found."""
_BLANK_SPREAD = 2.5
_FROZEN_CHANGE = 6.0
COLOUR_LOST = 0.6


@dataclass(frozen=True, slots=True)
class Look:
    """Levels are 0..255. `brightness`: mean; `spread`: the largest standard deviation within a picture; `change`: how far any place
    strays from its mean over time, at most; `colourfulness`: mean distance between the largest and the smallest channel.

    `hash_bits` (B,) uint8 packed: is a place brighter than its left neighbour, in 8 frames. `motion` (M,) float16 of length 1: how
    the pictures stray from their mean over time; zero where nothing moves.
    """

    brightness: float
    spread: float
    change: float
    colourfulness: float
    hash_bits: NDArray[np.uint8]
    motion: NDArray[np.float16]

    @property
    def is_blank(self) -> bool:
        """Every picture is of one colour."""
        return self.spread < _BLANK_SPREAD

    @property
    def is_frozen(self) -> bool:
        """Every picture is the same, but for what coding makes of it."""
        return self.change < _FROZEN_CHANGE

    @property
    def is_grey(self) -> bool:
        """No picture has colour."""
        return self.colourfulness < COLOUR_LOST


def look_at(pictures_thwc: NDArray[np.uint8]) -> Look:
    """The look of (T, S, S, 3) uint8 RGB, T from 1 to `SAMPLED_FRAMES`."""
    levels = pictures_thwc.astype(np.float32)
    grey = levels.mean(axis=-1)
    return Look(
        brightness=float(grey.mean()),
        spread=float(grey.std(axis=(1, 2)).max()),
        change=float(np.abs(grey - grey.mean(axis=0)).max()),
        colourfulness=float((levels.max(axis=-1) - levels.min(axis=-1)).mean()),
        hash_bits=_difference_hash(grey),
        motion=_motion(grey),
    )


def _difference_hash(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Source: N. Krawetz, "Kind of Like That" (2013): a bit is set where a picture of 9 x 8 becomes brighter to the right."""
    frames = [
        cv2.resize(picture, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA)
        for picture in _evenly(grey, _HASHED_FRAMES)
    ]
    small = np.stack(frames)
    return np.packbits(small[:, :, 1:] > small[:, :, :-1])


def _motion(grey: NDArray[np.float32]) -> NDArray[np.float16]:
    side = (_MOTION_SIDE, _MOTION_SIDE)
    small = np.stack(
        [
            cv2.resize(picture, side, interpolation=cv2.INTER_AREA)
            for picture in _evenly(grey, SAMPLED_FRAMES)
        ]
    )
    moved = (small - small.mean(axis=0)).ravel()
    length = float(np.linalg.norm(moved))
    return np.asarray(moved / length if length > 1e-3 else np.zeros_like(moved), dtype=np.float16)


def _evenly(pictures: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    places = np.linspace(0, len(pictures) - 1, number).round().astype(int)
    return np.asarray(pictures[places])

"""The report on one media file or frame folder: its faults, and the look that it is compared by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.files import sha256_of

# Numbers of frames and sides of pictures, in pixels, of which a look is made.
SAMPLED_FRAMES = 16
SMALL_SIDE = 48
_HASHED_FRAMES = 8
_HASH_SIDE = 8
_MOTION_SIDE = 12
# Levels, 0..255, below which pictures count as blank, frozen, black or grey.
_BLANK_SPREAD = 2.5
_FROZEN_CHANGE = 6.0
_BLACK_BRIGHTNESS = 24
_COLOUR_LOST = 0.6
_FILM_AGAIN = "film it again, or leave its lines out"


class Fault(NamedTuple):
    """A fault of a file. No frame range of a file with a `fatal` fault can be relied on."""

    kind: str
    message: str
    repair: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a video in a few thousand bytes. Levels are 0..255.

    It tells black and frozen videos, and it finds the same pictures again.

    Attributes:
        brightness: the mean level.
        spread: the largest standard deviation within a picture.
        change: the farthest that any place strays from its mean over time.
        colourfulness: the mean distance between the largest and the smallest channel.
        hash_bits: (B,) uint8, packed. A bit is set where a place is brighter than its left
            neighbour, in 8 frames.
        motion: (M,) float16 of length 1: how the pictures stray from their mean over time.
            It is zero where nothing moves.

    """

    brightness: float
    spread: float
    change: float
    colourfulness: float
    hash_bits: NDArray[np.uint8]
    motion: NDArray[np.float16]

    @property
    def is_blank(self) -> bool:
        """Return True if every picture is of one colour."""
        return self.spread < _BLANK_SPREAD

    @property
    def is_frozen(self) -> bool:
        """Return True if all pictures are the same, but for what coding makes of them."""
        return self.change < _FROZEN_CHANGE

    @property
    def is_grey(self) -> bool:
        """Return True if no picture has colour."""
        return self.colourfulness < _COLOUR_LOST


@dataclass(frozen=True, slots=True)
class MediaReport:
    """The report on a file or folder.

    `num_frames` is 0 and `look` is None where it cannot be read. `content` is a hash of its bytes.
    `frame_rate_fps` is None for a folder. `is_rate_sure` says that header, frames and times of the
    file agree on it. `notes` say how the file is read where that is not as it states.
    """

    faults: tuple[Fault, ...]
    num_frames: int = 0
    frame_rate_fps: float | None = None
    width: int = 0
    height: int = 0
    content: bytes = b""
    look: Look | None = None
    is_rate_sure: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_readable(self) -> bool:
        """Return False where no frame range of the file can be relied on."""
        return not any(fault.fatal for fault in self.faults)


def content_hash(path: Path) -> bytes:
    """Return a hash of a file's bytes: the first 16 bytes of its SHA-256."""
    return bytes.fromhex(sha256_of(path))[:16]


def look_faults(look: Look, num_frames: int) -> list[Fault]:
    """Return the faults of pictures in one colour, and of a video in which nothing moves."""
    if look.is_blank:
        found = "black" if look.brightness < _BLACK_BRIGHTNESS else "of one colour"
        return [Fault("blank-video", f"every picture is {found}", _FILM_AGAIN)]

    # A photo is one frame, which cannot move.
    if look.is_frozen and num_frames > 1:
        found = f"all {num_frames} frames show the same picture"
        return [Fault("frozen-video", found, _FILM_AGAIN)]
    return []


def look_at(pictures_thwc: NDArray[np.uint8]) -> Look:
    """Compute the look of (T, S, S, 3) uint8 RGB, T from 1 to `SAMPLED_FRAMES`."""
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
    """Set a bit where a picture of 9 x 8 becomes brighter to the right.

    Source: N. Krawetz, "Kind of Like That" (2013).
    """
    small = _scaled(grey, _HASHED_FRAMES, width=_HASH_SIDE + 1, height=_HASH_SIDE)
    return np.packbits(small[:, :, 1:] > small[:, :, :-1])


def _motion(grey: NDArray[np.float32]) -> NDArray[np.float16]:
    """Compute how the pictures stray from their mean over time, as a vector of length 1 or 0."""
    small = _scaled(grey, SAMPLED_FRAMES, width=_MOTION_SIDE, height=_MOTION_SIDE)
    moved = (small - small.mean(axis=0)).ravel()
    length = float(np.linalg.norm(moved))
    return np.asarray(moved / length if length > 1e-3 else np.zeros_like(moved), dtype=np.float16)


def _scaled(
    pictures: NDArray[np.float32], number: int, *, width: int, height: int
) -> NDArray[np.float32]:
    """Return (number, height, width): pictures taken evenly over time, scaled."""
    places = np.linspace(0, len(pictures) - 1, number).round().astype(int)
    scaled = [
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        for picture in np.asarray(pictures[places])
    ]
    return np.stack(scaled)

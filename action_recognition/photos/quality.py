"""Warnings of photos that are poor examples: blurred, dark, or the same as an earlier one."""

from __future__ import annotations

from collections import deque
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.photo import Photo

LEAST_SHARPNESS: Final = 12.0
"""Variance of the Laplacian of a picture of 224 pixels.

Of 360 photos of three real sets none is below 12. The softest ones, of 100 pixels and enlarged,
just reach it. Blurred by 4 pixels all are below it, by 2 pixels most.
"""
LEAST_BRIGHTNESS: Final = 40.0
"""Mean grey level, 0..255. The darkest of the same photos has 40.5."""
LEAST_DIFFERENCE: Final = 3.0
"""Mean difference of grey levels at 32 x 32. Photos of one session differed by 5.3 or more."""
# Short sides of the pictures that are compared, and the photos of a class that are remembered.
_SIDE, _SMALL_SIDE, _REMEMBERED = 224, 32, 300


class PhotoCheck:
    """A check of photos one by one.

    It remembers the last 300 of each class to recognise one that comes again.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[NDArray[np.float32]]] = {}

    def warnings(self, photo: Photo, label: str) -> list[str]:
        """Return the warnings about a photo (H, W, 3) uint8 RGB, the most important one first."""
        found = []
        # A dark photo has no edges either: it is not called blurred too.
        if brightness(photo) < LEAST_BRIGHTNESS:
            found.append(f"dark (brightness {brightness(photo):.0f} of 255)")
        elif sharpness(photo) < LEAST_SHARPNESS:
            found.append(
                f"blurred (sharpness {sharpness(photo):.0f}, "
                f"at least {LEAST_SHARPNESS:.0f} is needed)"
            )

        small, earlier = _small(photo), self._seen.get(label, ())
        if any(float(np.abs(small - other).mean()) < LEAST_DIFFERENCE for other in earlier):
            found.append(f"nearly the same as an earlier photo of {label!r}")
        return found

    def remember(self, photo: Photo, label: str) -> None:
        """Remember a photo that is kept. Another one like it is a duplicate."""
        self._seen.setdefault(label, deque(maxlen=_REMEMBERED)).append(_small(photo))

    def forget_last(self, label: str) -> None:
        """Forget the last photo of a label, which was removed."""
        if self._seen.get(label):
            self._seen[label].pop()


def sharpness(photo: Photo) -> float:
    """Compute the variance of the Laplacian of the grey picture at a short side of 224 pixels.

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy (ICPR 2000).
    """
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    # Scaled, so that the resolution of the camera does not matter.
    factor = _SIDE / min(grey.shape)
    size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))

    scaled = cv2.resize(
        grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    )
    return float(cv2.Laplacian(scaled.astype(np.float32), cv2.CV_32F).var())


def brightness(photo: Photo) -> float:
    """Compute the mean grey level, 0..255."""
    return float(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).mean())


def _small(photo: Photo) -> NDArray[np.float32]:
    """Return the grey picture (32, 32) in which duplicates are recognised."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    return np.asarray(
        cv2.resize(grey, (_SMALL_SIDE, _SMALL_SIDE), interpolation=cv2.INTER_AREA), np.float32
    )

"""The shape of pixels, which stays as it is stored.

A player stretches the picture where pixels are not square. Here the network sees the stored ones,
in training and live alike, as OpenCV gives them. It is said, and `check.py` has the way to change
the file.
"""

from __future__ import annotations

from typing import Final

import av

TOLERANCE: Final = 0.02
"""Deviation from square pixels that counts: less is rounding of a size."""


def pixel_aspect(stream: av.VideoStream) -> float:
    """Return how many times as wide as high a pixel is, 1 where the file states nothing."""
    aspect = stream.sample_aspect_ratio
    return float(aspect) if aspect and aspect > 0 else 1.0


def pixel_shape_note(stream: av.VideoStream) -> str:
    """Describe pixels that are not square. Empty for square ones."""
    aspect = pixel_aspect(stream)
    if abs(aspect - 1.0) <= TOLERANCE:
        return ""
    return f"has pixels {aspect:.3f} times as wide as high; they are read as if they were square"

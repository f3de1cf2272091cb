"""Shapes that are painted into a frame with 1/16 pixel accuracy, and the colours of a style."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import numpy.typing as npt

from action_recognition.dataset_tools.drawn_hands.style import Rgb, Style

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

# OpenCV takes coordinates in 1/16 pixel, so that slow movements do not jump.
_SHIFT = 4


def thick_line(frame: Image, start: Points, end: Points, radius: float, colour: Rgb) -> None:
    """Paint a line with round ends. Points are (x, y) in pixels."""
    thickness = max(1, round(2 * radius))
    cv2.line(frame, _fixed(start), _fixed(end), colour, thickness, cv2.LINE_AA, _SHIFT)


def disc(frame: Image, centre: Points, radius: float, colour: Rgb) -> None:
    """Paint a filled circle."""
    fixed_radius = max(1, round(radius * (1 << _SHIFT)))
    cv2.circle(frame, _fixed(centre), fixed_radius, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def ring(frame: Image, centre: Points, radius: float, colour: Rgb) -> None:
    """Paint a circle whose line is a third of its radius thick."""
    fixed_radius = round(radius * (1 << _SHIFT))
    thickness = max(1, round(radius / 3))
    cv2.circle(frame, _fixed(centre), fixed_radius, colour, thickness, cv2.LINE_AA, _SHIFT)


def polygon(frame: Image, corners: Points, colour: Rgb) -> None:
    """Paint a filled polygon. `corners` (N, 2) are (x, y) in pixels."""
    fixed_corners = np.round(corners * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(frame, [fixed_corners], colour, cv2.LINE_AA, _SHIFT)


def random_colour(rng: np.random.Generator, style: Style) -> Rgb:
    """Draw a colour among the hues of a style."""
    low, high = style.background_hues[rng.integers(len(style.background_hues))]
    red, green, blue = colorsys.hsv_to_rgb(
        rng.uniform(low, high) / 360.0, rng.uniform(0.05, 0.75), rng.uniform(0.15, 0.95)
    )
    return as_rgb(np.array([red, green, blue]) * 255.0)


def as_rgb(values: npt.NDArray[np.float64]) -> Rgb:
    """Round three values to a colour, each to 0..255."""
    red, green, blue = (int(value) for value in np.clip(np.round(values), 0, 255))
    return red, green, blue


def _fixed(point: Points) -> tuple[int, int]:
    """Return a point in units of 1/16 pixel."""
    return round(float(point[0]) * (1 << _SHIFT)), round(float(point[1]) * (1 << _SHIFT))

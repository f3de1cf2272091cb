"""Backgrounds of drawn clips: textures in the colours of a style."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from action_recognition.dataset_tools.drawn_hands.strokes import (
    Image,
    disc,
    polygon,
    random_colour,
)
from action_recognition.dataset_tools.drawn_hands.style import Style


def _blend(rng: np.random.Generator, style: Style, weight: npt.NDArray[np.float32]) -> Image:
    """Mix two drawn colours by `weight` (H, W), 0..1."""
    first, second = (np.array(random_colour(rng, style), np.float32) for _ in range(2))
    return np.clip(np.round(first + (second - first) * weight[..., None]), 0, 255).astype(np.uint8)


def _gradient(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    """Draw a linear change from one colour to another."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    ramp = np.cos(angle) * columns / width + np.sin(angle) * rows / height
    return _blend(rng, style, (ramp - ramp.min()) / (ramp.max() - ramp.min()))


def _clouds(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    """Draw soft spots of three sizes."""
    total = np.zeros((height, width), np.float32)
    # Finer noise is weaker.
    for cells in (3, 6, 12):
        coarse = rng.random((cells, cells), dtype=np.float32) / cells
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return _blend(rng, style, np.clip((total - total.min()) / (total.max() - total.min()), 0, 1))


def _stripes(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    """Draw soft stripes, 8 to 30 pixels apart."""
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 30)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = np.sin(2 * np.pi * (np.cos(angle) * columns + np.sin(angle) * rows) / period)
    return _blend(rng, style, np.clip(0.5 + wave, 0, 1).astype(np.float32))


def _shards(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    """Draw triangles over a gradient."""
    image = _gradient(rng, style, width, height)
    for _ in range(int(rng.integers(4, 12))):
        place = rng.uniform((0, 0), (width, height))
        corners = place + rng.uniform(-0.4, 0.4, (3, 2)) * min(width, height)
        polygon(image, corners, random_colour(rng, style))
    return image


def _checks(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    """Draw a chessboard."""
    cell = int(rng.integers(7, 20))
    rows, columns = np.mgrid[0:height, 0:width] // cell
    return _blend(rng, style, ((rows + columns) % 2).astype(np.float32))


def _blobs(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    """Draw discs on one colour."""
    image = np.full((height, width, 3), random_colour(rng, style), np.uint8)
    for _ in range(int(rng.integers(5, 16))):
        centre = rng.uniform((0, 0), (width, height))
        radius = rng.uniform(0.05, 0.25) * min(width, height)
        disc(image, centre, radius, random_colour(rng, style))
    return image


def _shelves(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    """Draw upright rectangles on one colour."""
    image = np.full((height, width, 3), random_colour(rng, style), np.uint8)
    for _ in range(int(rng.integers(4, 12))):
        left, top = rng.integers((0, 0), (width, height))
        wide, high = rng.integers((8, 8), (width // 2, height // 2))

        # OpenCV takes plain numbers.
        start, end = (int(left), int(top)), (int(left + wide), int(top + high))
        cv2.rectangle(image, start, end, random_colour(rng, style), cv2.FILLED)
    return image


BACKDROPS: dict[str, Callable[[np.random.Generator, Style, int, int], Image]] = {
    "gradient": _gradient,
    "clouds": _clouds,
    "stripes": _stripes,
    "shards": _shards,
    "checks": _checks,
    "blobs": _blobs,
    "shelves": _shelves,
}

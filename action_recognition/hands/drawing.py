"""Hands drawn as skeletons: the person's left hand in one colour, the right in another."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.hands.networks import Picture

BONES: Final = (
    *((0, 1), (1, 2), (2, 3), (3, 4)),  # thumb
    *((0, 5), (5, 6), (6, 7), (7, 8)),
    *((5, 9), (9, 10), (10, 11), (11, 12)),
    *((9, 13), (13, 14), (14, 15), (15, 16)),
    *((13, 17), (0, 17), (17, 18), (18, 19), (19, 20)),
)
"""Pairs of points between which a line is drawn."""

COLOURS_RGB: Final = {"left": (255, 140, 0), "right": (0, 170, 255)}


def draw_hand(picture_rgb: Picture, landmarks_px: NDArray[np.float32], handedness: str) -> None:
    """Draw one hand, (21, 2 or more) in pixels, into a picture (H, W, 3) uint8, in place."""
    # Lines keep their share of the picture.
    width = max(1, round(min(picture_rgb.shape[:2]) / 200))
    points = [(round(float(x)), round(float(y))) for x, y in landmarks_px[:, :2]]
    colour = COLOURS_RGB[handedness]
    for first, second in BONES:
        cv2.line(picture_rgb, points[first], points[second], colour, width, cv2.LINE_AA)
    for point in points:
        cv2.circle(picture_rgb, point, width + 1, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(picture_rgb, point, width, colour, -1, cv2.LINE_AA)

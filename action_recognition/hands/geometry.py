"""Geometry of hand tracking: anchors, boxes of palms, turned squares, and points inside them.

All places are in pixels, x to the right and y down. An angle is in radians, clockwise as seen.
Source: google-ai-edge/mediapipe at 85c0cdc7, modules/palm_detection and modules/hand_landmark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Points of a hand.
WRIST, INDEX_BASE, MIDDLE_BASE, RING_BASE = 0, 5, 9, 13
# Wrist, thumb base, and base and first joint of the fingers: tips move too much for a square.
_STEADY_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
# Points of a palm.
_PALM_WRIST, _PALM_MIDDLE = 0, 2

_PALM_SHIFT, _PALM_SCALE = -0.5, 2.6
_HAND_SHIFT, _HAND_SCALE = -0.1, 2.0
_SAME_PALM_IOU = 0.3
_DEPTH_SCALE = 0.4  # the network gives z in units of the crop times this


class Square(NamedTuple):
    """A square that is turned by `rotation` around its centre."""

    x: float
    y: float
    side: float
    rotation: float = 0.0


def whole_square(height: int, width: int) -> Square:
    """Return the square around a picture of that size.

    >>> whole_square(100, 200)
    Square(x=100.0, y=50.0, side=200, rotation=0.0)
    """
    return Square(width / 2, height / 2, max(width, height))


def wrapped(angle: float) -> float:
    """Return the same angle in [-pi, pi).

    >>> round(wrapped(1.5 * math.pi) / math.pi, 6)
    -0.5
    """
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))


def upright_rotation(
    wrist: Sequence[float] | Floats, middle: Sequence[float] | Floats, upright: float = math.pi / 2
) -> float:
    """Return the angle by which a hand is turned from upright, from two of its points (x, y).

    `upright` is the angle that counts as not turned, counted from the x axis against the clock.

    >>> upright_rotation((50, 90), (50, 40))
    0.0
    >>> round(upright_rotation((50, 50), (90, 50)) / math.pi, 6)  # points to the right
    0.5
    """
    across, down = middle[0] - wrist[0], middle[1] - wrist[1]
    return wrapped(upright - math.atan2(-down, across))


def palm_anchors(size: int = 192) -> Floats:
    """Return the centres (2016, 2) of the palm network's anchors, in parts of its input.

    The grid of stride 8 has two anchors a cell. Those of the three layers of stride 16 are merged,
    which makes six a cell.
    """
    anchors = []
    for stride, per_cell in ((8, 2), (16, 6)):
        cells = size // stride
        centres = (np.arange(cells) + 0.5) / cells
        rows, columns = np.meshgrid(centres, centres, indexing="ij")
        cell_centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
        anchors.append(np.repeat(cell_centres, per_cell, axis=0))
    return np.concatenate(anchors)


def merge_palms(palms: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Merge the boxes of one palm into their mean, weighted by score. The best palm comes first.

    `palms` are rows of centre x and y, width, height, and more values in the same unit. Boxes with
    an IoU above 0.3 with the best one left belong to it. Its score stays.
    """
    order = np.argsort(-scores, kind="stable")
    merged, kept_scores = [], []
    while len(order):
        best = order[0]
        same = iou_of_boxes(palms[best, :4], palms[order, :4]) > _SAME_PALM_IOU
        same[0] = True  # a box without an area overlaps nothing, not even itself

        together = order[same]
        weights = scores[together, None]
        merged.append((palms[together] * weights).sum(axis=0) / weights.sum())
        kept_scores.append(scores[best])
        order = order[~same]
    return np.array(merged).reshape(-1, palms.shape[1]), np.array(kept_scores)


def iou_of_boxes(box: Floats, others: Floats) -> Floats:
    """Return the intersection over union of a box with (N, 4) others: centre, width, height.

    >>> iou_of_boxes(np.array([5.0, 5, 10, 10]), np.array([[10.0, 5, 10, 10]])).round(4).tolist()
    [0.3333]
    """
    first = np.maximum(box[:2] - box[2:] / 2, others[:, :2] - others[:, 2:] / 2)
    last = np.minimum(box[:2] + box[2:] / 2, others[:, :2] + others[:, 2:] / 2)
    common = np.prod(np.maximum(last - first, 0.0), axis=1)

    union = box[2] * box[3] + others[:, 2] * others[:, 3] - common
    shares: Floats = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return shares


def square_overlap(square: Square, other: Square) -> float:
    """Return the intersection over union of two squares, as if they were not turned."""
    box, boxes = ([item.x, item.y, item.side, item.side] for item in (square, other))
    return float(iou_of_boxes(np.array(box), np.array([boxes]))[0])


def square_of_palm(palm: Floats, upright: float = math.pi / 2) -> Square:
    """Return the square around a hand from its palm (18): box and seven points (x, y).

    The wrist is below, the base of the middle finger above. The fingers are expected above the
    palm, so the square is moved there. MediaPipe's Tasks have 90 for `upright`, in radians, and so
    turn it by another 26.6 degrees; its old API has 90 degrees.
    """
    x, y, width, height = palm[:4]
    points = palm[4:].reshape(7, 2)
    rotation = upright_rotation(points[_PALM_WRIST], points[_PALM_MIDDLE], upright)
    return _moved(x, y, (width, height), rotation, (_PALM_SHIFT, _PALM_SCALE))


def square_of_landmarks(landmarks_px: NDArray[np.floating]) -> Square:
    """Return the square in which the next frame's hand is expected, from (21, 2 or more) points."""
    points = np.asarray(landmarks_px, np.float64)[:, :2]
    knuckles = (points[INDEX_BASE] + points[RING_BASE]) / 2
    rotation = upright_rotation(points[WRIST], (knuckles + points[MIDDLE_BASE]) / 2)

    # The box is upright in the turned frame of the hand.
    steady = points[list(_STEADY_POINTS)]
    middle = (steady.min(axis=0) + steady.max(axis=0)) / 2
    turned = (steady - middle) @ rotation_matrix(-rotation).T
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = rotation_matrix(rotation) @ ((low + high) / 2) + middle

    width, height = high - low
    return _moved(x, y, (width, height), rotation, (_HAND_SHIFT, _HAND_SCALE))


def _moved(
    x: float,
    y: float,
    size: tuple[float, float],
    rotation: float,
    shift_and_scale: tuple[float, float],
) -> Square:
    """Return the square of a turned box, moved along the box's own y axis."""
    (width, height), (shift, scale) = size, shift_and_scale
    along = shift * height
    moved_x, moved_y = x - along * math.sin(rotation), y + along * math.cos(rotation)
    return Square(float(moved_x), float(moved_y), float(scale * max(width, height)), rotation)


def rotation_matrix(angle: float) -> Floats:
    """Return the matrix (2, 2) that turns (x, y) by an angle."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def crop_to_picture(square: Square, size: int) -> Floats:
    """Return the matrix (2, 3) from pixels of a crop with sides of `size` to those of the picture.

    >>> (crop_to_picture(Square(100, 50, 448), 224) @ [112, 112, 1]).tolist()
    [100.0, 50.0]
    """
    turn = rotation_matrix(square.rotation) * (square.side / size)
    offset = np.array([square.x, square.y]) - turn @ np.array([size / 2, size / 2])
    return np.concatenate([turn, offset[:, None]], axis=1)


def landmarks_in_picture(crop_landmarks: Floats, square: Square, size: int) -> Floats:
    """Return landmarks (21, 3) of a crop in pixels of the picture. z has the same unit."""
    matrix = crop_to_picture(square, size)
    places = crop_landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    depths = crop_landmarks[:, 2:] * (square.side / size / _DEPTH_SCALE)
    return np.concatenate([places, depths], axis=1)


def turned_world(world_m: Floats, rotation: float) -> Floats:
    """Return world points (21, 3) as the picture shows them: those of a crop are upright."""
    turned = world_m.copy()
    turned[:, :2] = world_m[:, :2] @ rotation_matrix(rotation).T
    return turned

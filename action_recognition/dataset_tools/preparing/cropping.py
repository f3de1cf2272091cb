"""A picture cut around a person and brought to one size.

Source: CONTRACT 1.8 and the original's `crop_image`: the box is enlarged, one of its sides is made longer until it has the shape of
the target, and what then lies outside of the picture is cut off. The rest is stretched to the target, bilinearly, as the published
weights saw it.
"""

from __future__ import annotations

from typing import NamedTuple

import mmcv
import numpy as np
from numpy.typing import NDArray


class PictureSize(NamedTuple):
    """In pixels, in the original's order: `300,256` is 300 high and 256 wide."""

    height: int
    width: int


class Box(NamedTuple):
    """Corners in pixels; may reach over the picture."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Rectangle(NamedTuple):
    """Whole pixels inside a picture, ends exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def crop_rectangle(
    box: Box, picture: PictureSize, target: PictureSize, scale: float
) -> Rectangle | None:
    """What is cut out of a picture for a person's box; None where the box is empty or outside of the picture.

    >>> crop_rectangle(Box(100, 50, 200, 150), PictureSize(480, 640), PictureSize(300, 256), 1.2)
    Rectangle(left=90, top=29, right=210, bottom=170)
    >>> crop_rectangle(Box(700, 50, 800, 150), PictureSize(480, 640), PictureSize(300, 256), 1.2) is None
    True
    """
    if not _meets(box, picture):
        return None
    width, height = _enlarged(box, scale, target.height / target.width)
    centre_x, centre_y = 0.5 * (box.x_min + box.x_max), 0.5 * (box.y_min + box.y_max)
    found = Rectangle(
        max(0, int(centre_x - 0.5 * width)),
        max(0, int(centre_y - 0.5 * height)),
        min(picture.width, int(centre_x + 0.5 * width)),
        min(picture.height, int(centre_y + 0.5 * height)),
    )
    return found if found.left < found.right and found.top < found.bottom else None


def _enlarged(box: Box, scale: float, aspect: float) -> tuple[float, float]:
    """Return width and height of a box times `scale`, one of them longer so that height / width is `aspect`."""
    width, height = scale * (box.x_max - box.x_min), scale * (box.y_max - box.y_min)
    if height / width < aspect:
        return width, aspect * width
    return height / aspect, height


def _meets(box: Box, picture: PictureSize) -> bool:
    """Whether a box has an area, part of which lies in the picture (False for NaN too)."""
    has_area = box.x_min < box.x_max and box.y_min < box.y_max
    begins_inside = box.x_min < picture.width and box.y_min < picture.height
    return has_area and begins_inside and box.x_max > 0 and box.y_max > 0


def cropped(
    picture_rgb: NDArray[np.uint8], rectangle: Rectangle | None, target: PictureSize
) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of the target, from an (H, W, 3) picture; without a rectangle all of it is resized."""
    if rectangle is not None:
        picture_rgb = picture_rgb[
            rectangle.top : rectangle.bottom, rectangle.left : rectangle.right
        ]
    resized: NDArray[np.uint8] = mmcv.imresize(
        picture_rgb, (target.width, target.height), interpolation="bilinear"
    )
    return resized

"""A picture cut around a person and resized to one size.

Source: CONTRACT 1.8 and the original's `crop_image`. The box is enlarged, and one of its sides is
made longer until it has the shape of the target. The part outside of the picture is cut off. The
rest is stretched to the target, bilinearly, as the published weights saw it.
"""

from __future__ import annotations

from typing import NamedTuple

import mmcv
import numpy as np
from numpy.typing import NDArray


class PictureSize(NamedTuple):
    """Size in pixels, in the original's order: `300,256` is 300 high and 256 wide."""

    height: int
    width: int


class Box(NamedTuple):
    """Corners in pixels, which may lie outside of the picture."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Rectangle(NamedTuple):
    """Whole pixels inside a picture. Ends are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def crop_rectangle(
    box: Box, picture: PictureSize, target: PictureSize, scale: float
) -> Rectangle | None:
    """Return the pixels to cut out for a person's box.

    None stands for a box that is empty or outside of the picture.

    >>> target = PictureSize(300, 256)
    >>> crop_rectangle(Box(100, 50, 200, 150), PictureSize(480, 640), target, 1.2)
    Rectangle(left=90, top=29, right=210, bottom=170)
    >>> crop_rectangle(Box(700, 50, 800, 150), PictureSize(480, 640), target, 1.2) is None
    True
    """
    if not _meets(box, picture):
        return None

    # The enlarged box keeps its centre and loses what lies outside of the picture.
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
    """Return width and height of a box, scaled and with one side made longer.

    Their ratio, height / width, is then `aspect`.
    """
    width, height = scale * (box.x_max - box.x_min), scale * (box.y_max - box.y_min)
    if height / width < aspect:
        return width, aspect * width
    return height / aspect, height


def _meets(box: Box, picture: PictureSize) -> bool:
    """Return True if a box has an area that is partly in the picture. NaN gives False."""
    has_area = box.x_min < box.x_max and box.y_min < box.y_max
    begins_inside = box.x_min < picture.width and box.y_min < picture.height
    return has_area and begins_inside and box.x_max > 0 and box.y_max > 0


def cropped(
    picture_rgb: NDArray[np.uint8], rectangle: Rectangle | None, target: PictureSize
) -> NDArray[np.uint8]:
    """Crop an RGB picture (H, W, 3) and resize it to the target, uint8.

    Without a rectangle, the whole picture is resized.
    """
    if rectangle is not None:
        picture_rgb = picture_rgb[
            rectangle.top : rectangle.bottom, rectangle.left : rectangle.right
        ]

    # mmcv takes (width, height).
    resized: NDArray[np.uint8] = mmcv.imresize(
        picture_rgb, (target.width, target.height), interpolation="bilinear"
    )
    return resized

"""Spatial changes of a clip, the same for all its frames.

In and out: numpy, uint8, (T, H, W, 3) RGB.
Source: REFERENCE section 4, "Validation/test" and "Augmentation, in order".
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
"""(T, H, W, 3) uint8 RGB."""

CANVAS_MARGIN = 1.3
"""Side of the picture in which batch augmentation moves the crop, in units of the crop's."""


def canvas_side(crop_size: int) -> int:
    """Return the side of the canvas in pixels: `CANVAS_MARGIN` times the crop's.

    It is even or odd as the crop's, so that both share their centre.

    >>> canvas_side(112), canvas_side(224), canvas_side(33)
    (146, 292, 43)
    """
    return crop_size + 2 * round((CANVAS_MARGIN - 1.0) * crop_size / 2)


def centre_crop_clip(frames_thwc: Frames, resize_short_side: int, crop_size: int) -> Frames:
    """Resize the short side, then cut the `crop_size` square in the centre, as in evaluation.

    Where the square is larger than the resized picture, the picture's edge pixels are repeated.

    >>> centre_crop_clip(np.zeros((2, 100, 177, 3), np.uint8), 256, 224).shape
    (2, 224, 224, 3)
    """
    height, width = resized_size(frames_thwc, resize_short_side)
    rows, columns = _centred(height, crop_size), _centred(width, crop_size)
    # Each frame is cut into its place, without a resized clip in between.
    out = np.empty((len(frames_thwc), crop_size, crop_size, 3), dtype=np.uint8)
    for frame, target in zip(frames_thwc, out, strict=True):
        _cut(_resize(frame, height, width), rows, columns, target)
    return out


def fitted_clip(
    frames_thwc: Frames,
    resize_short_side: int | None,
    crop_size: int,
    mean_rgb: Sequence[float],
    side: int | None = None,
) -> Frames:
    """Return the network's view, `crop_size` pixels square.

    With `side` it is so many pixels square, around the same centre at the same scale. With
    `resize_short_side` it is made by `centre_crop_clip`. With None the whole picture is fitted into
    the crop by `pad_clip`.
    """
    if resize_short_side is None:
        return pad_clip(frames_thwc, crop_size, mean_rgb, side or crop_size)
    return centre_crop_clip(frames_thwc, resize_short_side, side or crop_size)


def pad_clip(frames_thwc: Frames, long_side: int, mean_rgb: Sequence[float], side: int) -> Frames:
    """Put the whole picture in the middle of a square of the mean colour.

    The square is `side` pixels large. The picture's long side becomes `long_side`, at most that.
    Sizes round to the nearest pixel, halves up. An odd pixel of the rest goes to the right and to
    the bottom. The picture is averaged over areas where it shrinks, because a photograph is many
    times larger than a network's input. It is interpolated bilinearly where it grows.

    >>> pad_clip(np.full((1, 10, 40, 3), 9, np.uint8), 4, (100.4, 0, 0), 4)[0, :, 0, 0].tolist()
    [100, 9, 100, 100]
    """
    height, width = frames_thwc.shape[1:3]
    factor = long_side / max(height, width)
    new_height, new_width = (max(1, int(length * factor + 0.5)) for length in (height, width))
    top, left = (side - new_height) // 2, (side - new_width) // 2

    colour = np.array([int(value + 0.5) for value in mean_rgb], np.uint8)
    out = np.broadcast_to(colour, (len(frames_thwc), side, side, 3)).copy()
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    for frame, target in zip(frames_thwc, out, strict=True):
        resized = cv2.resize(frame, (new_width, new_height), interpolation=how)
        target[top : top + new_height, left : left + new_width] = resized
    return out


def resize_clip(frames_thwc: Frames, resize_short_side: int) -> Frames:
    """Return the clip with its short side `resize_short_side` pixels long.

    >>> resize_clip(np.zeros((2, 100, 177, 3), np.uint8), 256).shape
    (2, 256, 453, 3)
    """
    height, width = resized_size(frames_thwc, resize_short_side)
    if frames_thwc.shape[1:3] == (height, width):
        return frames_thwc
    return np.stack([_resize(frame, height, width) for frame in frames_thwc])


def resized_size(frames_thwc: Frames, short_side: int) -> tuple[int, int]:
    """Return height and width of the clip after the short side became `short_side`.

    Halves round up, as in the original.

    >>> resized_size(np.zeros((2, 100, 177, 3), np.uint8), 256)
    (256, 453)
    """
    height, width = frames_thwc.shape[1:3]
    factor = short_side / min(height, width)
    return int(height * factor + 0.5), int(width * factor + 0.5)


def shrink_picture(picture_hwc: NDArray[np.uint8], resize_short_side: int) -> NDArray[np.uint8]:
    """Return the picture with its short side `resize_short_side` pixels long.

    A smaller one stays as it is. `resize_clip` and `centre_crop_clip` make the same of it, to the
    bit, as of the large one.

    >>> shrink_picture(np.zeros((512, 900, 3), np.uint8), 256).shape
    (256, 450, 3)
    >>> shrink_picture(np.zeros((100, 177, 3), np.uint8), 256).shape
    (100, 177, 3)
    """
    if min(picture_hwc.shape[:2]) <= resize_short_side:
        return picture_hwc
    return _resize(picture_hwc, *resized_size(picture_hwc[np.newaxis], resize_short_side))


def fit_into(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) as large as it fits into `height` x `width`, in its middle.

    The space beside it is black. A picture of that size is returned itself.

    >>> fit_into(np.full((2, 4, 3), 9, np.uint8), 4, 4)[:, 0, 0].tolist()
    [0, 9, 9, 0]
    """
    if picture.shape[:2] == (height, width):
        return picture
    scale = min(height / picture.shape[0], width / picture.shape[1])
    new_height, new_width = (max(1, round(side * scale)) for side in picture.shape[:2])
    top, left = (height - new_height) // 2, (width - new_width) // 2

    fitted = np.zeros((height, width, 3), np.uint8)
    resized = cv2.resize(picture, (new_width, new_height), interpolation=cv2.INTER_AREA)
    fitted[top : top + new_height, left : left + new_width] = resized
    return fitted


def random_square(
    height: int, width: int, crop_size: int, crop_scale_min: float, rng: np.random.Generator
) -> tuple[range, range]:
    """Draw rows and columns of a square in pictures of that size.

    Each side of a picture counts as `crop_size` at least, because `crop_clip` repeats its edges.
    The square's side is U(`crop_scale_min`, 1) of the short side, its place uniform.
    """
    height, width = max(height, crop_size), max(width, crop_size)
    side = max(1, int(rng.uniform(crop_scale_min, 1.0) * min(height, width) + 0.5))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    return range(top, top + side), range(left, left + side)


def crop_clip(frames_thwc: Frames, crop_size: int, square: tuple[range, range]) -> Frames:
    """Return the rows and columns of all frames, resized to `crop_size`.

    A picture that is smaller than `crop_size` gets repeated edges first, as in `centre_crop_clip`.
    Rows and columns count after that.
    """
    rows, columns = square
    padded = _at_least(frames_thwc, crop_size)
    crops = padded[:, rows.start : rows.stop, columns.start : columns.stop]
    return np.stack([_resize(crop, crop_size, crop_size) for crop in crops])


def mirror_clip(frames_thwc: Frames) -> Frames:
    """Mirror the clip left to right. The label may change with it, see `labels.label_swap_map`.

    >>> mirror_clip(np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)).tolist()
    [[[[3, 4, 5], [0, 1, 2]]]]
    """
    # In C order, whatever that of the input is: OpenCV writes to no other.
    # A view of numpy that runs backwards would make everything after it slow.
    out = np.empty(frames_thwc.shape, frames_thwc.dtype)
    for frame, target in zip(frames_thwc, out, strict=True):
        cv2.flip(frame, 1, target)
    return out


def _resize(frame_hwc: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    if frame_hwc.shape[:2] == (height, width):
        return frame_hwc
    size = (width, height)
    resized: NDArray[np.uint8] = cv2.resize(frame_hwc, size, interpolation=cv2.INTER_LINEAR)
    return resized


def _centred(length: int, side: int) -> range:
    """Return the `side` places around the centre of `length`, also outside of it."""
    first = (length - side) // 2
    return range(first, first + side)


def _cut(
    frame_hwc: NDArray[np.uint8], rows: range, columns: range, target: NDArray[np.uint8]
) -> None:
    """Copy those rows and columns of the frame to `target`. Outside it the nearest are taken."""
    height, width = frame_hwc.shape[:2]
    if rows.start >= 0 and columns.start >= 0 and rows.stop <= height and columns.stop <= width:
        target[:] = frame_hwc[rows.start : rows.stop, columns.start : columns.stop]
    else:
        target[:] = frame_hwc[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]


def _at_least(frames_thwc: Frames, side: int) -> Frames:
    """Return the clip with repeated edges around it where a side is shorter than `side`."""
    height, width = frames_thwc.shape[1:3]
    if min(height, width) >= side:
        return frames_thwc
    # A side that is long enough keeps its length.
    rows, columns = _centred(height, max(height, side)), _centred(width, max(width, side))
    out = np.empty((len(frames_thwc), len(rows), len(columns), 3), dtype=np.uint8)
    for frame, target in zip(frames_thwc, out, strict=True):
        _cut(frame, rows, columns, target)
    return out

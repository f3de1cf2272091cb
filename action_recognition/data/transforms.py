"""Spatial changes of a clip, the same for all its frames: numpy, uint8, (T, H, W, 3) RGB in and out.

Source: REFERENCE section 4, "Validation/test" and "Augmentation, in order".
"""

from __future__ import annotations

import mmcv
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
"""(T, H, W, 3) uint8 RGB."""


def centre_crop_clip(frames_thwc: Frames, resize_short_side: int, crop_size: int) -> Frames:
    """Test preprocessing: resize the short side, then cut the `crop_size` square in the centre.

    >>> centre_crop_clip(np.zeros((2, 100, 177, 3), np.uint8), 256, 224).shape
    (2, 224, 224, 3)
    """
    height, width = _resized_size(frames_thwc, resize_short_side)
    top, left = (height - crop_size) // 2, (width - crop_size) // 2
    out = np.empty((len(frames_thwc), crop_size, crop_size, 3), dtype=np.uint8)
    for frame, target in zip(frames_thwc, out, strict=True):
        target[:] = _resize(frame, height, width)[top : top + crop_size, left : left + crop_size]
    return out


def random_crop_clip(
    frames_thwc: Frames, resize_short_side: int, crop_size: int, crop_scale_min: float, rng: np.random.Generator
) -> Frames:
    """Training crop: resize the short side, cut one random square out of all frames, resize it to `crop_size`.

    The square's side is U(`crop_scale_min`, 1) of the short side, its place uniform.
    """
    height, width = _resized_size(frames_thwc, resize_short_side)
    side = max(1, int(rng.uniform(crop_scale_min, 1.0) * min(height, width) + 0.5))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    out = np.empty((len(frames_thwc), crop_size, crop_size, 3), dtype=np.uint8)
    for frame, target in zip(frames_thwc, out, strict=True):
        crop = _resize(frame, height, width)[top : top + side, left : left + side]
        target[:] = _resize(crop, crop_size, crop_size)
    return out


def mirror_clip(frames_thwc: Frames) -> Frames:
    """The clip mirrored left to right (a view); the label may change with it, see `datasets.label_swap_map`.

    >>> mirror_clip(np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)).tolist()
    [[[[3, 4, 5], [0, 1, 2]]]]
    """
    return frames_thwc[:, :, ::-1]


def _resized_size(frames_thwc: Frames, short_side: int) -> tuple[int, int]:
    """Height and width after the short side became `short_side`, halves up as the original."""
    height, width = frames_thwc.shape[1:3]
    factor = short_side / min(height, width)
    return int(height * factor + 0.5), int(width * factor + 0.5)


def _resize(frame_hwc: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    if frame_hwc.shape[:2] == (height, width):
        return frame_hwc
    resized: NDArray[np.uint8] = mmcv.imresize(frame_hwc, (width, height), interpolation="bilinear")
    return resized

"""Random changes of a clip's pixel values, the same for all its frames: numpy, uint8, (T, H, W, 3) RGB in and out.

Source: REFERENCE section 4, "Augmentation, in order". The original gave RGB frames to code that takes BGR; here red is red.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.transforms import Frames
from action_recognition.template import BlockDropout, Photometric

_Floats = NDArray[np.float32]


def drop_blocks(frames_thwc: Frames, config: BlockDropout, rng: np.random.Generator) -> Frames:
    """Blacken cells of a grid of 1 / `cell_share` cells along each side, each with `probability`; all frames the same.

    >>> half = BlockDropout(cell_share=0.5, probability=0.5)
    >>> drop_blocks(np.full((1, 2, 4, 3), 7, np.uint8), half, np.random.default_rng(1))[0, :, :, 0].tolist()
    [[7, 7, 7, 7], [0, 0, 7, 7]]
    """
    cells = max(1, round(1.0 / config.cell_share))
    kept = rng.random((cells, cells)) >= config.probability
    rows, columns = (np.arange(side) * cells // side for side in frames_thwc.shape[1:3])
    mask = np.repeat(kept[np.ix_(rows, columns)].astype(np.uint8)[..., None], frames_thwc.shape[3], axis=2)  # numpy is slow along 3 values
    return frames_thwc * mask


def shift_colours(frames_thwc: Frames, config: Photometric, rng: np.random.Generator) -> Frames:
    """Brightness, contrast, saturation and hue, each with `probability`.

    The original changes contrast before or after saturation and hue, by a coin. That makes no difference: a pixel that is scaled keeps
    its saturation and hue, and values are clipped to 0..255 at the end only.
    """

    def happens() -> bool:
        return bool(rng.random() < config.probability)

    added = _brightness_change(frames_thwc, config, rng) if happens() else 0.0
    factor = _factor(config.contrast, rng) if happens() else 1.0
    saturation = _factor(config.saturation, rng) if happens() else 1.0
    hue_degrees = rng.uniform(-config.hue_degrees, config.hue_degrees) if happens() else 0.0
    out = np.empty(frames_thwc.shape, np.uint8)
    for frame, target in zip(frames_thwc, out, strict=True):  # a frame of floats stays in the processor's cache, a clip does not
        changed = frame.astype(np.float32)
        changed += added
        changed *= factor
        if saturation != 1.0 or hue_degrees != 0.0:
            changed = shift_hsv(changed, saturation, hue_degrees)
        target[:] = np.clip(changed, 0.0, 255.0, out=changed)  # truncates, as the original
    return out


def _brightness_change(frames_thwc: Frames, config: Photometric, rng: np.random.Generator) -> float:
    """What takes the mean of a random frame to a uniform place in `brightness_range`, which is extended to hold that mean."""
    mean = float(frames_thwc[rng.integers(len(frames_thwc))].mean())
    low, high = config.brightness_range
    return float(rng.uniform(min(low, mean), max(high, mean))) - mean


def _factor(spread: float, rng: np.random.Generator) -> float:
    return float(rng.uniform(1.0 - spread, 1.0 + spread))


def shift_hsv(frame_hwc: _Floats, saturation: float, hue_degrees: float) -> _Floats:
    """A float RGB frame with its saturation (0..1) times a factor and its hue (degrees) turned."""
    hsv = cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2HSV)
    hsv[..., 0] += hue_degrees  # OpenCV takes any angle
    np.clip(hsv[..., 1] * saturation, 0.0, 1.0, out=hsv[..., 1])
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.float32)

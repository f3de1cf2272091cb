"""Random changes of one training clip on the CPU: numpy, uint8, (T, H, W, 3) RGB in and out.

The original's changes, in its order:

    resize -> rotate -> crop -> mirror -> block dropout -> photometric

The caller mirrors, because the label changes with it. The other recipe here is TrivialAugmentWide
of torchvision. Every change is drawn once per clip. Source: REFERENCE section 4, "Augmentation, in
order". The original gave RGB frames to code that takes BGR. Here red is red.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from action_recognition.data.transforms import (
    Frames,
    crop_clip,
    random_square,
    resize_clip,
    resized_size,
)
from action_recognition.template import (
    BlockDropout,
    ClipInput,
    Photometric,
    ReferenceAugmentation,
    Rotate,
)

_Floats = NDArray[np.float32]


def move_as_reference(
    frames_thwc: Frames,
    clip_input: ClipInput,
    config: ReferenceAugmentation,
    rng: np.random.Generator,
) -> Frames:
    """Resize, rotate and crop to (T, `crop_size`, `crop_size`, 3)."""
    short_side = clip_input.resize_short_side
    assert short_side is not None  # by the template's schema
    degrees = _draw_degrees(config.rotate, rng)
    height, width = resized_size(frames_thwc, short_side)
    square = random_square(height, width, clip_input.crop_size, config.crop_scale_min, rng)

    # Frame by frame: each stays in the processor's cache from one step to the next.
    moved = []
    for place in range(len(frames_thwc)):
        frame = resize_clip(frames_thwc[place : place + 1], short_side)
        if degrees is not None:
            frame = rotate_clip(frame, degrees)
        moved.append(crop_clip(frame, clip_input.crop_size, square))
    return np.concatenate(moved)


def _draw_degrees(config: Rotate | None, rng: np.random.Generator) -> float | None:
    """Draw the angle of a clip's rotation, or None for a clip that is not rotated."""
    if config is None or rng.random() >= config.probability:
        return None
    return float(rng.uniform(-config.degrees, config.degrees))


def recolour_as_reference(
    frames_thwc: Frames, config: ReferenceAugmentation, rng: np.random.Generator
) -> Frames:
    """Apply block dropout and photometric distortion. The shape stays the same."""
    if config.block_dropout is not None:
        frames_thwc = drop_blocks(frames_thwc, config.block_dropout, rng)
    if config.photometric is not None:
        frames_thwc = shift_colours(frames_thwc, config.photometric, rng)
    return frames_thwc


def rotate_clip(frames_thwc: Frames, degrees: float) -> Frames:
    """Turn the clip clockwise around its centre, at its size. Uncovered corners become black.

    >>> rotate_clip(np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1), 90.0)[0].tolist()
    [[6, 3, 0], [7, 4, 1], [8, 5, 2]]
    """
    # Of the training installation: prediction does without.
    import mmcv

    return np.stack([mmcv.imrotate(frame, degrees, border_value=0) for frame in frames_thwc])


def drop_blocks(frames_thwc: Frames, config: BlockDropout, rng: np.random.Generator) -> Frames:
    """Blacken cells of a grid, each with `probability`, in all frames alike.

    The grid has 1 / `cell_share` cells along each side.

    >>> half = BlockDropout(cell_share=0.5, probability=0.5)
    >>> clip = np.full((1, 2, 4, 3), 7, np.uint8)
    >>> drop_blocks(clip, half, np.random.default_rng(1))[0, :, :, 0].tolist()
    [[7, 7, 7, 7], [0, 0, 7, 7]]
    """
    # One draw per cell, for all frames of the clip.
    cells = max(1, round(1.0 / config.cell_share))
    kept = rng.random((cells, cells)) >= config.probability
    rows, columns = (np.arange(side) * cells // side for side in frames_thwc.shape[1:3])

    # The mask gets all channels: numpy is slow at repeating it along 3 values.
    plane = kept[np.ix_(rows, columns)].astype(np.uint8)
    mask = np.repeat(plane[..., None], frames_thwc.shape[3], axis=2)
    return frames_thwc * mask


def shift_colours(frames_thwc: Frames, config: Photometric, rng: np.random.Generator) -> Frames:
    """Change brightness, contrast, saturation and hue, each with `probability`.

    The original tosses a coin for changing contrast before or after saturation and hue. That makes
    no difference. A pixel that is scaled keeps its saturation and hue, and values are clipped to
    0..255 at the end only.
    """
    change = _draw_colour_change(frames_thwc, config, rng)
    out = np.empty(frames_thwc.shape, np.uint8)

    # Frame by frame: a frame of floats stays in the processor's cache, a clip does not.
    for frame, target in zip(frames_thwc, out, strict=True):
        changed = frame.astype(np.float32)
        changed += change.added
        changed *= change.factor
        if change.saturation != 1.0 or change.hue_degrees != 0.0:
            changed = shift_hsv(changed, change.saturation, change.hue_degrees)
        target[:] = np.clip(changed, 0.0, 255.0, out=changed)  # truncates, as the original
    return out


class _ColourChange(NamedTuple):
    """A change that is drawn for one clip: pixels become (pixel + added) * factor, then HSV."""

    added: float
    factor: float
    saturation: float
    hue_degrees: float


def _draw_colour_change(
    frames_thwc: Frames, config: Photometric, rng: np.random.Generator
) -> _ColourChange:
    """Draw the parts in the original's order: brightness, contrast, saturation, hue."""
    probability, hue = config.probability, config.hue_degrees
    # Whether a part happens is drawn first, then its strength.
    added = _brightness_change(frames_thwc, config, rng) if _happens(probability, rng) else 0.0
    factor = _draw_factor(config.contrast, rng) if _happens(probability, rng) else 1.0
    saturation = _draw_factor(config.saturation, rng) if _happens(probability, rng) else 1.0
    hue_degrees = float(rng.uniform(-hue, hue)) if _happens(probability, rng) else 0.0
    return _ColourChange(added, factor, saturation, hue_degrees)


def _happens(probability: float, rng: np.random.Generator) -> bool:
    return bool(rng.random() < probability)


def _brightness_change(frames_thwc: Frames, config: Photometric, rng: np.random.Generator) -> float:
    """Draw the level to add. It takes the mean of a random frame to a uniform place in a range.

    The range is `brightness_range`, extended to hold that mean.
    """
    mean = float(frames_thwc[rng.integers(len(frames_thwc))].mean())
    low, high = config.brightness_range
    return float(rng.uniform(min(low, mean), max(high, mean))) - mean


def _draw_factor(spread: float, rng: np.random.Generator) -> float:
    return float(rng.uniform(1.0 - spread, 1.0 + spread))


def shift_hsv(frame_hwc: _Floats, saturation: float, hue_degrees: float) -> _Floats:
    """Scale the saturation (0..1) of a float RGB frame and turn its hue by degrees."""
    # float32: hue is 0..360, saturation 0..1, and the value keeps the range of the input.
    hsv = cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2HSV)
    hsv[..., 0] += hue_degrees  # OpenCV takes any angle
    np.clip(hsv[..., 1] * saturation, 0.0, 1.0, out=hsv[..., 1])
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.float32)


def trivially_augmented(clip_thwc: Frames, mean_rgb: Sequence[float], seed: int) -> Frames:
    """Apply one change of a random kind and strength, the same for all frames.

    Uncovered pixels get the mean colour. The result is a pure function of clip and seed: the
    generator of the process stays as it was.
    """
    # Only some recipes use it, and it takes seconds to import: evaluation need not wait for it.
    from torchvision.transforms import v2

    fill = [float(int(value + 0.5)) for value in mean_rgb]
    change = v2.TrivialAugmentWide(interpolation=v2.InterpolationMode.BILINEAR, fill=fill)

    # torchvision draws from the generator of the process, which is put back afterwards.
    frames = torch.from_numpy(np.ascontiguousarray(clip_thwc.transpose(0, 3, 1, 2)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        changed: torch.Tensor = change(frames)
    return changed.numpy().transpose(0, 2, 3, 1)

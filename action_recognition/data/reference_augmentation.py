"""The original's random changes of a training clip, in its order: numpy, uint8, (T, H, W, 3) RGB in and out.

    resize -> rotate -> crop -> mirror (by the caller, whose label changes with it) -> block dropout -> photometric

Every change is drawn once per clip. Source: REFERENCE section 4, "Augmentation, in order".
"""

from __future__ import annotations

import numpy as np

from action_recognition.data.photometric import drop_blocks, shift_colours
from action_recognition.data.transforms import Frames, crop_clip, random_square, resize_clip, resized_size, rotate_clip
from action_recognition.template import ClipInput, ReferenceAugmentation


def move_as_reference(frames_thwc: Frames, clip_input: ClipInput, config: ReferenceAugmentation, rng: np.random.Generator) -> Frames:
    """Resize, rotate and crop to (T, `crop_size`, `crop_size`, 3)."""
    assert clip_input.resize_short_side is not None  # by the template's schema
    turns = config.rotate is not None and rng.random() < config.rotate.probability
    degrees = rng.uniform(-config.rotate.degrees, config.rotate.degrees) if config.rotate is not None and turns else None
    height, width = resized_size(frames_thwc, clip_input.resize_short_side)
    square = random_square(height, width, clip_input.crop_size, config.crop_scale_min, rng)
    moved = []
    for place in range(len(frames_thwc)):  # frame by frame: what comes between stays in the processor's cache
        frame = resize_clip(frames_thwc[place : place + 1], clip_input.resize_short_side)
        moved.append(crop_clip(frame if degrees is None else rotate_clip(frame, degrees), clip_input.crop_size, square))
    return np.concatenate(moved)


def recolour_as_reference(frames_thwc: Frames, config: ReferenceAugmentation, rng: np.random.Generator) -> Frames:
    """Block dropout and photometric distortion, same shape."""
    if config.block_dropout is not None:
        frames_thwc = drop_blocks(frames_thwc, config.block_dropout, rng)
    return frames_thwc if config.photometric is None else shift_colours(frames_thwc, config.photometric, rng)

"""The original's random changes of a training clip, in its order: numpy, uint8, (T, H, W, 3) RGB in and out.

    resize -> rotate -> crop -> mirror (by the caller, whose label changes with it) -> block dropout -> photometric

Every change is drawn once per clip. Source: REFERENCE section 4, "Augmentation, in order".
"""

from __future__ import annotations

import numpy as np

from action_recognition.data.photometric import drop_blocks, shift_colours
from action_recognition.data.transforms import Frames, random_crop_clip, resize_clip, rotate_clip
from action_recognition.template import ClipInput, ReferenceAugmentation


def move_as_reference(frames_thwc: Frames, clip_input: ClipInput, config: ReferenceAugmentation, rng: np.random.Generator) -> Frames:
    """Resize, rotate and crop to (T, `crop_size`, `crop_size`, 3)."""
    assert clip_input.resize_short_side is not None  # by the template's schema
    clip = resize_clip(frames_thwc, clip_input.resize_short_side)
    if config.rotate is not None and rng.random() < config.rotate.probability:
        clip = rotate_clip(clip, rng.uniform(-config.rotate.degrees, config.rotate.degrees))
    return random_crop_clip(clip, clip_input.crop_size, config.crop_scale_min, rng)


def recolour_as_reference(frames_thwc: Frames, config: ReferenceAugmentation, rng: np.random.Generator) -> Frames:
    """Block dropout and photometric distortion, same shape."""
    if config.block_dropout is not None:
        frames_thwc = drop_blocks(frames_thwc, config.block_dropout, rng)
    return frames_thwc if config.photometric is None else shift_colours(frames_thwc, config.photometric, rng)

"""TrivialAugmentWide of torchvision on one clip, drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torchvision.transforms import v2

from action_recognition.data.transforms import Frames


def trivially_augmented(clip_thwc: Frames, mean_rgb: Sequence[float], seed: int) -> Frames:
    """The clip after one change of a random kind and strength, the same for all frames; the mean colour where nothing was.

    A pure function of clip and seed: the generator of the process stays as it was.
    """
    change = v2.TrivialAugmentWide(interpolation=v2.InterpolationMode.BILINEAR, fill=[float(int(value + 0.5)) for value in mean_rgb])
    frames = torch.from_numpy(np.ascontiguousarray(clip_thwc.transpose(0, 3, 1, 2)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        changed: torch.Tensor = change(frames)
    return changed.numpy().transpose(0, 2, 3, 1)

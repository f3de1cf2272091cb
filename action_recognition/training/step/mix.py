"""Two clips of a batch in one, with both their labels: mixup and cutmix.

Source: Zhang et al., "mixup", ICLR 2018, equation 1; Yun et al., "CutMix", ICCV 2019, equations 1 and 2.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from action_recognition.template import Mix


def mix_clips(
    clips: Tensor, targets: Tensor, config: Mix, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Each clip mixed with another of the batch: float clips (N, 3, T, H, W) 0..255 and shares of the classes (N, C), rows sum to 1.

    `clips` uint8 or float 0..255, `targets` float, one-hot or smoothed. With `probability` the batch is mixed, else it comes back as it is.
    The first clip keeps the share Beta(alpha, alpha), one draw per batch. `generator` is of the CPU, so that every device draws the same.

    >>> generator = torch.Generator().manual_seed(0)
    >>> clips, targets = torch.tensor([0.0, 100.0]).view(2, 1, 1, 1, 1), torch.eye(2)
    >>> mixed, shares = mix_clips(clips, targets, Mix(type="mixup", alpha=1.0, probability=1.0), generator)
    >>> bool((mixed.flatten() - 100.0 * shares[:, 1]).abs().max() < 1e-4)
    True
    """
    clips = clips.float()
    happens = float(torch.rand((), generator=generator)) < config.probability
    # torch draws no Beta from a generator, so numpy does, with a seed from the generator.
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    if not happens or len(clips) < 2:
        return clips, targets

    share = float(rng.beta(config.alpha, config.alpha))
    partners = torch.from_numpy(_partners(len(clips), rng)).to(clips.device)
    if config.type == "mixup":
        mixed = torch.lerp(clips[partners], clips, share)
    else:
        mixed, share = _pasted(clips, partners, share, rng)
    return mixed, torch.lerp(targets[partners], targets, share)


def _partners(number: int, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Another clip for each, each once: the next one in a random order of all."""
    order = rng.permutation(number)
    partners = np.empty_like(order)
    partners[order] = np.roll(order, 1)
    return partners


def _pasted(
    clips: Tensor, partners: Tensor, share: float, rng: np.random.Generator
) -> tuple[Tensor, float]:
    """The clips with one box of their partners over all frames, and the share of the picture that is left of them.

    The box has the picture's shape and 1 - `share` of its area, and its centre anywhere: what is outside the picture is cut off.
    """
    bounds = []
    for side in clips.shape[3:]:
        half, centre = 0.5 * side * (1.0 - share) ** 0.5, rng.uniform(0, side)
        bounds.append((round(max(0.0, centre - half)), round(min(float(side), centre + half))))
    (top, bottom), (left, right) = bounds

    mixed = clips.clone()
    mixed[..., top:bottom, left:right] = clips[partners][..., top:bottom, left:right]
    return mixed, 1.0 - (bottom - top) * (right - left) / (clips.shape[3] * clips.shape[4])

"""Two clips of a batch in one, with both their labels: mixup and cutmix.

Source: Zhang et al., "mixup", ICLR 2018, equation 1.
Source: Yun et al., "CutMix", ICCV 2019, equations 1 and 2.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from action_recognition.template import Mix


def mix_clips(
    clips: Tensor, targets: Tensor, config: Mix, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mix each clip with another clip of the batch.

    `clips` are (N, 3, T, H, W) uint8 or float 0..255. `targets` are (N, C) float, one-hot or
    smoothed. Return float clips 0..255 and shares of the classes in the same shapes, rows sum to 1.

    The batch is mixed with `probability`, otherwise it is returned as it is. The first clip keeps
    the share Beta(alpha, alpha), one draw per batch. `generator` is on the CPU, so that every
    device draws the same.

    >>> generator = torch.Generator().manual_seed(0)
    >>> clips, targets = torch.tensor([0.0, 100.0]).view(2, 1, 1, 1, 1), torch.eye(2)
    >>> config = Mix(type="mixup", alpha=1.0, probability=1.0)
    >>> mixed, shares = mix_clips(clips, targets, config, generator)
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
    """Draw another clip for each clip, each once: the next one in a random order of all."""
    order = rng.permutation(number)
    partners = np.empty_like(order)
    partners[order] = np.roll(order, 1)
    return partners


def _pasted(
    clips: Tensor, partners: Tensor, share: float, rng: np.random.Generator
) -> tuple[Tensor, float]:
    """Paste one box of their partners into the clips, in all frames.

    Return the clips and the share of the picture that is left of them. The box has the picture's
    shape and 1 - `share` of its area. Its centre lies anywhere in the picture. A part outside the
    picture is cut off.
    """
    bounds = []

    # A box in the picture's shape: both sides shrink alike.
    for side in clips.shape[3:]:
        half, centre = 0.5 * side * (1.0 - share) ** 0.5, rng.uniform(0, side)
        bounds.append((round(max(0.0, centre - half)), round(min(float(side), centre + half))))
    (top, bottom), (left, right) = bounds

    # The share is that of the pixels, since a part of the box may be cut off.
    mixed = clips.clone()
    mixed[..., top:bottom, left:right] = clips[partners][..., top:bottom, left:right]
    return mixed, 1.0 - (bottom - top) * (right - left) / (clips.shape[3] * clips.shape[4])

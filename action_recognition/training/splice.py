"""Clips with another one before them, so that a network with a memory learns from streams: a label for every step."""

from __future__ import annotations

import torch
from torch import Tensor

NO_LABEL = -1


def splice_clips(
    clips: Tensor, labels: Tensor, *, probability: float, frames_per_step: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Clips (N, 3, T, H, W) and labels (N,) -> clips of the same shape, and the label of each step (N, S), S = T / `frames_per_step`.

    Each clip is spliced with `probability`: it then begins up to half its length later, after the end of another clip of the batch, and
    its own end is cut off. The steps of the other clip have no label (-1): of that gesture only the end is there.
    `generator` is of the CPU, so that every device draws the same.

    >>> clips = torch.arange(2.0).view(2, 1, 1, 1, 1).expand(2, 3, 4, 1, 1)
    >>> spliced, targets = splice_clips(
    ...     clips, torch.tensor([5, 6]), probability=1.0, frames_per_step=1, generator=torch.Generator().manual_seed(0))
    >>> [[int(value) for value in clip[0, :, 0, 0]] for clip in spliced], targets.tolist()
    ([[1, 0, 0, 0], [0, 0, 1, 1]], [[-1, 5, 5, 5], [-1, -1, 6, 6]])
    """
    number, num_steps = len(clips), clips.shape[2] // frames_per_step
    order = torch.randperm(number, generator=generator)
    partner = torch.empty_like(order)
    partner[order] = order.roll(1)
    happens = torch.rand(number, generator=generator) < probability
    lead = torch.randint(1, max(2, num_steps // 2 + 1), (number,), generator=generator) * (happens & (partner != torch.arange(number)))
    targets = labels.unsqueeze(1).repeat(1, num_steps)
    spliced = clips.clone()
    for index, steps in enumerate(lead.tolist()):
        frames = steps * frames_per_step
        if frames:
            spliced[index] = torch.cat([clips[partner[index], :, -frames:], clips[index, :, :-frames]], 1)
            targets[index, :steps] = NO_LABEL
    return spliced, targets

"""Training data of a network with memory: step labels and clips that follow another clip.

Such a network learns from a label for every step, and from clips that have another clip before
them, as in a stream.
"""

from __future__ import annotations

import torch
from torch import Tensor

NO_LABEL = -1


def step_targets(
    labels: Tensor,
    inside: Tensor | None,
    *,
    num_frames: int,
    frames_per_step: int,
    before: int = NO_LABEL,
) -> Tensor:
    """Return the label of each step of clips with labels (N,): (N, S) int64.

    S is `num_frames` / `frames_per_step`. `inside` (N, T) bool says which frames lie within the
    annotated clip, None means all. A step counts by its last frame. Until the clip has begun it has
    the label `before`: the class without a gesture, or none. After the end of the clip it has no
    label, because the gesture may still be visible.

    >>> inside = torch.tensor([[False, False, False, True, True, False]])
    >>> step_targets(torch.tensor([7]), inside, num_frames=6, frames_per_step=2, before=0).tolist()
    [[0, 7, -1]]
    """
    targets = labels.unsqueeze(1).repeat(1, num_frames // frames_per_step)
    if inside is None:
        return targets

    # A step counts by its last frame.
    last_frames = slice(frames_per_step - 1, None, frames_per_step)
    inside = inside.to(labels.device)
    within = inside[:, last_frames]

    # A clip has begun at every frame after its first one.
    begun = inside.long().cummax(1).values[:, last_frames].bool()
    return targets.masked_fill(~within, NO_LABEL).masked_fill(~begun, before)


def splice_clips(
    clips: Tensor, targets: Tensor, *, probability: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Let some clips begin after another clip of the batch.

    `clips` are (N, 3, T, H, W), `targets` the labels of their steps (N, S). Return both in the same
    shapes. Each clip is spliced with `probability`. It then begins up to half its length later,
    after the end of the other clip, and its own end is cut off. The steps of the other clip have no
    label (-1), because only the end of that gesture is visible. `generator` is on the CPU, so that
    every device draws the same.

    >>> clips = torch.arange(2.0).view(2, 1, 1, 1, 1).expand(2, 3, 4, 1, 1)
    >>> targets, generator = torch.tensor([[5] * 4, [6] * 4]), torch.Generator().manual_seed(3)
    >>> spliced, targets = splice_clips(clips, targets, probability=1.0, generator=generator)
    >>> [sorted({int(value) for value in clip[0, -2:, 0, 0]}) for clip in spliced]
    [[0], [1]]
    >>> targets[:, 0].tolist(), targets[:, -1].tolist()
    ([-1, -1], [5, 6])
    """
    number, num_steps = targets.shape
    frames_per_step = clips.shape[2] // num_steps
    partner, leads = _draw_partners(number, num_steps, probability, generator)

    spliced, labels = clips.clone(), targets.clone()
    for index, steps in enumerate(leads):
        frames = steps * frames_per_step
        if not frames:
            continue

        # The end of the other clip, then the clip without its own end.
        end_of_other = clips[partner[index], :, -frames:]
        spliced[index] = torch.cat([end_of_other, clips[index, :, :-frames]], 1)
        unlabelled = torch.full_like(targets[index, :steps], NO_LABEL)
        labels[index] = torch.cat([unlabelled, targets[index, :-steps]])
    return spliced, labels


def _draw_partners(
    number: int, num_steps: int, probability: float, generator: torch.Generator
) -> tuple[Tensor, list[int]]:
    """Draw another clip (N,) for each clip, and the number of its steps that come before it."""
    order = torch.randperm(number, generator=generator)
    partner = torch.empty_like(order)
    partner[order] = order.roll(1)

    # All numbers are drawn for every clip, so that one clip's draws do not change the others'.
    happens = torch.rand(number, generator=generator) < probability
    steps = torch.randint(1, max(2, num_steps // 2 + 1), (number,), generator=generator)
    leads: list[int] = (steps * (happens & (partner != torch.arange(number)))).tolist()
    return partner, leads

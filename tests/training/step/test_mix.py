"""Mixup and cutmix: what the picture shows is what the target says."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor

from action_recognition.template import Mix
from action_recognition.training.step.mix import mix_clips

NUM_CLIPS = 6
Kind = Literal["mixup", "cutmix"]


def flat_clips() -> tuple[Tensor, Tensor]:
    """Clip i has the value 40 * i everywhere and the class i."""
    values = 40 * torch.arange(NUM_CLIPS, dtype=torch.uint8)
    return values.view(-1, 1, 1, 1, 1).repeat(1, 3, 2, 20, 16), torch.eye(NUM_CLIPS)


def mixed(
    kind: Kind, seed: int, alpha: float = 1.0, probability: float = 1.0
) -> tuple[Tensor, Tensor]:
    return mix_clips(
        *flat_clips(),
        Mix(type=kind, alpha=alpha, probability=probability),
        torch.Generator().manual_seed(seed),
    )


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_targets_are_the_shares_of_the_picture(kind: Kind) -> None:
    for seed in range(20):
        clips, targets = mixed(kind, seed)
        assert clips.dtype == torch.float32 and clips.shape == (NUM_CLIPS, 3, 2, 20, 16)
        torch.testing.assert_close(targets.sum(1), torch.ones(NUM_CLIPS))
        shown = clips.mean((1, 2, 3, 4))
        torch.testing.assert_close(
            shown, targets @ (40.0 * torch.arange(NUM_CLIPS)), atol=1e-3, rtol=0.0
        )
        torch.testing.assert_close(
            targets.sum(0), torch.ones(NUM_CLIPS)
        )  # each clip is the partner of one other
        assert (targets.diagonal() < 1.0).all() or (targets.diagonal() == 1.0).all()


def test_mixup_blends_every_pixel_alike() -> None:
    clips, targets = mixed("mixup", seed=1)
    assert clips.flatten(1).std(1).max() < 1e-3
    assert ((targets > 0).sum(1) == 2).all()


def test_cutmix_pastes_one_box_over_all_frames() -> None:
    boxes = []
    for seed in range(20):
        clips, _ = mixed("cutmix", seed)
        own = 40.0 * torch.arange(NUM_CLIPS).view(-1, 1, 1, 1, 1)
        changed = clips != own
        assert torch.equal(changed, changed[:, :1, :1].expand_as(changed))
        mask = changed[1, 0, 0]
        assert torch.equal(mask, mask.any(1)[:, None] & mask.any(0)[None])
        boxes.append((int(mask.any(1).sum()), int(mask.any(0).sum())))
    assert len(set(boxes)) > 10


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_probability_and_alpha(kind: Kind) -> None:
    unmixed = [
        torch.equal(mixed(kind, seed, probability=0.5)[1], torch.eye(NUM_CLIPS))
        for seed in range(60)
    ]
    assert 15 <= sum(unmixed) <= 45
    clips, targets = mixed(kind, 0, probability=0.0)
    assert torch.equal(clips, flat_clips()[0].float()) and torch.equal(
        targets, torch.eye(NUM_CLIPS)
    )
    kept = torch.stack([mixed("mixup", seed, alpha=50.0)[1].diagonal() for seed in range(10)])
    assert kept.min() > 0.3 and kept.max() < 0.7  # Beta(50, 50) stays near the middle


def test_the_same_seed_mixes_the_same() -> None:
    assert all(
        torch.equal(one, two)
        for one, two in zip(mixed("cutmix", 3), mixed("cutmix", 3), strict=True)
    )
    assert not torch.equal(mixed("mixup", 3)[1], mixed("mixup", 4)[1])


def test_a_single_clip_stays_as_it_is() -> None:
    clips, targets = (tensor[:1] for tensor in flat_clips())
    mix = Mix(type="cutmix", alpha=1.0, probability=1.0)
    assert torch.equal(mix_clips(clips, targets, mix, torch.Generator().manual_seed(0))[1], targets)

"""Random changes of landmark clips."""

from __future__ import annotations

import torch
from torch import Tensor

from action_recognition.template import Flip, LandmarkAugmentation
from action_recognition.training.step.landmark_augment import LandmarkAugment
from tests.models.landmarks.test_features import clip_of

NONE = {
    "rotate_degrees": 0.0,
    "tilt_degrees": 0.0,
    "stretch": 0.0,
    "noise": 0.0,
    "drop_frames": 0.0,
    "gap_probability": 0.0,
    "lose_hand_probability": 0.0,
    "time_warp": 0.0,
    "cut_ends": 0.0,
}


def augment(**strengths: float) -> LandmarkAugment:
    flip = Flip(probability=0.0, label_swaps={})
    return LandmarkAugment(LandmarkAugmentation(type="landmarks", flip=flip, **NONE | strengths))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def two_hands(number: int) -> Tensor:
    """Clips (N, 4, T, 2, 21) with both hands."""
    clip = clip_of("left") + clip_of("open", slot=0)
    return clip.repeat(number, 1, 1, 1, 1)


def test_without_strength_nothing_changes() -> None:
    clips = two_hands(3)
    assert torch.allclose(augment()(clips, generator()), clips, atol=1e-3)


def test_a_turn_keeps_all_distances() -> None:
    clips = clip_of("open").repeat(2, 1, 1, 1, 1)
    turned = augment(tilt_degrees=40.0)(clips, generator())
    assert not torch.allclose(turned, clips, atol=1.0)
    before, after = (
        (clip[:, :3, :, 1, 8] - clip[:, :3, :, 1, 0]).norm(dim=1) for clip in (clips, turned)
    )
    assert torch.allclose(before, after, rtol=1e-4)


def test_every_clip_and_every_frame_has_noise_of_its_own() -> None:
    clips = clip_of("open").repeat(2, 1, 1, 1, 1)
    added = augment(noise=0.1)(clips, generator()) - clips
    assert not torch.allclose(added[0], added[1])
    assert not torch.allclose(added[0, :, 0], added[0, :, 1])
    assert not added[:, :, :, 0].any(), "a hand that is not seen gets none"


def test_hands_vanish_but_never_all_of_them() -> None:
    clips = two_hands(64)
    changed = augment(drop_frames=0.9, gap_probability=1.0, lose_hand_probability=0.5)(
        clips, generator()
    )
    seen = changed[:, 3, :, :, 0]
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    assert (seen.sum((1, 2)) > 0).all() and 0.2 < seen.mean() < 0.7
    lost = (seen.sum(1) == 0).any(1)
    assert 20 < int(lost.sum()) < 50
    # What is not seen is zero in all of its values.
    assert not changed[:, :3][:, :, seen[0] == 0][0].any()


def test_each_process_takes_the_draws_of_its_clips() -> None:
    clips = two_hands(4)
    strong = augment(noise=0.1, rotate_degrees=30.0, drop_frames=0.5)
    whole = strong(clips, generator())
    shares = [strong(clips[rank::2], generator(), rank, 2) for rank in range(2)]
    assert torch.equal(whole[0::2], shares[0]) and torch.equal(whole[1::2], shares[1])

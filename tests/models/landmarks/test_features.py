"""Features of landmarks: what must not change them, and what must."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from action_recognition.hands.slots import LEFT, RIGHT
from action_recognition.models.landmarks.features import (
    MOTION_FEATURES,
    SHAPE_FEATURES,
    LandmarkFeatures,
)
from action_recognition.models.landmarks.network import HandLandmarksNet
from action_recognition.template import HandLandmarksBackbone
from tests.made_landmarks import moving_hand


def clip_of(kind: str, slot: int = RIGHT, seed: int = 0) -> Tensor:
    """A clip (1, 4, T, 2, 21) with one hand."""
    hands = moving_hand(kind, np.random.default_rng(seed))
    clip = torch.zeros(1, 4, len(hands), 2, 21)
    clip[0, :3, :, slot] = torch.from_numpy(hands.transpose(2, 0, 1))
    clip[0, 3, :, slot] = 1.0
    return clip


def features(clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    found: tuple[Tensor, Tensor, Tensor] = LandmarkFeatures()(clip)
    return found


def test_sizes_are_as_stated() -> None:
    shape, motion, seen = features(clip_of("left"))
    assert shape.shape == (1, 16, 2, SHAPE_FEATURES)
    assert motion.shape == (1, 16, 2, MOTION_FEATURES) and seen.shape == (1, 16, 2)


@pytest.mark.parametrize("change", ["shift", "scale"])
def test_place_and_distance_change_nothing(change: str) -> None:
    clip = clip_of("open")
    moved = clip.clone()
    if change == "shift":
        moved[:, :2, :, RIGHT] += 70.0
    else:
        moved[:, :3] *= 2.5
    for one, other in zip(features(clip), features(moved), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_a_left_hand_is_a_mirrored_right_one() -> None:
    clip = clip_of("left")
    mirror = clip.flip(3)
    mirror[:, 0] *= -1.0
    for one, other in zip(features(clip), features(mirror), strict=True):
        assert torch.allclose(one[:, :, RIGHT], other[:, :, LEFT], atol=1e-5)


def test_the_ways_of_a_hand_are_in_palms() -> None:
    # Four bones of a palm, each 10 pixels long, and a hand that moves by 20 a frame.
    clip = torch.zeros(1, 4, 3, 2, 21)
    points = torch.zeros(3, 21)
    points[:2, 0] = torch.tensor([0.0, 0.0])
    points[:2, 5], points[:2, 9] = torch.tensor([6.0, -8.0]), torch.tensor([0.0, -10.0])
    points[:2, 17] = torch.tensor([-6.0, -8.0])
    for frame in range(3):
        clip[0, :3, frame, RIGHT] = points
        clip[0, 0, frame, RIGHT] += 20.0 * frame
    clip[0, 3, :, RIGHT] = 1.0

    # The bones: 10, 10, 10 and 12, so a palm of 10.5.
    _, motion, _ = features(clip)
    place, velocity = motion[0, :, RIGHT, 0:2], motion[0, :, RIGHT, 2:4]
    assert torch.allclose(place[:, 0], torch.tensor([-20.0, 0.0, 20.0]) / 10.5)
    assert torch.allclose(velocity[:, 0], 2 * torch.tensor([0.0, 20.0, 20.0]) / 10.5)
    assert not place[:, 1].any() and not velocity[:, 1].any()


def test_a_hand_that_is_not_seen_has_no_features() -> None:
    clip = clip_of("left")
    clip[:, :, 3] = 0.0
    shape, motion, seen = features(clip)
    assert not seen[0, 3].any() and not shape[0, 3].any() and not motion[0, 3].any()
    # Nor does it move from where it was not seen.
    assert not motion[0, 4, RIGHT, 2:4].any()


def network() -> HandLandmarksNet:
    torch.manual_seed(0)
    config = HandLandmarksBackbone(hand_channels=8, channels=16, dilations=[1, 2], dropout=0.0)
    return HandLandmarksNet(config).eval()


def test_frames_without_a_hand_take_no_part_in_the_pooling() -> None:
    net = network()
    with torch.inference_mode():
        pooled, masks = net(torch.cat([clip_of("left"), torch.zeros(1, 4, 16, 2, 21)]))
        assert pooled.shape == (2, net.num_features, 1, 1, 1) and masks == []
        assert torch.isfinite(pooled).all() and not torch.equal(pooled[0], pooled[1])

        x = torch.randn(1, 4, 16)
        shown = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
        changed = x.clone()
        changed[:, 1] = 100.0
        assert torch.equal(net._pooled(x, shown), net._pooled(changed, shown))


def test_clips_of_a_batch_do_not_touch_each_other() -> None:
    net = network()
    clips = torch.cat([clip_of("left"), clip_of("open", LEFT), torch.zeros(1, 4, 16, 2, 21)])
    with torch.inference_mode():
        together, _ = net(clips)
        alone = torch.cat([net(clip[None])[0] for clip in clips])
    assert torch.allclose(together, alone, atol=1e-5)

"""Batch augmentation: nothing at strength zero, each ingredient by what it does to a picture, the
same for all frames and devices.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from action_recognition.data.transforms import canvas_side, centre_crop_clip
from action_recognition.template import BatchAugmentation
from action_recognition.training.step.augment import BatchAugment

CROP = 32
NOTHING: dict[str, Any] = {
    "type": "batch",
    "temporal_jitter": False,
    "temporal_speed_max": 1.0,
    "scale_min": 1.0,
    "scale_max": 1.0,
    "aspect_max": 1.0,
    "flip": {"probability": 0.0, "label_swaps": {}},
} | dict.fromkeys(
    (
        *("rotate_degrees", "shift", "brightness", "contrast", "gamma", "saturation", "tint"),
        *("grey_probability", "erase_probability"),
    ),
    0.0,
)


def augmented(canvases: Tensor, seed: int = 0, **changes: Any) -> Tensor:
    config = BatchAugmentation.model_validate(NOTHING | changes)
    return BatchAugment(config, CROP)(canvases, torch.Generator().manual_seed(seed))


def noise(number: int = 3) -> Tensor:
    side = canvas_side(CROP)
    return torch.randint(
        0,
        256,
        (number, 3, 4, side, side),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(1),
    )


def ramps(number: int = 64) -> Tensor:
    """Red is the column times 4, green the row times 4, so that a pixel says where in the canvas it
    comes from; blue is 128.
    """
    side = canvas_side(CROP)
    place = torch.arange(side, dtype=torch.uint8) * 4
    picture = torch.stack(
        [
            place.expand(side, side),
            place[:, None].expand(side, side),
            torch.full((side, side), 128, dtype=torch.uint8),
        ]
    )
    return picture[None, :, None].repeat(number, 1, 2, 1, 1)


def slopes(clips: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """d column / dx, d column / dy, d row / dx, d row / dy in the middle of each crop."""
    columns, rows = clips[:, 0, 0] / 4, clips[:, 1, 0] / 4
    middle = CROP // 2
    return (
        columns[:, middle, middle + 2] - columns[:, middle, middle - 2],
        columns[:, middle + 2, middle] - columns[:, middle - 2, middle],
        rows[:, middle, middle + 2] - rows[:, middle, middle - 2],
        rows[:, middle + 2, middle] - rows[:, middle - 2, middle],
    )


@pytest.mark.parametrize(
    ("height", "width", "short"), [(60, 80, 36), (81, 60, 36), (50, 50, 24), (35, 90, 25)]
)
def test_at_strength_zero_it_is_the_crop_of_evaluation(height: int, width: int, short: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, height, width, 3), dtype=np.uint8)
    canvas, expected = (
        torch.from_numpy(centre_crop_clip(frames, short, side)).permute(3, 0, 1, 2)[None]
        for side in (canvas_side(CROP), CROP)
    )
    torch.testing.assert_close(augmented(canvas), expected.float(), atol=2e-3, rtol=0.0)


def test_one_draw_for_all_frames_and_another_for_each_clip() -> None:
    one = torch.randint(
        0, 256, (1, 3, 1, canvas_side(CROP), canvas_side(CROP)), dtype=torch.uint8
    ).repeat(3, 1, 4, 1, 1)
    changes = {
        "scale_min": 0.5,
        "rotate_degrees": 20.0,
        "shift": 0.3,
        "contrast": 0.4,
        "gamma": 0.4,
        "tint": 0.2,
        "erase_probability": 1.0,
    }
    clips = augmented(one, **changes)
    assert clips.shape == (3, 3, 4, CROP, CROP) and clips.dtype == torch.float32
    assert torch.equal(clips[:, :, :1].expand_as(clips), clips)
    assert all((clips[i] - clips[j]).abs().mean() > 5 for i, j in ((0, 1), (1, 2), (0, 2)))
    assert torch.equal(augmented(one, **changes), clips)
    assert not torch.equal(augmented(one, seed=1, **changes), clips)


def test_scale_magnifies_and_reduces() -> None:
    across, _, _, down = slopes(augmented(ramps(), scale_min=0.5, scale_max=1.25))
    torch.testing.assert_close(across, down, atol=1e-2, rtol=0.0)
    scale = across / 4
    assert 0.49 < scale.min() < 0.6 and 1.15 < scale.max() < 1.26
    assert (
        abs(float(scale.log().mean()) - 0.5 * math.log(0.5 * 1.25)) < 0.1
    )  # as often twice as large as half as large


def test_aspect_changes_width_by_height() -> None:
    across, _, _, down = slopes(augmented(ramps(), aspect_max=1.3))
    assert 1 / 1.32 < (across / down).min() < 0.85 and 1.18 < (across / down).max() < 1.32
    torch.testing.assert_close(
        across * down, torch.full_like(across, 16.0), atol=0.2, rtol=0.0
    )  # the area stays


def test_rotation_turns_either_way_without_distortion() -> None:
    across, slant, other_slant, down = slopes(augmented(ramps(), rotate_degrees=30.0))
    angle = torch.rad2deg(torch.atan2(other_slant, across))
    assert -30.1 < angle.min() < -20 and 20 < angle.max() < 30.1
    torch.testing.assert_close(slant, -other_slant, atol=2e-2, rtol=0.0)
    torch.testing.assert_close(
        across**2 + other_slant**2, torch.full_like(across, 16.0), atol=0.2, rtol=0.0
    )
    assert (across - down).abs().max() < 2e-2


def test_shift_moves_the_crop_by_its_half_side() -> None:
    clips = augmented(ramps(), shift=0.25)
    still = augmented(ramps())
    for channel in (0, 1):
        moved = ((clips - still)[:, channel, 0, CROP // 2, CROP // 2] / 4) / (CROP / 2)
        assert -0.251 < moved.min() < -0.15 and 0.15 < moved.max() < 0.251


def test_beyond_the_canvas_the_edge_is_repeated() -> None:
    grey = torch.full((4, 3, 2, canvas_side(CROP), canvas_side(CROP)), 90, dtype=torch.uint8)
    torch.testing.assert_close(
        augmented(grey, scale_max=2.0, shift=1.0),
        torch.full((4, 3, 2, CROP, CROP), 90.0),
        atol=1e-3,
        rtol=0.0,
    )


def flat(*colour: int, number: int = 64) -> Tensor:
    return (
        torch.tensor(colour, dtype=torch.uint8)
        .view(1, 3, 1, 1, 1)
        .repeat(number, 1, 2, canvas_side(CROP), canvas_side(CROP))
    )


def test_gamma_keeps_black_and_white() -> None:
    colours = augmented(flat(0, 64, 255), gamma=0.5)[:, :, 0, 0, 0]
    torch.testing.assert_close(
        colours[:, ::2], torch.tensor([0.0, 255.0]).expand(64, 2), atol=1e-2, rtol=0.0
    )
    exponents = (colours[:, 1] / 255).log() / math.log(64 / 255)
    assert math.exp(-0.501) < exponents.min() < 0.7 and 1.4 < exponents.max() < math.exp(0.501)


def test_contrast_is_around_the_clips_mean() -> None:
    clips = augmented(flat(100, 120, 140), contrast=0.4)[:, :, 0, 0, 0]
    torch.testing.assert_close(clips[:, 1], torch.full((64,), 120.0), atol=1e-2, rtol=0.0)
    factors = (clips[:, 2] - 120) / 20
    torch.testing.assert_close(clips.mean(1), torch.full((64,), 120.0), atol=1e-2, rtol=0.0)
    assert math.exp(-0.401) < factors.min() < 0.75 and 1.3 < factors.max() < math.exp(0.401)


def test_brightness_adds_to_all_channels() -> None:
    change = augmented(flat(100, 120, 140), brightness=0.2)[:, :, 0, 0, 0] - torch.tensor(
        [100.0, 120.0, 140.0]
    )
    torch.testing.assert_close(change, change[:, :1].expand(64, 3), atol=1e-3, rtol=0.0)
    assert -51.1 < change.min() < -35 and 35 < change.max() < 51.1


def test_saturation_is_around_each_pixels_grey() -> None:
    clips = augmented(torch.cat([flat(90, 120, 150), flat(70, 70, 70, number=4)]), saturation=0.5)[
        :, :, 0, 0, 0
    ]
    torch.testing.assert_close(clips[64:], torch.full((4, 3), 70.0), atol=1e-2, rtol=0.0)
    torch.testing.assert_close(clips[:64].mean(1), torch.full((64,), 120.0), atol=1e-2, rtol=0.0)
    factors = (clips[:64, 2] - 120) / 30
    assert math.exp(-0.501) < factors.min() < 0.7 and 1.4 < factors.max() < math.exp(0.501)


def test_tint_is_a_factor_for_each_channel() -> None:
    factors = augmented(flat(100, 100, 100), tint=0.3)[:, :, 0, 0, 0] / 100
    assert 0.699 < factors.min() < 0.75 and 1.25 < factors.max() < 1.301
    assert np.abs(np.corrcoef(factors.numpy().T) - np.eye(3)).max() < 0.4  # one draw for each


def test_grey_clips_have_equal_channels_at_their_probability() -> None:
    clips = augmented(flat(90, 120, 150), grey_probability=0.4)[:, :, 0, 0, 0]
    grey = (clips - 120).abs().amax(1) < 1e-2
    assert 0.25 < grey.float().mean() < 0.55
    torch.testing.assert_close(
        clips[~grey],
        torch.tensor([90.0, 120.0, 150.0]).expand(int((~grey).sum()), 3),
        atol=1e-3,
        rtol=0.0,
    )


def test_erasing_fills_one_rectangle_with_one_colour() -> None:
    clips = augmented(flat(1, 1, 1), erase_probability=0.5)
    erased = (clips - 1).abs().amax(1)[:, 0] > 1e-2  # (N, H, W)
    chosen = erased.flatten(1).any(1)
    assert 0.3 < chosen.float().mean() < 0.7
    shares, colours = [], []
    for clip, mask in zip(clips[chosen], erased[chosen], strict=True):
        rows, columns = mask.any(1), mask.any(0)
        assert torch.equal(mask, rows[:, None] & columns[None])
        shares += [float(rows.float().mean()), float(columns.float().mean())]
        assert clip[:, :, mask].flatten(1).std(1).max() < 1e-3
        colours.append(clip[:, 0, mask][:, 0])
    assert min(shares) >= 3 / CROP and 0.3 < max(shares) <= 0.45
    assert torch.stack(colours).std(0).min() > 40


def test_colours_stay_in_range() -> None:
    clips = augmented(noise(16), brightness=0.5, contrast=1.0, saturation=1.0, tint=0.5)
    assert clips.min() == 0.0 and clips.max() == 255.0


@pytest.mark.parametrize("ingredient", ["grey_probability", "erase_probability"])
def test_one_ingredient_does_not_move_the_draws_of_another(ingredient: str) -> None:
    place = {"scale_min": 0.5, "shift": 0.2, "rotate_degrees": 10.0}
    pairs = zip(
        augmented(ramps(16), **place, **{ingredient: 0.5}),
        augmented(ramps(16), **place),
        strict=True,
    )
    assert 2 <= sum(torch.equal(one, two) for one, two in pairs) <= 14


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_same_on_every_device() -> None:
    changes = {
        "scale_min": 0.5,
        "rotate_degrees": 20.0,
        "contrast": 0.4,
        "gamma": 0.4,
        "tint": 0.2,
        "erase_probability": 1.0,
    }
    torch.testing.assert_close(
        augmented(noise().cuda(), **changes).cpu(),
        augmented(noise(), **changes),
        atol=0.5,
        rtol=0.0,
    )

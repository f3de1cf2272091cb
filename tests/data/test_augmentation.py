"""The reference recipe's pixel changes against their formulas. Red is red and blue is blue."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from action_recognition.data.augmentation import drop_blocks, shift_colours, shift_hsv
from action_recognition.template import BlockDropout, Photometric

NOTHING: dict[str, Any] = {
    "brightness_range": [0.0, 255.0],
    "contrast": 1e-9,
    "saturation": 1e-9,
    "hue_degrees": 0.0,
    "probability": 1.0,
}


def flat(*colour: int, frames: int = 2) -> NDArray[np.uint8]:
    """Return a clip (T, 6, 5, 3) of one colour."""
    return np.tile(np.array(colour, np.uint8), (frames, 6, 5, 1))


def shifted(clip: NDArray[np.uint8], seed: int, **changes: Any) -> NDArray[np.uint8]:
    """Change the colours of a clip by the parts that are given alone."""
    return shift_colours(
        clip, Photometric.model_validate(NOTHING | changes), np.random.default_rng(seed)
    )


def still(clip: NDArray[np.uint8]) -> dict[str, Any]:
    """Brightness that stays where it is."""
    return {"brightness_range": [float(clip.mean())] * 2}


def test_blocks_are_cells_of_a_grid_at_their_probability() -> None:
    """Blackened blocks are whole cells, in all frames and channels."""
    config = BlockDropout(cell_share=0.2, probability=0.1)
    counts = []
    for seed in range(200):
        clip = drop_blocks(
            np.full((3, 24, 23, 3), 9, np.uint8), config, np.random.default_rng(seed)
        )
        assert (clip == clip[:1, :, :, :1]).all()  # all frames and channels
        # One pixel of each cell tells about the whole cell.
        mask = clip[0, :, :, 0] == 0
        cells = mask[np.ix_([2, 7, 12, 17, 22], [2, 7, 12, 16, 21])]
        rows, columns = np.arange(24) * 5 // 24, np.arange(23) * 5 // 23
        np.testing.assert_array_equal(mask, cells[np.ix_(rows, columns)])
        counts.append(cells.mean())

    assert np.mean(counts) == pytest.approx(0.1, abs=0.015)


def test_brightness_takes_a_frames_mean_into_the_range() -> None:
    """The same level is added to all frames and channels."""
    clip = np.concatenate([flat(90, 100, 110, frames=1), flat(120, 130, 140, frames=1)])
    clips = [shifted(clip, seed, brightness_range=[80.0, 150.0]) for seed in range(400)]
    changed = np.array(clips)[:, :, 0, 0].astype(int)
    np.testing.assert_allclose(changed[:, 1] - changed[:, 0], 30, atol=1)
    np.testing.assert_allclose(changed[:, 0, 2] - changed[:, 0, 0], 20, atol=1)

    # Either frame may be the one whose mean goes into the range.
    first_mean = changed[:, 0, 1]
    assert 49 <= first_mean.min() <= 52 and 147 <= first_mean.max() <= 150


def test_the_brightness_range_is_extended_to_hold_the_original() -> None:
    """Clips outside of the range may stay as they are."""

    def levels(level: int) -> list[int]:
        """Return the level of the changed clip for 300 seeds."""
        clip, wanted = flat(level, level, level), [65.0, 190.0]
        seeds = range(300)
        return [int(shifted(clip, seed, brightness_range=wanted)[0, 0, 0, 0]) for seed in seeds]

    dark, bright = np.array(levels(20)), np.array(levels(250))
    assert 19 <= dark.min() < 25 and 180 < dark.max() <= 190
    assert 65 <= bright.min() < 72 and 242 < bright.max() <= 250


def test_contrast_is_a_factor() -> None:
    """All channels are multiplied by U(0.6, 1.4)."""
    clip = flat(100, 50, 20)
    changed = np.array(
        [shifted(clip, seed, **still(clip), contrast=0.4)[0, 0, 0] for seed in range(300)], float
    )
    factors = changed[:, 0] / 100

    assert 0.58 <= factors.min() < 0.63 and 1.37 < factors.max() <= 1.4
    np.testing.assert_allclose(changed[:, 1], 50 * factors, atol=1.1)


def test_the_place_of_contrast_makes_no_difference() -> None:
    """The original tosses a coin. Scaling commutes with HSV changes, also for levels below 0."""
    pixels = np.random.default_rng(0).uniform(-60, 315, (40, 40, 3)).astype(np.float32)
    for contrast, saturation, hue in ((0.6, 1.3, 18.0), (1.4, 0.7, -18.0), (1.2, 1.0, 9.0)):
        first = shift_hsv(np.float32(contrast) * pixels, saturation, hue)
        last = contrast * shift_hsv(pixels, saturation, hue)
        np.testing.assert_allclose(first, last, atol=1e-2)


def test_saturation_is_a_factor_and_clipped() -> None:
    """Saturation is multiplied by U(0.7, 1.3), up to full."""
    clip = flat(200, 150, 100)
    changed = np.array(
        [shifted(clip, seed, **still(clip), saturation=0.3)[0, 0, 0] for seed in range(300)], float
    )
    np.testing.assert_allclose(changed[:, 0], 200, atol=1)  # the value of HSV stays
    factors = (200 - changed[:, 2]) / 100
    assert 0.69 <= factors.min() < 0.74 and 1.26 < factors.max() <= 1.32

    pure = flat(200, 10, 0)
    clips = [shifted(pure, seed, **still(pure), saturation=0.3) for seed in range(30)]
    assert np.array(clips)[..., 2].min() == 0


def test_hue_turns_by_degrees_of_true_rgb() -> None:
    """The hue of red turns by U(-18, 18) degrees, either way."""
    clip = flat(200, 40, 40)
    hues, sides = [], set()
    for seed in range(300):
        pixel = shifted(clip, seed, **still(clip), hue_degrees=18.0)[0, 0, 0]
        red, green, blue = (float(value) / 255 for value in pixel)
        # The value of HSV stays.
        hue, _, value = colorsys.rgb_to_hsv(red, green, blue)
        assert value == pytest.approx(200 / 255, abs=0.01)
        hues.append((hue * 360 + 180) % 360 - 180)  # wrapped around red
        sides.add(np.sign(green - blue))

    assert -18.5 < min(hues) < -16.5 and 16.5 < max(hues) < 18.5
    assert sides >= {-1.0, 1.0}


@pytest.mark.parametrize(
    ("colour", "degrees", "turned"),
    [
        ((200, 0, 0), 60, (200, 200, 0)),
        ((200, 0, 0), -60, (200, 0, 200)),
        ((200, 0, 200), 90, (200, 100, 0)),
        ((0, 0, 200), -60, (0, 200, 200)),
    ],
)
def test_hue_turns_from_red_to_yellow(
    colour: tuple[int, ...], degrees: float, turned: tuple[int, ...]
) -> None:
    """With red and blue exchanged, as in the original, it would turn the other way."""
    pixel = np.array(colour, np.float32).reshape(1, 1, 3)
    np.testing.assert_allclose(shift_hsv(pixel, 1.0, degrees).ravel(), turned, atol=0.1)


def test_clipped_saturation_keeps_the_hue() -> None:
    """Hue 60 * 90 / 190 degrees: full saturation leaves 200 * 90 / 190 of green and no blue."""
    pixel = np.array([200, 100, 10], np.float32).reshape(1, 1, 3)
    np.testing.assert_allclose(shift_hsv(pixel, 1.3, 0.0).ravel(), (200, 94.74, 0), atol=0.1)


def test_each_part_happens_at_its_probability() -> None:
    """With probability 0.5 one clip of 16 stays as it was."""
    clip = flat(100, 50, 20)
    changes = {
        "brightness_range": [65.0, 190.0],
        "contrast": 0.4,
        "saturation": 0.3,
        "hue_degrees": 18.0,
    }

    np.testing.assert_array_equal(shifted(clip, 0, **changes, probability=0.0), clip)
    # Each clip has four independent draws.
    untouched = [
        np.array_equal(shifted(clip, seed, **changes, probability=0.5), clip) for seed in range(800)
    ]
    assert np.mean(untouched) == pytest.approx(1 / 16, abs=0.03)  # none of four parts


@pytest.mark.parametrize(
    "change",
    [
        {"brightness_range": [150.0, 190.0]},
        {"contrast": 0.4},
        {"saturation": 0.4},
        {"hue_degrees": 40.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_part_happens_by_itself(change: dict[str, Any]) -> None:
    """Each of the four parts alone changes about half of the clips."""
    clip = flat(200, 100, 40)
    changed = [
        np.ptp([shifted(clip, seed, **still(clip) | change, probability=0.5), clip], axis=0).max()
        > 2
        for seed in range(400)
    ]

    # Some changes are too small to see.
    assert np.mean(changed) == pytest.approx(0.45, abs=0.1)


def test_values_are_truncated_and_clipped() -> None:
    """Levels are cut to whole numbers within 0..255, as in the original."""
    clip = flat(101, 101, 101)
    seen = {
        int(shifted(clip, seed, **still(clip), contrast=0.004)[0, 0, 0, 0]) for seed in range(40)
    }

    assert seen == {100, 101}  # 101 * U(0.996, 1.004) never reaches 101.5, and truncates below 101
    white = np.concatenate([flat(255, 255, 255, frames=1), flat(0, 0, 0, frames=1)])
    bright = np.stack([shifted(white, seed, brightness_range=[200.0, 255.0]) for seed in range(20)])
    assert bright.max() == 255 and bright.min() == 0

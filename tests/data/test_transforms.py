"""Test preprocessing against the original's pixels, and random crops by their properties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from action_recognition.data.augmentation import rotate_clip
from action_recognition.data.transforms import (
    Frames,
    canvas_side,
    centre_crop_clip,
    crop_clip,
    fitted_clip,
    mirror_clip,
    pad_clip,
    random_square,
    resize_clip,
)


def random_crop_clip(frames: Frames, crop_size: int, scale_min: float, seed: int) -> Frames:
    """Cut the square of training out of a resized clip."""
    rng = np.random.default_rng(seed)
    square = random_square(*frames.shape[1:3], crop_size, scale_min, rng)
    return crop_clip(frames, crop_size, square)


@pytest.mark.parametrize("case", range(5))
def test_test_preprocessing_equals_the_original(reference: Path, case: int) -> None:
    """Five pictures are the same to the bit."""
    with np.load(reference / "preprocess_val.npz") as golden:
        frames, expected = golden[f"case{case}_frames_rgb"], golden[f"case{case}_crop_uint8"]
    np.testing.assert_array_equal(centre_crop_clip(frames, 256, 224), expected)


@pytest.mark.parametrize(("height", "width"), [(20, 30), (30, 20), (21, 21)])
def test_a_crop_beyond_the_picture_repeats_its_edges(height: int, width: int) -> None:
    """The crop equals one of numpy's edge padding."""
    frames = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    short, crop = min(height, width), 28
    resized = resize_clip(frames, short)
    np.testing.assert_array_equal(resized, frames)

    # The same rounding as of a crop inside.
    sides = (height, width)
    before = [-((side - crop) // 2) for side in sides]
    margins = [(max(0, b), max(0, crop - s - b)) for b, s in zip(before, sides, strict=True)]
    padded = np.pad(frames, ((0, 0), *margins, (0, 0)), "edge")
    top, left = (max(0, -b) for b in before)
    expected = padded[:, top : top + crop, left : left + crop]
    np.testing.assert_array_equal(centre_crop_clip(frames, short, crop), expected)


@pytest.mark.parametrize("crop", [48, 49, 112, 224])
def test_the_crop_is_in_the_middle_of_the_canvas(crop: int) -> None:
    """Crop and canvas share their centre at any size."""
    frames = np.random.default_rng(0).integers(0, 256, (1, 64, 87, 3), dtype=np.uint8)
    side = canvas_side(crop)

    assert side == pytest.approx(1.3 * crop, abs=1)
    margin = (side - crop) // 2
    canvas = centre_crop_clip(frames, 64, side)
    np.testing.assert_array_equal(
        canvas[:, margin : margin + crop, margin : margin + crop],
        centre_crop_clip(frames, 64, crop),
    )


def test_a_training_crop_beyond_the_picture_repeats_its_edges() -> None:
    """Pixels keep their size: 24 rows, and 4 above and below."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 24, 40, 3), dtype=np.uint8)
    for seed in range(10):
        clip = random_crop_clip(frames, 32, 1.0, seed)
        for rows, edge in ((slice(0, 4), 4), (slice(28, 32), 27)):
            np.testing.assert_array_equal(clip[:, rows], clip[:, edge : edge + 1].repeat(4, axis=1))


def test_rotation_turns_clockwise_and_leaves_black() -> None:
    """A bar at the right moves to the lower right."""
    frames = np.full((2, 41, 41, 3), 200, np.uint8)
    # A bar from the centre to the right.
    frames[:, 18:23, 20:] = 100
    turned = rotate_clip(frames, 45.0)

    assert turned.shape == frames.shape and turned.dtype == np.uint8
    assert turned[1, 0, 0].tolist() == [0, 0, 0] and turned[1, 20, 0, 0] == 200
    assert turned[1, 28, 28, 0] == 100 and turned[1, 12, 28, 0] == 200
    np.testing.assert_array_equal(rotate_clip(frames, 0.0), frames)


def gradient_clip(height: int, width: int) -> np.ndarray:
    """Red rises with x, green with y, both over 0..200; blue is the frame number times 20."""
    y, x = np.mgrid[0:height, 0:width]
    frames = np.zeros((3, height, width, 3), np.uint8)
    frames[..., 0], frames[..., 1] = x * 200 // (width - 1), y * 200 // (height - 1)
    frames[..., 2] = np.arange(3)[:, None, None] * 20
    return frames


@pytest.mark.parametrize(("height", "width"), [(60, 90), (90, 60)])
def test_random_crop_is_one_square_for_all_frames(height: int, width: int) -> None:
    """Place and size vary, the proportions do not."""
    frames = gradient_clip(height, width)
    sides, lefts = [], []
    for seed in range(60):
        # All frames are cut alike, and blue counts them.
        clip = random_crop_clip(resize_clip(frames, 64), 56, 0.5, seed)
        assert clip.shape == (3, 56, 56, 3) and clip.dtype == np.uint8
        np.testing.assert_array_equal(clip[0, ..., :2], clip[2, ..., :2])
        assert clip[:, 0, 0, 2].tolist() == [0, 20, 40]
        spans = [
            float(np.ptp(clip[0, ..., channel].astype(int))) * side / 200
            for channel, side in ((0, width), (1, height))
        ]
        # A square: the picture is not distorted.
        assert spans[0] == pytest.approx(spans[1], abs=0.06 * min(height, width))
        sides.append(spans[0] / min(height, width))
        lefts.append(int(clip[0, 0, 0, 0]))

    assert 0.45 < min(sides) < 0.6 and 0.9 < max(sides) <= 1.03  # U(0.5, 1) of the short side
    assert min(lefts) < 15 and max(lefts) > 80  # anywhere


def test_whole_scale_crop_of_a_square_is_the_resized_clip() -> None:
    """Scale 1 cuts nothing off."""
    frames = gradient_clip(64, 64)
    np.testing.assert_array_equal(random_crop_clip(frames, 64, 1.0, 0), frames)


def test_mirroring_twice_changes_nothing() -> None:
    """Once moves the right edge to the left."""
    frames = gradient_clip(8, 12)
    mirrored = mirror_clip(frames)
    assert mirrored[0, 0, 0, 0] == 200
    np.testing.assert_array_equal(mirror_clip(mirrored), frames)


def test_the_whole_picture_is_fitted_and_the_rest_is_the_mean_colour() -> None:
    """Crop and canvas have the same scale and centre."""
    frames = np.full((1, 60, 120, 3), 9, np.uint8)
    fitted = fitted_clip(frames, None, 40, (100.0, 50.0, 20.4))
    assert fitted.shape == (1, 40, 40, 3)
    assert (fitted[:, 10:30] == 9).all()
    assert all((rows == (100, 50, 20)).all() for rows in (fitted[:, :10], fitted[:, 30:]))

    canvas = fitted_clip(frames, None, 40, (100.0, 50.0, 20.4), side=52)
    np.testing.assert_array_equal(canvas[:, 6:46, 6:46], fitted)
    np.testing.assert_array_equal(
        fitted_clip(frames, 30, 24, (0, 0, 0)), centre_crop_clip(frames, 30, 24)
    )


def test_a_large_photo_is_averaged_and_not_sampled() -> None:
    """A fine chessboard becomes grey. Bilinear sampling alone would give black or white."""
    # Eight by eight pixels of the photo for each one of the result.
    board = np.indices((400, 400)).sum(0) % 2 * 255
    photo = np.repeat(board[None, :, :, None], 3, axis=3).astype(np.uint8)
    assert np.abs(pad_clip(photo, 50, (0, 0, 0), 50).astype(int) - 127.5).max() < 2


def test_a_clip_in_another_memory_order_is_mirrored_too() -> None:
    """OpenCV writes to arrays in C order only."""
    clip = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(mirror_clip(clip), clip[:, :, ::-1])

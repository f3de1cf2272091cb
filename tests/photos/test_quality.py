"""Warnings of photos, on drawn ones that are made worse."""

from __future__ import annotations

import cv2
import numpy as np

from action_recognition.photos.quality import LEAST_SHARPNESS, PhotoCheck, sharpness
from tests.made_photos import drawn_hands

PHOTO = drawn_hands(30)[20]


def test_a_good_photo_has_no_warning() -> None:
    assert PhotoCheck().warnings(PHOTO, "one") == []


def test_blur_and_darkness() -> None:
    (blurred,) = PhotoCheck().warnings(cv2.GaussianBlur(PHOTO, (0, 0), 5), "one")
    assert blurred.startswith("blurred")
    (dark,) = PhotoCheck().warnings((PHOTO * 0.2).astype(np.uint8), "one")
    assert dark.startswith("dark")


def test_sharpness_does_not_depend_on_the_cameras_resolution() -> None:
    sharp, soft = PHOTO, cv2.GaussianBlur(PHOTO, (0, 0), 5)
    for factor in (0.9, 2, 4):
        size = (round(320 * factor), round(240 * factor))
        assert sharpness(cv2.resize(sharp, size, interpolation=cv2.INTER_AREA)) > LEAST_SHARPNESS
        assert sharpness(cv2.resize(soft, size)) < LEAST_SHARPNESS


def test_the_same_again_is_a_duplicate_within_its_class_until_it_is_taken_back() -> None:
    check = PhotoCheck()
    noise = np.random.default_rng(0).integers(-3, 4, PHOTO.shape)
    again = np.clip(PHOTO.astype(int) + noise, 0, 255).astype(np.uint8)
    check.remember(PHOTO, "one")
    (warning,) = check.warnings(again, "one")
    assert "nearly the same" in warning and check.warnings(again, "two") == []
    assert check.warnings(drawn_hands(30)[2], "one") == []
    check.forget_last("one")
    check.forget_last("one")
    assert check.warnings(again, "one") == []

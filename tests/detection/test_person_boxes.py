"""Persons by detectors of both published forms.

Corners are right, pictures are BGR, and of the sure persons the largest counts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from action_recognition.detection.person_boxes import (
    PersonBox,
    PersonDetector,
    clip_box,
    global_box,
    main_person,
)
from action_recognition.errors import UserError
from tests.detection.detectors import (
    Boxes,
    write_boxes_detector,
    write_classifier,
    write_ssd_detector,
)

BOXES = [(0.0, 0.0, 1.0, 1.0, 0.05), (0.25, 0.5, 0.75, 1.0, 0.9), (0.0, 0.0, 0.5, 0.1, 0.8)]
Write = Callable[[Path, Boxes], Path]


def blue(height: int = 60, width: int = 80) -> np.ndarray:
    """Return a blue picture, in which the detectors see everything."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 2] = 255  # RGB
    return picture


@pytest.mark.parametrize("write", [write_boxes_detector, write_ssd_detector])
def test_both_published_forms(tmp_path: Path, write: Write) -> None:
    """Corners in pixels, surer in blue pictures, nothing in red ones."""
    detector = PersonDetector(write(tmp_path / "d.xml", BOXES))
    boxes = detector.boxes(blue())
    expected = [
        (x0 * 80, y0 * 60, x1 * 80, y1 * 60, confidence) for x0, y0, x1, y1, confidence in BOXES
    ]

    np.testing.assert_allclose(boxes, expected, atol=1e-4)
    assert main_person(boxes, 60, 80) == pytest.approx((20, 30, 60, 60), abs=1e-4)
    # A detector that got RGB would see blue here.
    red = blue()[..., ::-1]
    assert detector.boxes(red)[:, 4].max() == 0 and main_person(detector.boxes(red), 60, 80) is None


def test_a_small_person_says_nothing() -> None:
    """0.15 of the picture is the least."""
    assert main_person(np.array([[0, 0, 38, 38, 0.9]]), 100, 100) is None
    assert main_person(np.array([[0, 0, 39, 39, 0.9]]), 100, 100) == PersonBox(0, 0, 39, 39)
    exchanged = np.array([[50, 50, 0, 0, 0.9]])
    assert main_person(exchanged, 100, 100) is None
    assert main_person(np.empty((0, 5)), 100, 100) is None


def test_the_clips_box_leaves_single_frames_out() -> None:
    """One box that is far off changes little."""
    boxes = [PersonBox(float(i), 10, 50 + i, 90) for i in range(20)]
    boxes.append(PersonBox(-500, 10, 600, 90))

    # The 2nd of 21 values is the 5th percentile, the 20th the 95th.
    assert global_box(boxes) == PersonBox(0, 10, 69, 90)


def test_frames_without_a_person_are_passed_over(tmp_path: Path) -> None:
    """The other frame gives the box."""
    detector = PersonDetector(write_boxes_detector(tmp_path / "d.xml", BOXES))
    frames = np.stack([blue(), blue()[..., ::-1]])
    assert clip_box(detector, frames) == pytest.approx((20, 30, 60, 60), abs=1e-4)
    assert clip_box(detector, frames[1:]) is None


def test_what_is_no_detector_is_named(tmp_path: Path) -> None:
    """Missing files, other files, other models and other devices are named."""
    with pytest.raises(UserError, match="there is no such file"):
        PersonDetector(tmp_path / "gone.xml")
    # XML, but no network.
    (tmp_path / "text.xml").write_text("<net></net>")

    with pytest.raises(UserError, match="not a readable OpenVINO model"):
        PersonDetector(tmp_path / "text.xml")
    with pytest.raises(UserError, match=r"its outputs are .*allowed: an output \(N, 5\)"):
        PersonDetector(write_classifier(tmp_path / "classifier.xml"))
    with pytest.raises(UserError, match=r"--device NONE"):
        PersonDetector(write_boxes_detector(tmp_path / "d.xml", BOXES), device="NONE")

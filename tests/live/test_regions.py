"""Where the network looks: fixed boxes, and boxes that follow hands and persons."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.deploy.metadata import Resize, example
from action_recognition.detection.person_boxes import PersonDetector
from action_recognition.errors import UserError
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.hand_region import HandsRegion, trained_region
from action_recognition.live.regions import (
    Box,
    FixedRegion,
    cut,
    network_frame,
    parse_box,
    square_around,
)
from action_recognition.live.tracking import TrackedRegion
from tests.detection.detectors import write_boxes_detector


class Moving:
    """A detector of two bright squares of 20 pixels: red ones and blue ones."""

    def boxes(self, picture_rgb: np.ndarray) -> np.ndarray:
        rows = []
        for channel in (0, 2):
            ys, xs = np.nonzero(picture_rgb[..., channel] > 100)
            if len(xs):
                rows.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1, 0.9])
        return np.array(rows, float).reshape(-1, 5)


def scene(time_s: float, red_x: int | None, blue_x: int | None = None) -> TimedFrame:
    picture = np.zeros((100, 200, 3), np.uint8)
    for channel, x in ((0, red_x), (2, blue_x)):
        if x is not None:
            picture[40:60, x : x + 20, channel] = 255
    return TimedFrame(time_s, picture)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3",
        "0,0,1",
        "0.5,0,0.5,1",
        "0.6,0,0.5,1",
        "0,0,1.5,1",
        "-0.1,0,1,1",
        "a,b,c,d",
        "nan,0,1,1",
    ],
)
def test_boxes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--box: found"):
        parse_box(text)


def test_a_fixed_box_is_what_the_network_gets() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[:, 100:] = 255
    box, spec = parse_box("0.5,0,1,1"), replace(example(), resize=Resize(36, 32))
    assert cut(picture, box).shape == (100, 100, 3)
    assert network_frame(picture, box, spec).min() == 255
    assert network_frame(picture, None, spec).shape == (32, 32, 3)
    assert [person.box for person in FixedRegion(box).persons(TimedFrame(0.0, picture))] == [box]


def test_squares_stay_in_the_picture() -> None:
    assert square_around(Box(0.9, 0.4, 1.0, 0.6), 1.0, 100, 100) == Box(0.8, 0.4, 1.0, 0.6)
    assert square_around(Box(0.0, 0.0, 1.0, 1.0), 2.0, 100, 200) == Box(0.0, 0.0, 1.0, 1.0)


def test_two_persons_keep_their_numbers_while_they_move() -> None:
    region = TrackedRegion(Moving())
    boxes: dict[int, list[Box]] = {}
    for i in range(40):
        for person in region.persons(scene(0.1 * i, 10 + i, 170 - i)):
            assert person.box is not None
            boxes.setdefault(person.number, []).append(person.box)
    assert sorted(boxes) == [1, 2]
    centres = [(found[-1].left + found[-1].right) / 2 for found in boxes.values()]
    assert centres == pytest.approx([60 / 200, 140 / 200], abs=0.05)


def test_boxes_move_smoothly() -> None:
    region = TrackedRegion(Moving())
    shaking = [50, 56, 50, 56, 50, 56, 50, 56]
    found = [region.persons(scene(0.2 * i, x)) for i, x in enumerate(shaking)]
    assert [len(persons) for persons in found] == [0] + [1] * 7  # a box seen once is nobody yet
    lefts = [persons[0].box.left for persons in found[1:] if persons[0].box]
    steps = [abs(now - before) * 200 for before, now in pairwise(lefts)]
    assert 0 < max(steps) < 3.5


def test_who_is_gone_is_gone_and_who_comes_back_is_new() -> None:
    region = TrackedRegion(Moving())
    region.persons(scene(-0.2, 50))
    assert [person.number for person in region.persons(scene(0.0, 50))] == [1]
    assert [person.number for person in region.persons(scene(1.0, None))] == [1]  # a moment unseen
    assert [person.number for person in region.persons(scene(1.2, 52))] == [1]
    for i in range(20):
        people = region.persons(scene(1.4 + 0.2 * i, None))
    assert people == []
    region.persons(scene(5.8, 50))
    assert [person.number for person in region.persons(scene(6.0, 50))] == [2]
    region.reset()
    region.persons(scene(6.2, 50))
    assert [person.number for person in region.persons(scene(6.4, 50))] == [3]


def test_a_clip_models_hands_are_seen_together_as_long_as_its_window() -> None:
    """Red at 20 .. 40 and blue at 120 .. 140, each with 1.6 of its 20 pixels: 14 .. 146 of 200
    pixels across.
    """
    region = HandsRegion(Moving(), window_s=1.0)
    assert [person.box for person in region.persons(scene(0.0, None))] == [None]
    (both,) = region.persons(scene(0.5, 20, 120))
    assert both.box is not None
    assert (both.box.left, both.box.right) == pytest.approx((14 / 200, 146 / 200), abs=0.006)
    (still,) = region.persons(scene(1.0, 20))  # blue was seen half a second ago
    assert still.box == both.box
    (one,) = region.persons(scene(1.8, 20))
    assert one.box is not None
    assert one.box.right < 60 / 200
    region.reset()
    assert [person.box for person in region.persons(scene(2.0, None))] == [None]


def test_a_model_looks_where_it_looked_in_training(tmp_path: Path) -> None:
    detector = write_boxes_detector(tmp_path / "hands.xml", [(0.4, 0.4, 0.6, 0.6, 2.0)])
    hands = replace(example(), crop="hand")
    assert isinstance(trained_region(example(), None, "--hand-detector"), FixedRegion)
    assert isinstance(trained_region(hands, detector, "--hand-detector"), HandsRegion)
    assert isinstance(
        trained_region(replace(hands, clip_len=1), detector, "--hand-detector"), TrackedRegion
    )
    with pytest.raises(UserError, match="--hand-detector: is missing"):
        trained_region(hands, None, "--hand-detector")


def test_no_more_persons_than_asked_for() -> None:
    region = TrackedRegion(Moving(), max_persons=1)
    region.persons(scene(0.0, 20, 120))
    assert len(region.persons(scene(0.2, 20, 120))) == 1


def test_a_real_hand_detector_finds_a_real_hand(real_data: Path) -> None:
    detector = PersonDetector(real_data / "models" / "hand_detector.onnx", num_threads=1)
    assert detector.contract.name == "HaGRID hands"
    images = sorted((real_data / "hand_images").rglob("*.jpg"))[:40]
    found = [detector.boxes(_padded(cv2.imread(str(path))[..., ::-1])) for path in images]
    sure = [rows for rows in found if len(rows)]
    assert len(sure) >= len(images) // 3
    assert all((rows[:, 4] >= 0.7).all() and (rows[:, 2] > rows[:, 0]).all() for rows in sure)
    assert detector.boxes(np.zeros((480, 640, 3), np.uint8)).shape == (0, 5)


def _padded(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    canvas = np.zeros(
        (int(1.5 * max(height, width * 3 // 4)), int(1.5 * max(width, height * 4 // 3)), 3),
        np.uint8,
    )
    canvas[:height, :width] = picture
    return canvas

"""Squares, boxes and points, on numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from action_recognition.hands.geometry import (
    Square,
    crop_to_picture,
    landmarks_in_picture,
    merge_palms,
    palm_anchors,
    square_of_landmarks,
    square_of_palm,
    square_overlap,
    turned_world,
    upright_rotation,
    wrapped,
)


def palm(
    x: float, y: float, size: float, wrist: tuple[float, float], middle: tuple[float, float]
) -> NDArray[np.float64]:
    points = np.zeros((7, 2))
    points[0], points[2] = wrist, middle
    return np.array([x, y, size, size, *points.ravel()])


def test_anchors_are_the_centres_of_both_grids() -> None:
    anchors = palm_anchors()
    assert anchors.shape == (24 * 24 * 2 + 12 * 12 * 6, 2)
    # Two a cell, along the first row; then six a cell of the coarse grid.
    assert anchors[:3].tolist() == [[0.5 / 24, 0.5 / 24]] * 2 + [[1.5 / 24, 0.5 / 24]]
    assert anchors[48].tolist() == [0.5 / 24, 1.5 / 24]
    assert anchors[1152:1159].tolist() == [[0.5 / 12, 0.5 / 12]] * 6 + [[1.5 / 12, 0.5 / 12]]


@pytest.mark.parametrize(
    ("middle", "degrees"), [((0, -1), 0), ((1, 0), 90), ((-1, 0), -90), ((0, 1), -180)]
)
def test_a_hand_is_turned_clockwise_from_upright(middle: tuple[int, int], degrees: int) -> None:
    assert math.degrees(upright_rotation((0, 0), middle)) == pytest.approx(degrees)


def test_angles_are_wrapped_into_one_turn() -> None:
    assert wrapped(math.pi) == -math.pi and wrapped(-3 * math.pi) == -math.pi
    assert wrapped(0.25) == 0.25


def test_the_square_of_an_upright_palm_lies_above_it() -> None:
    # 2.6 times as large, half a palm higher.
    square = square_of_palm(palm(100, 100, 40, wrist=(100, 120), middle=(100, 90)))
    assert square == pytest.approx((100, 80, 104, 0))


def test_the_square_of_a_palm_that_points_to_the_right_lies_right_of_it() -> None:
    square = square_of_palm(palm(100, 100, 40, wrist=(80, 100), middle=(110, 100)))
    assert square == pytest.approx((120, 100, 104, math.pi / 2))


def test_the_next_square_reaches_around_the_steady_points() -> None:
    landmarks = np.full((21, 3), 50.0)
    landmarks[0, :2] = (50, 90)  # wrist
    landmarks[[5, 9, 13], 1] = 50
    landmarks[[1, 17], 0] = (30, 70)
    # Tips count for nothing.
    landmarks[[4, 8, 12, 16, 20], :2] = (500, 500)

    # The box is 40 wide, 40 high around (50, 70); twice as large, a tenth of it higher.
    assert square_of_landmarks(landmarks) == pytest.approx((50, 66, 80, 0))


def test_the_next_square_turns_with_the_hand() -> None:
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(0, 100, (21, 3))
    first = square_of_landmarks(landmarks)

    # A quarter turn clockwise around the origin: (x, y) to (-y, x).
    turned = np.stack([-landmarks[:, 1], landmarks[:, 0]], axis=1)
    second = square_of_landmarks(turned)
    assert (second.x, second.y) == pytest.approx((-first.y, first.x))
    assert second.rotation == pytest.approx(wrapped(first.rotation + math.pi / 2))
    assert second.side == pytest.approx(first.side)


def test_boxes_of_one_palm_are_averaged_by_their_scores() -> None:
    boxes = np.array([[10.0, 10, 10, 10, 1], [12, 10, 10, 10, 4], [50, 50, 10, 10, 9]])
    merged, scores = merge_palms(boxes, np.array([0.9, 0.6, 0.7]))
    assert scores.tolist() == [0.9, 0.7]
    assert merged[0] == pytest.approx([10.8, 10, 10, 10, 2.2])
    assert merged[1].tolist() == boxes[2].tolist()


def test_no_palms_and_boxes_without_area() -> None:
    merged, scores = merge_palms(np.zeros((0, 18)), np.zeros(0))
    assert merged.shape == (0, 18) and scores.shape == (0,)
    merged, scores = merge_palms(np.zeros((2, 18)), np.array([0.6, 0.7]))
    assert scores.tolist() == [0.7, 0.6]


def test_squares_overlap_as_if_they_were_not_turned() -> None:
    assert square_overlap(Square(0, 0, 10), Square(5, 0, 10, 1.0)) == pytest.approx(1 / 3)
    assert square_overlap(Square(0, 0, 10), Square(20, 0, 10)) == 0


def test_a_crop_of_a_turned_square_starts_at_its_own_corner() -> None:
    # Turned by 90 degrees clockwise, the top left corner lies at the top right.
    matrix = crop_to_picture(Square(100, 100, 50, math.pi / 2), 224)
    assert matrix @ [0, 0, 1] == pytest.approx([125, 75])
    assert matrix @ [224, 0, 1] == pytest.approx([125, 125])


def test_landmarks_return_to_the_picture_with_their_depth() -> None:
    crop = np.array([[112.0, 112, 0], [224, 112, -22.4]])
    found = landmarks_in_picture(crop, Square(100, 50, 448), 224)
    # z: a tenth of the side, divided by 0.4.
    assert found == pytest.approx(np.array([[100, 50, 0], [324, 50, -112]]))


def test_world_points_turn_with_the_square() -> None:
    turned = turned_world(np.array([[0.0, -0.1, 0.02]]), math.pi / 2)
    assert turned == pytest.approx(np.array([[0.1, 0, 0.02]]))

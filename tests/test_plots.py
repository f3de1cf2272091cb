"""Pictures of numbers: they are there, whole, and show what they were given."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from action_recognition.plots import (
    draw_confusion_matrix,
    draw_learning_curve,
    draw_reliability_diagram,
    draw_risk_coverage,
    draw_training_curves,
    save_picture,
)
from action_recognition.training.reporting.curve_files import COLUMNS, draw_curves


def picture(path: Path) -> np.ndarray:
    read = cv2.imread(str(path))
    assert read is not None
    assert not list(path.parent.glob(".*.part"))
    return read


def test_a_confusion_matrix_is_dark_where_the_counts_are(tmp_path: Path) -> None:
    for name, counts in (("diagonal", [[9, 0], [0, 9]]), ("exchanged", [[0, 9], [9, 0]])):
        draw_confusion_matrix(tmp_path / f"{name}.png", np.array(counts), ["a", "b"], "title")
    first, second = picture(tmp_path / "diagonal.png"), picture(tmp_path / "exchanged.png")
    assert first.shape == second.shape
    assert (first != second).any()


def test_curves_are_drawn_with_gaps_and_for_a_single_epoch(tmp_path: Path) -> None:
    draw_training_curves(tmp_path / "new" / "a.png", [1], {"loss": {"loss": [2.0]}}, {})
    draw_training_curves(
        tmp_path / "b.png",
        [1, 2, 3],
        {"x": {"one": [1.0, float("nan"), 3.0], "two": [3.0, 2.0, 1.0]}, "y": {"y": [0.0] * 3}},
        {"y": 25.0},
    )
    assert picture(tmp_path / "b.png").shape[1] > picture(tmp_path / "new" / "a.png").shape[1]


def test_the_line_of_a_guess_is_drawn(tmp_path: Path) -> None:
    lines = {"y": {"y": [30.0, 60.0]}}
    for name, chance in (("none", {}), ("low", {"y": 25.0}), ("high", {"y": 50.0})):
        draw_training_curves(tmp_path / f"{name}.png", [1, 2], lines, chance)
    none, low, high = (picture(tmp_path / f"{name}.png") for name in ("none", "low", "high"))
    assert (none != low).any() and (low != high).any()

    for num_classes in (4, 40):
        file = tmp_path / f"{num_classes}.png"
        draw_learning_curve(file, [3, 5], [50.0] * 2, [(40.0, 60.0)] * 2, 90, num_classes)
    assert (picture(tmp_path / "4.png") != picture(tmp_path / "40.png")).any()


def test_top5_is_drawn_where_it_says_something(tmp_path: Path) -> None:
    row = dict.fromkeys(COLUMNS, 30.0) | {"epoch": 1.0}
    other = row | {"val_top5": 70.0}
    for num_classes, is_shown in ((5, False), (40, True)):
        for name, values in (("a", row), ("b", other)):
            draw_curves(tmp_path / f"{name}.png", [values], num_classes)
        differs = (picture(tmp_path / "a.png") != picture(tmp_path / "b.png")).any()
        assert differs == is_shown


def test_a_learning_curve_shows_its_points(tmp_path: Path) -> None:
    draw_learning_curve(tmp_path / "flat.png", [3, 5, 24.6], [50.0] * 3, [(40.0, 60.0)] * 3, 90, 4)
    draw_learning_curve(
        tmp_path / "rising.png",
        [3, 5, 24.6],
        [20.0, 50.0, 80.0],
        [(10.0, 30.0), (40.0, 60.0), (70.0, 90.0)],
        90,
        4,
    )
    assert (picture(tmp_path / "flat.png") != picture(tmp_path / "rising.png")).any()


def test_a_saved_picture_keeps_its_colours(tmp_path: Path) -> None:
    red = np.zeros((4, 5, 3), np.uint8)
    red[..., 0] = 200
    save_picture(tmp_path / "red.png", red)
    assert picture(tmp_path / "red.png")[0, 0].tolist() == [0, 0, 200]


def test_a_reliability_diagram_shows_its_bins_and_skips_empty_ones(tmp_path: Path) -> None:
    nan = float("nan")
    for name, accuracy in (("good", [nan, 0.5, 0.9]), ("bad", [nan, 0.1, 0.2])):
        draw_reliability_diagram(
            tmp_path / f"{name}.png", {"before": ([nan, 0.5, 0.9], accuracy, [0, 4, 9])}
        )
    draw_reliability_diagram(
        tmp_path / "two.png", {"before": ([0.5], [0.5], [1]), "after": ([nan], [nan], [0])}
    )
    assert (picture(tmp_path / "good.png") != picture(tmp_path / "bad.png")).any()
    assert picture(tmp_path / "two.png").shape[1] > picture(tmp_path / "good.png").shape[1]


def test_risk_over_coverage_is_drawn_for_each_name(tmp_path: Path) -> None:
    draw_risk_coverage(tmp_path / "one.png", {"before": ([0.5, 1.0], [0.0, 0.4])})
    draw_risk_coverage(
        tmp_path / "two.png",
        {"before": ([0.5, 1.0], [0.0, 0.4]), "after": ([0.5, 1.0], [0.2, 0.4])},
    )
    assert (picture(tmp_path / "one.png") != picture(tmp_path / "two.png")).any()

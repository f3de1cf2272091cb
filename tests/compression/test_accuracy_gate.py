"""The accuracy gate on tables: drops, their intervals, folds by person, and trials."""

from __future__ import annotations

import numpy as np
import pytest

from action_recognition.compression.accuracy_gate import (
    Drop,
    accuracy_drop,
    first_that_holds,
    fold_of_clips,
    levels,
)
from action_recognition.compression.compression_report import Compression, to_markdown
from action_recognition.compression.quantised_layers import Layer


def drop(points: float) -> Drop:
    return Drop(100, 90.0, 90.0 - points, points, points - 1, points + 1, 99.0)


def test_the_interval_is_bonett_and_prices() -> None:
    # 100 clips, 6 lost, 2 won: shares (6.5 and 2.5) / 102, difference 4 / 102, worked out by hand.
    truth = np.zeros(100, int)
    before, after = np.eye(2)[np.zeros(100, int)], np.eye(2)[np.zeros(100, int)]
    before[:2], after[2:8] = (0, 1), (0, 1)
    found = accuracy_drop(truth, before, after)
    assert (found.before, found.after, found.points, found.agreement) == (98.0, 94.0, 4.0, 92.0)
    half = 1.959964 * np.sqrt((9 / 102 - (4 / 102) ** 2) / 102)
    assert (found.low, found.high) == pytest.approx(
        (100 * (4 / 102 - half), 100 * (4 / 102 + half))
    )


def test_no_difference_in_few_clips_is_no_certainty() -> None:
    same = np.eye(2)[[0, 1] * 10]
    few = accuracy_drop(np.array([0, 1] * 10), same, same)
    many = accuracy_drop(np.array([0, 1] * 1000), same.repeat(100, 0), same.repeat(100, 0))
    assert few.points == 0 and few.high > 5 and many.high < 0.2


def test_folds_keep_people_together_and_are_drawn_by_the_seed() -> None:
    people = np.array([5] * 30 + [1] * 10 + [2] * 10 + [3] * 10 + [4] * 10)
    fold = fold_of_clips(people, 3, seed=0)
    assert all(len(set(fold[people == person])) == 1 for person in range(1, 6))
    assert sorted(np.bincount(fold)) == [20, 20, 30]
    assert np.array_equal(fold, fold_of_clips(people, 3, seed=0))
    assert any(
        not np.array_equal(fold, fold_of_clips(people, 3, seed=seed)) for seed in range(1, 5)
    )
    assert fold_of_clips(np.array([7, 7]), 3, seed=0).tolist() == [
        0,
        0,
    ]  # one person makes one fold


def test_as_few_layers_as_hold_the_gate_are_given_back() -> None:
    asked: list[int] = []

    def measure(count: int) -> Drop:
        asked.append(count)
        return drop(3.0 if count < 4 else 1.0)

    assert first_that_holds(levels(20), measure, 1.0)[-1] == (4, drop(1.0)) and asked == [
        0,
        1,
        2,
        4,
    ]
    assert (
        len(first_that_holds(levels(3), lambda _: drop(9.0), 1.0)) == 4
    )  # none holds: all were tried
    assert levels(1) == [0, 1] and levels(0) == [0] and levels(8) == [0, 1, 2, 4, 8]


def test_the_table_names_every_layer_and_its_state() -> None:
    one, two, three = (
        Layer("conv", "Convolution", (8, 3, 1, 3, 3)),
        Layer("add", "Add"),
        Layer("output", "MatMul", (4, 8)),
    )
    found = Compression(
        [one],
        [two],
        [three],
        [(0, drop(2.0)), (1, drop(0.5))],
        {"train": drop(0.1)},
        {"conv": 1e-5, "add": 2e-4},
        {"seed": 0},
    )
    plain = found.as_plain()
    assert [
        (row["name"], row["computes_in"], row["weights"], row["error_taken_away"])
        for row in plain["layers"]
    ] == [
        ("conv", "int8", 216, 1e-5),
        ("add", "given back", 0, 2e-4),
        ("output", "float", 32, None),
    ]
    assert [item["layers_given_back"] for item in plain["cross_validated"]] == [0, 1] and plain[
        "seed"
    ] == 0
    text = to_markdown(found)
    assert (
        "| conv | Convolution | 8 x 3 x 1 x 3 x 3 | int8 | 1.00e-05 |" in text
        and "| add | Add |  | given back | 2.00e-04 |" in text
    )
    assert "| 1 | 100 | 90.00 % | 89.50 % | +0.50 (-0.50 to +1.50) | 99.0 % |" in text

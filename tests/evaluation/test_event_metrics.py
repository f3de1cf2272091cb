"""Event metrics on timelines made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from action_recognition.evaluation.event_metrics import (
    Decision,
    Gesture,
    Timeline,
    edit_distance,
    match,
    rest_time_s,
    score_stream,
    seen_hits,
)
from action_recognition.evaluation.stream_result import StreamResult, percentile, poisson_interval

LINE = Timeline(
    100.0,
    (Gesture("wave", 10, 12), Gesture("stop", 20, 23), Gesture("wave", 24, 26)),
    excluded_s=((50.0, 60.0),),
)


def result(*decisions: tuple[str, float], tolerance_s: float = 0.5) -> StreamResult:
    return score_stream(LINE, [Decision(*decision) for decision in decisions], tolerance_s)


@pytest.mark.parametrize(
    ("decisions", "counts"),  # right, double, wrong, false
    [
        ([], (0, 0, 0, 0)),
        ([("wave", 11), ("stop", 22), ("wave", 25)], (3, 0, 0, 0)),
        ([("wave", 9.5), ("stop", 23.5)], (2, 0, 0, 0)),  # the tolerance itself counts
        ([("wave", 9.4)], (0, 0, 0, 1)),
        ([("wave", 11), ("wave", 11.5), ("wave", 12.4)], (1, 2, 0, 0)),
        ([("stop", 11)], (0, 0, 1, 0)),
        (
            [("go", 40), ("wave", 41), ("wave", 55), ("stop", 60)],
            (0, 0, 0, 2),
        ),  # two in what is excluded
        ([("wave", 23.6), ("wave", 25)], (1, 1, 0, 0)),
    ],
)
def test_each_decision_is_one_thing(
    decisions: list[tuple[str, float]], counts: tuple[int, ...]
) -> None:
    found = result(*decisions)
    assert (found.num_right, found.num_double, found.num_wrong, found.num_false) == counts


def test_precision_recall_and_f1() -> None:
    found = result(("wave", 11), ("stop", 25), ("go", 40), ("wave", 11.5))
    assert (found.precision, found.recall, found.f1) == pytest.approx((1 / 4, 1 / 3, 2 / 7))
    nothing = result()
    assert (nothing.precision, nothing.recall, nothing.f1) == (1.0, 0.0, 0.0)
    assert math.isnan(score_stream(Timeline(9.0, ()), [], 0.5).recall)


def test_as_many_pairs_as_possible() -> None:
    """The early decision lies in both gestures, the late one in the second only."""
    gestures = [Gesture("wave", 0, 10), Gesture("wave", 2, 4)]
    assert match(gestures, [Decision("wave", 3.0), Decision("wave", 8.0)], 0.0) == {1: 0, 0: 1}
    assert match(gestures, [Decision("wave", 8.0), Decision("wave", 3.0)], 0.0) == {1: 1, 0: 0}


def test_time_without_gestures() -> None:
    # 10-12, 20-23 and 24-26 widened by half a second (the last two meet), and 10 excluded seconds
    assert rest_time_s(LINE, 0.5) == pytest.approx(100 - 3 - 7 - 10)
    assert rest_time_s(Timeline(5.0, (Gesture("wave", 0, 4.8),)), 0.5) == 0.0
    assert rest_time_s(Timeline(30.0, ()), 0.5) == 30.0


def test_false_alarms_per_hour_and_their_interval() -> None:
    found = result(("wave", 40), ("go", 70))
    assert found.false_alarms_per_hour == pytest.approx(2 / 80 * 3600)
    assert found.false_alarms_interval == pytest.approx(
        (0.2422 / 80 * 3600, 7.2247 / 80 * 3600), rel=1e-3
    )


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (100, 81.36, 121.63)],
)
def test_poisson_intervals_of_the_published_table(count: int, low: float, high: float) -> None:
    assert poisson_interval(count) == pytest.approx((low, high), rel=1e-3, abs=1e-3)


def test_delays_are_those_of_right_decisions() -> None:
    found = result(("wave", 11.5), ("stop", 22), ("go", 25))
    assert found.delays_from_start_s == pytest.approx(
        (1.5, 2.0)
    ) and found.delays_from_end_s == pytest.approx((-0.5, -1.0))
    assert percentile(found.delays_from_start_s, 0.5) == pytest.approx(1.75) and math.isnan(
        percentile([], 0.5)
    )


@pytest.mark.parametrize(
    ("truth", "found", "distance"),
    [
        ("abc", "abc", 0),
        ("abc", "", 3),
        ("", "ab", 2),
        ("abc", "axc", 1),
        ("abc", "cab", 2),
        ("kitten", "sitting", 3),
    ],
)
def test_edit_distances(truth: str, found: str, distance: int) -> None:
    assert edit_distance(list(truth), list(found)) == distance


def test_levenshtein_accuracy_counts_every_decision() -> None:
    assert result(("wave", 11), ("stop", 22), ("wave", 25)).levenshtein_accuracy == 1.0
    assert result(("wave", 11), ("stop", 22)).levenshtein_accuracy == pytest.approx(2 / 3)
    assert (
        result(("wave", 11), ("stop", 22), ("wave", 25), ("go", 55)).levenshtein_accuracy == 1.0
    )  # in what is excluded
    assert result(*[("go", 70.0 + i) for i in range(9)]).levenshtein_accuracy == 0.0


def test_accuracy_at_what_was_seen() -> None:
    times_s = np.array([9.9, 10.5, 11.5, 21.0, 25.9])
    labels = ["stop", "wave", "stop", "stop", "wave"]
    gestures = LINE.gestures
    # wave 10-12: wave from 10.5, stop from 11.5; stop 20-23: nothing of its own until 21; wave
    # 24-26: nothing until 25.9
    assert [
        seen_hits(gestures, times_s, labels, share)[0] for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ] == [0, 1, 2, 1, 2]
    assert seen_hits(gestures, np.array([]), [], 0.5) == (0, 3)


def test_results_of_streams_add_up() -> None:
    both = result(("wave", 11), ("go", 40)) + result(("wave", 11), ("wave", 11.2))
    assert (both.num_gestures, both.num_right, both.num_double, both.num_false, both.rest_s) == (
        6,
        2,
        1,
        1,
        160.0,
    )
    assert len(both.delays_from_start_s) == 2 and both.edits == 3

"""Events out of hand-made tables of scores: rows are (seconds, probability of wave, of swipe); the
rest is `rest`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_recognition.deploy.metadata import example
from action_recognition.errors import UserError
from action_recognition.live.decision import (
    DecisionState,
    check_mirror,
    decide,
    gesture_chances,
    mirror_order,
    step,
)
from action_recognition.live.decision_file import read_rules, write_rules
from action_recognition.live.decision_rules import DecisionRules, Vocabulary

WORDS = Vocabulary(("wave", "swipe", "rest"), frozenset({"rest"}))
RULES = DecisionRules(onset=0.6, release=0.3, smoothing_s=0.0, refractory_s=0.5, again_s=2.0)


def fired(
    table: list[tuple[float, float, float]], rules: DecisionRules = RULES, words: Vocabulary = WORDS
) -> list[tuple[float, str, int]]:
    rows = [(time_s, np.array([wave, swipe, 1 - wave - swipe])) for time_s, wave, swipe in table]
    return [
        (round(event.time_s, 3), event.label, event.repetition)
        for event in decide(rows, words, rules)
    ]


def waves(*chances: float, step_s: float = 0.1) -> list[tuple[float, float, float]]:
    return [(i * step_s, chance, 0.0) for i, chance in enumerate(chances)]


@pytest.mark.parametrize(
    ("name", "table", "expected"),
    [
        ("nothing happens", waves(0.1, 0.2, 0.5, 0.59, 0.1), []),
        (
            "one gesture, one event, however long",
            waves(0.1, 0.7, *[0.9] * 40, 0.1),
            [(0.1, "wave", 1)],
        ),
        ("the threshold itself counts", waves(0.6, 0.1), [(0.0, "wave", 1)]),
        (
            "flicker between the thresholds fires once",
            waves(0.7, 0.5, 0.7, 0.35, 0.8, 0.31, 0.9, 0.4, 0.7),
            [(0.0, "wave", 1)],
        ),
        (
            "again after release and rest",
            waves(0.7, 0.9, 0.2, 0.1, 0.1, 0.1, 0.7, 0.2),
            [(0.0, "wave", 1), (0.6, "wave", 2)],
        ),
        (
            "again too early waits for the rest",
            waves(0.7, 0.1, 0.7, 0.7, 0.7, 0.7),
            [(0.0, "wave", 1), (0.5, "wave", 2)],
        ),
        (
            "again too early and over is one gesture",
            waves(0.7, 0.1, 0.7, 0.1, 0.1, 0.1, 0.1),
            [(0.0, "wave", 1)],
        ),
        (
            "long after, it counts from 1 again",
            [*waves(0.7, 0.1), (1.5, 0.1, 0.0), (2.5, 0.8, 0.0)],
            [(0.0, "wave", 1), (2.5, "wave", 1)],
        ),
        (
            "another gesture",
            [(0, 0.8, 0.1), (0.3, 0.4, 0.5), (0.6, 0.2, 0.7)],
            [(0.0, "wave", 1), (0.6, "swipe", 1)],
        ),
        (
            "another within the rest waits",
            [(0, 0.8, 0), (0.2, 0.1, 0.8), (0.5, 0, 0.9)],
            [(0.0, "wave", 1), (0.5, "swipe", 1)],
        ),
        (
            "another one takes over at once",
            [(0, 0.8, 0), (0.6, 0.35, 0.65), (1.2, 0.65, 0.35)],
            [(0.0, "wave", 1), (0.6, "swipe", 1), (1.2, "wave", 1)],
        ),
        ("rest never fires", [(0.1 * i, 0.0, 0.0) for i in range(30)], []),
        (
            "after a gap all is new",
            [(0, 0.9, 0), (0.1, 0.9, 0), (9.0, 0.9, 0)],
            [(0.0, "wave", 1), (9.0, "wave", 1)],
        ),
        (
            "time that goes back starts again",
            [(8, 0.9, 0), (0, 0.9, 0), (0.1, 0.9, 0)],
            [(8.0, "wave", 1), (0.0, "wave", 1)],
        ),
    ],
)
def test_tables(
    name: str, table: list[tuple[float, float, float]], expected: list[tuple[float, str, int]]
) -> None:
    assert fired(table) == expected, name


def test_a_hold_asks_for_time_at_the_threshold() -> None:
    rules = replace(RULES, hold_s=0.2)
    assert fired(waves(0.7, 0.7, 0.1, 0.7, 0.7, 0.7), rules) == [(0.5, "wave", 1)]
    assert (
        fired([(0.0, 0.7, 0), (0.1, 0.1, 0.7), (0.2, 0.7, 0)], rules) == []
    )  # not the same one all the time


def test_smoothing_follows_time_not_rows() -> None:
    """A step from 0 to 1 reaches 0.6 after smoothing_s * ln(2.5), at any rate of rows."""
    rules = replace(RULES, smoothing_s=0.5)
    for step_s in (0.01, 0.02, 0.05):
        table = [(0.0, 0.0, 0.0)] + [(i * step_s, 1.0, 0.0) for i in range(1, 200)]
        ((time_s, _, _),) = fired(table, rules)
        assert 0.5 * np.log(2.5) <= time_s <= 0.5 * np.log(2.5) + step_s
    assert (
        fired([(0, 0, 0), (0.1, 1, 0), (0.2, 0, 0), (0.3, 1, 0), (0.4, 0, 0)], rules) == []
    )  # single spikes go under


def test_events_say_when_they_began_and_how_sure() -> None:
    rows = [(0.1 * i, np.array([p, 0.0, 1 - p])) for i, p in enumerate([0.1, 0.35, 0.5, 0.75])]
    (event,) = decide(rows, WORDS, RULES)
    assert (event.start_s, event.time_s, event.probability) == pytest.approx((0.1, 0.3, 0.75))


def test_the_models_own_thresholds_count_where_higher() -> None:
    words = replace(WORDS, thresholds={"wave": 0.9, "swipe": 0.2})
    assert fired([(0, 0.8, 0.1), (1, 0.1, 0.5), (2, 0.95, 0)], words=words) == [(2.0, "wave", 1)]


def test_a_step_changes_no_state() -> None:
    state, event = step(DecisionState(), 0.0, np.array([0.9, 0.0, 0.1]), WORDS, RULES)
    again = [
        step(state, 0.1, np.array([0.1, 0.8, 0.1]), WORDS, replace(RULES, refractory_s=0))
        for _ in range(2)
    ]
    assert event is not None and again[0][1] == again[1][1] is not None


def test_mirrored_pictures_swap_labels_both_ways() -> None:
    metadata = replace(
        example(),
        labels=("left", "stop", "right"),
        negative_label=None,
        label_swaps={"left": "right"},
    )
    cosines = np.array([0.9, 0.2, 0.1], np.float32)
    straight, mirrored = (
        gesture_chances(cosines, metadata),
        gesture_chances(cosines, metadata, mirror=True),
    )
    np.testing.assert_array_equal(mirrored, straight[[2, 1, 0]])
    np.testing.assert_array_equal(mirror_order(("a", "b", "c"), {"b": "c", "c": "b"}), [0, 2, 1])
    check_mirror(metadata)
    with pytest.raises(UserError, match=r"--mirror: .*label_swaps is empty"):
        check_mirror(replace(metadata, label_swaps={}))


def test_scores_that_are_too_much_alike_are_no_gesture() -> None:
    metadata = replace(example(), spread_threshold=0.2)
    assert gesture_chances(np.array([0.5, 0.3], np.float32), metadata).tolist() == [0.0, 0.0]
    assert gesture_chances(np.array([0.9, 0.1], np.float32), metadata).sum() == pytest.approx(1)
    assert Vocabulary.of(metadata).negatives == {"No gesture"}


def test_rules_from_a_file(tmp_path: Path) -> None:
    write_rules(tmp_path / "new" / "rules.json", RULES)
    assert read_rules(tmp_path / "new" / "rules.json") == RULES
    (tmp_path / "part.json").write_text('{"onset": 0.9}')
    assert read_rules(tmp_path / "part.json") == DecisionRules(onset=0.9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", r"bad\.json:1: is not valid JSON"),
        ("[1]", "holds a list"),
        (
            json.dumps({"onsett": 0.5, "hold": 1}),
            r"(?s)onsett: is not a known key, did you mean 'onset'.*hold: is not",
        ),
        (json.dumps({"onset": -1, "hold_s": "x"}), r"(?s)onset: found -1.*hold_s: found 'x'"),
        (json.dumps({"onset": 0.3, "release": 0.3}), "release < onset"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(UserError, match=expected):
        read_rules(tmp_path / "bad.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.json: cannot be read"):
        read_rules(tmp_path / "gone.json")

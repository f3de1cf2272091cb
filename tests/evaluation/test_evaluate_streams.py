"""`eval.py --stream`: an exported model over annotated streams, its curve, and thresholds chosen on
them.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from action_recognition.commands.eval import main
from action_recognition.data.stream_files import AnnotatedStream, MarkedEvent, write_streams
from action_recognition.errors import UserError
from action_recognition.evaluation.decision_fitting import fitted_rules, say_promise
from action_recognition.evaluation.decision_table import DecisionTable
from action_recognition.evaluation.stream_curve import curve_of, result_of
from action_recognition.evaluation.stream_report import seen_accuracy
from action_recognition.evaluation.stream_scores import ScoredStream, timeline_of
from action_recognition.live.decision_file import read_rules
from action_recognition.live.decision_rules import DecisionRules, Vocabulary
from tests.synthetic import numbered_frames, write_video
from tests.tiny_export import LABELS

WORDS = Vocabulary(("wave", "stop"))


def scored(
    chances: list[float], events: tuple[MarkedEvent, ...], cuts_s: tuple[float, ...] = ()
) -> ScoredStream:
    """Five rows a second; what is no wave is spread over nothing."""
    stream = AnnotatedStream(Path("a.mp4"), len(chances) / 5, events, cuts_s)
    times_s = np.arange(len(chances)) / 5
    return ScoredStream(
        stream,
        timeline_of(stream),
        times_s,
        np.array([[chance, 0.0] for chance in chances]),
        times_s >= 0,
    )


def tables(*streams: ScoredStream) -> list[DecisionTable]:
    return [DecisionTable(stream, WORDS) for stream in streams]


def test_thresholds_are_those_of_the_best_f1_and_the_fewest_false_alarms() -> None:
    """A gesture that reaches 0.8, and a moment of rest that reaches 0.7."""
    quiet = [0.0] * 20
    streams = tables(
        scored([*quiet, *[0.8] * 10, *quiet, *[0.7] * 5, *quiet], (MarkedEvent("wave", 4.0, 6.0),))
    )
    curve = curve_of(streams, DecisionRules(), 0.5)
    rules = fitted_rules(streams, WORDS, curve, None, 0.5).rules
    assert 0.7 < rules.onsets.get("wave", rules.onset) <= 0.8
    result = result_of(streams, rules, 0.5)
    assert (result.num_right, result.num_false, result.f1) == (1, 0, 1.0)
    low = [
        point.result
        for point in curve
        if point.rules.onset == 0.3 and point.rules.smoothing_s + point.rules.hold_s == 0.0
    ]
    assert (low[0].num_right, low[0].num_false) == (1, 1)


def test_a_limit_of_false_alarms_that_cannot_be_kept_is_said() -> None:
    streams = tables(scored([0.0] * 10 + [1.0] * 60, ()))
    curve = curve_of(streams, DecisionRules(), 0.5)
    with pytest.raises(UserError, match="--max-false-alarms-per-hour: no rules give 1 an hour"):
        fitted_rules(streams, WORDS, curve, 1.0, 0.5)


def test_a_label_gets_rules_of_its_own() -> None:
    """`wave` is as sure in rest as in a gesture, for a shorter time; `stop` is never sure."""
    wave, stop = [[0.8, 0.1]] * 10, [[0.1, 0.5]] * 10
    quiet = [[0.0, 0.0]] * 15
    chances = [*quiet, *wave, *quiet, *stop, *quiet, *wave[:2], *quiet]
    events = (MarkedEvent("wave", 3.0, 5.0), MarkedEvent("stop", 8.0, 10.0))
    item = scored([0.0] * len(chances), events)
    rows = np.array(chances)
    (table,) = tables(ScoredStream(item.stream, item.timeline, item.times_s, rows, item.is_warm))
    fitted = fitted_rules([table], WORDS, curve_of([table], DecisionRules(), 0.5), 2.0, 0.5)
    assert (fitted.result.num_right, fitted.result.num_false) == (2, 0)


def test_what_few_minutes_cannot_promise_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = tables(scored([0.0] * 5 * 1800, ()))
    say_promise(result_of([table], DecisionRules(), 0.5), 2.0)
    said = capsys.readouterr().out
    assert "0 false alarms in 0.50 hours" in said and "0.0 to 7.4 an hour" in said
    assert "do not promise 2 an hour" in said and "1.8 hours" in said
    say_promise(result_of([table], DecisionRules(), 0.5), 8.0)
    assert "do not promise" not in capsys.readouterr().out


def test_half_a_second_around_a_cut_is_excluded() -> None:
    chances = [0.0] * 10 + [1.0] * 2 + [0.0] * 10
    assert (
        result_of(tables(scored(chances, (), (2.3,))), DecisionRules(smoothing_s=0), 0.5).num_false
        == 0
    )
    assert (
        result_of(tables(scored(chances, (), (3.3,))), DecisionRules(smoothing_s=0), 0.5).num_false
        == 1
    )


def test_accuracy_at_what_was_seen_is_over_all_streams() -> None:
    chances = [[0.1, 0.9]] * 5 + [[0.9, 0.1]] * 10
    item = scored([0.0] * 15, (MarkedEvent("wave", 0.0, 2.8), MarkedEvent("stop", 0.0, 0.5)))
    item = ScoredStream(item.stream, item.timeline, item.times_s, np.array(chances), item.is_warm)
    assert [seen_accuracy([item], WORDS.labels, share) for share in (0.25, 1.0)] == [0.5, 1.0]
    assert math.isnan(seen_accuracy([scored([0.0], ())], WORDS.labels, 0.5))


def test_as_typed(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "data" / "a.mp4", numbered_frames(120, 40, 48), 30)
    write_streams(
        tmp_path / "data" / "streams.json",
        [AnnotatedStream(path, 4.0, (MarkedEvent(LABELS[0], 1.0, 2.0),), (3.0,))],
    )
    flags = [
        "--load-weights",
        str(exported / "model.xml"),
        "--test-ann-files",
        "streams.json",
        "--test-data-roots",
        str(tmp_path / "data"),
    ]
    flags += [
        "--stream",
        "--save-metrics-to",
        str(tmp_path / "out" / "metrics.yaml"),
        "--choose-decision",
        str(tmp_path / "rules.json"),
    ]
    assert main(tmp_path, flags) == 0
    metrics = {
        entry["key"]: entry["value"]
        for entry in yaml.safe_load((tmp_path / "out" / "metrics.yaml").read_text())["metrics"]
    }
    assert metrics["stream_rest_minutes"] == pytest.approx(
        (4.0 - 3.0) / 60, abs=0.01
    )  # a second of tolerance at both ends
    assert {
        "stream_f1",
        "stream_double_fires",
        "stream_false_alarms_per_hour_high",
        "stream_accuracy_seen_50",
    } <= metrics.keys()
    with (tmp_path / "out" / "stream_curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (
        len(rows) == 756
        and (tmp_path / "out" / "stream_curve.png").is_file()
        and (tmp_path / "out" / "stream_events.csv").is_file()
    )
    assert read_rules(tmp_path / "rules.json").onset in {float(row["onset"]) for row in rows}
    said = capsys.readouterr().out
    assert (
        "kept from before" not in said
        and "1 gestures" in said
        and "an hour (95 % interval" in said
        and "chosen on these streams" in said
    )
    first = (tmp_path / "out" / "metrics.yaml").read_text()
    assert main(tmp_path, flags) == 0  # nothing is computed again
    assert (
        "kept from before" in capsys.readouterr().out
        and (tmp_path / "out" / "metrics.yaml").read_text() == first
    )
    write_video(tmp_path / "data" / "a.mp4", numbered_frames(110, 40, 48), 30)
    assert main(tmp_path, flags) == 0
    assert "kept from before" not in capsys.readouterr().out


def test_nothing_is_decided_before_the_network_has_seen_enough() -> None:
    item = scored([1.0] * 20, ())
    cold = ScoredStream(item.stream, item.timeline, item.times_s, item.chances, item.times_s >= 2.0)
    assert [event.time_s for event in cold.events(WORDS, DecisionRules())] == [2.0]

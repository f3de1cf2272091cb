"""The lines that the networks for streams are trained on."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.streams import curves_of_test, table_lines, training_lines


def test_gestures_their_beginnings_rest_and_other_people_become_lines() -> None:
    event = {"label": "wave", "start_s": 2.0, "end_s": 5.0}
    streams = [
        {"path": "a.mp4", "duration_s": 7.0, "events": [event]},
        {"path": "b.mp4", "duration_s": 7.0, "events": [event]},
        {"path": "other.mp4", "duration_s": 4.0, "events": []},
    ]
    assert training_lines(streams, ["stop", "wave"]) == [
        "a.mp4 1 60 150 60 150 30",
        "a.mp4 1 60 108 0 150 30",
        "b.mp4 1 60 150 60 150 30",
        "b.mp4 2 0 60 0 60 30",
        "other.mp4 2 0 120 0 120 30",
    ]


def test_the_table_has_a_column_for_each_network_and_split() -> None:
    metrics = {"val": {"stream_f1": 50.0, "size": 4.8}, "test": {"stream_f1": 40.0}}
    lines = table_lines({"causal": metrics, "window": metrics})
    assert lines[0] == "| | causal, val | causal, test | window, val | window, test |"
    assert lines[2:] == ["| stream_f1 | 50.0 | 40.0 | 50.0 | 40.0 |"]


def test_a_curve_has_every_onset_of_the_rules_that_were_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "causal"
    (folder / "streams_test").mkdir(parents=True)
    (folder / "decision.json").write_text(
        json.dumps({"onset": 0.4, "release": 0.12, "smoothing_s": 0.5})
    )
    rows = [
        "smoothing_s,onset,release,recall,false_alarms_per_hour",
        "0.5,0.1,0.03,0.6,90",
        "0.5,0.1,0.06,0.5,80",
        "0,0.1,0.03,0.4,70",
    ]
    (folder / "streams_test" / "stream_curve.csv").write_text(
        "\n".join([*rows, "0.5,0.99,0.297,0.1,0"]) + "\n"
    )
    assert curves_of_test([folder]) == {"causal": [(0.6, 90.0), (0.1, 0.0)]}

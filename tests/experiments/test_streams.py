"""The lines that the networks for streams are trained on."""

from __future__ import annotations

from experiments.streams import table_lines, training_lines


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

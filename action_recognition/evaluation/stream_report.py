"""The report on annotated streams: tables of events and of the curve, metrics, lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from action_recognition.evaluation.event_metrics import SEEN_SHARES, seen_hits
from action_recognition.evaluation.report import Metric
from action_recognition.evaluation.stream_curve import CurvePoint
from action_recognition.evaluation.stream_result import StreamResult, percentile
from action_recognition.evaluation.stream_scores import ScoredStream
from action_recognition.files import write_csv
from action_recognition.live.decision_rules import DecisionRules, Vocabulary
from action_recognition.plots import draw_false_alarms

_EVENT_COLUMNS = ["stream", "time_s", "start_s", "label", "probability"]
_CURVE_COLUMNS = [
    "smoothing_s",
    "onset",
    "release",
    "hold_s",
    "rearm_s",
    "recall",
    "precision",
    "f1",
    "false_alarms",
    "false_alarms_per_hour",
    "double_fires",
]


def write_events(
    path: Path, scored: Sequence[ScoredStream], words: Vocabulary, rules: DecisionRules
) -> None:
    """Write a CSV with one row per event, of all streams in order."""
    # Times in seconds of the stream.
    rows = []
    for item in scored:
        for event in item.events(words, rules):
            times = [f"{event.time_s:.3f}", f"{event.start_s:.3f}"]
            answer = [event.label, f"{event.probability:.4f}"]
            rows.append([item.stream.path.name, *times, *answer])
    write_csv(path, [_EVENT_COLUMNS, *rows])


def write_curve(path: Path, curve: Sequence[CurvePoint]) -> None:
    """Write a CSV with one row per set of rules, and draw the best of them as a .png beside it."""
    write_csv(path, [_CURVE_COLUMNS, *map(_curve_row, curve)])
    lines = {}
    for smoothing_s in dict.fromkeys(point.rules.smoothing_s for point in curve):
        own = [point.result for point in curve if point.rules.smoothing_s == smoothing_s]
        lines[f"smoothing {smoothing_s:g} s"] = best_points(own)
    draw_false_alarms(path.with_suffix(".png"), lines)


def best_points(results: Sequence[StreamResult]) -> list[tuple[float, float]]:
    """Return (recall, false alarms an hour) of the results that no other one surpasses in both."""
    points: list[tuple[float, float]] = []
    for result in sorted(results, key=lambda one: (one.num_false, -one.num_right)):
        if not points or result.recall > points[-1][0]:
            points.append((result.recall, result.false_alarms_per_hour))
    return points


def _curve_row(point: CurvePoint) -> list[str]:
    rules, result = point.rules, point.result
    # In the order of the columns.
    shares = [f"{value:.4f}" for value in (result.recall, result.precision, result.f1)]
    counts = [str(result.num_false), f"{result.false_alarms_per_hour:.2f}", str(result.num_double)]
    tried = (rules.smoothing_s, rules.onset, rules.release, rules.hold_s, rules.rearm_s)
    return [*(f"{value:g}" for value in tried), *shares, *counts]


def summary_lines(result: StreamResult) -> list[str]:
    """Return the result in three lines for people: events, false alarms, delays."""
    # Median and 95th percentile of the delays from both ends of a gesture.
    low, high = result.false_alarms_interval
    delays = result.delays_from_start_s, result.delays_from_end_s
    median, late = ([percentile(values, share) for values in delays] for share in (0.5, 0.95))

    return [
        f"{result.num_gestures} gestures: {result.num_right} right, {result.num_wrong} wrong, "
        f"{result.num_double} double; F1 {100 * result.f1:.1f} %, "
        f"precision {100 * result.precision:.1f} %, recall {100 * result.recall:.1f} %, "
        f"Levenshtein accuracy {100 * result.levenshtein_accuracy:.1f} %",
        f"{result.num_false} false alarms in {result.rest_s / 60:.1f} minutes without gestures: "
        f"{result.false_alarms_per_hour:.1f} an hour (95 % interval {low:.1f} to {high:.1f})",
        f"decided {median[0]:.2f} s after the start (p95 {late[0]:.2f}), "
        f"{median[1]:+.2f} s after the end (p95 {late[1]:+.2f})",
    ]


def stream_metrics(
    scored: Sequence[ScoredStream], labels: Sequence[str], result: StreamResult
) -> list[Metric]:
    """Return the metrics of the streams, for metrics.yaml."""
    # How early the label is right, apart from any decision.
    seen = [_seen_metric(share, seen_accuracy(scored, labels, share)) for share in SEEN_SHARES]
    return [*_event_metrics(result), *_false_alarm_metrics(result), *_delay_metrics(result), *seen]


def seen_accuracy(scored: Sequence[ScoredStream], labels: Sequence[str], share: float) -> float:
    """Return the share of gestures whose label is right when that share of them has been seen.

    The label is the most probable one. Both shares are 0..1. The result is nan without gestures.
    """
    # Counts are summed over the streams before they are divided.
    hits = total = 0
    for item in scored:
        answers = [labels[i] for i in item.chances.argmax(axis=1)]
        in_stream = seen_hits(item.timeline.gestures, item.times_s, answers, share)
        hits, total = hits + in_stream[0], total + in_stream[1]
    return hits / total if total else float("nan")


def _event_metrics(result: StreamResult) -> list[Metric]:
    levenshtein = _percent(result.levenshtein_accuracy)
    return [
        Metric("stream_f1", "Event F1", "%", _percent(result.f1)),
        Metric("stream_precision", "Event precision", "%", _percent(result.precision)),
        Metric("stream_recall", "Event recall", "%", _percent(result.recall)),
        Metric("stream_levenshtein_accuracy", "Levenshtein accuracy", "%", levenshtein),
        Metric("stream_double_fires", "Double fires", "", result.num_double),
    ]


def _false_alarm_metrics(result: StreamResult) -> list[Metric]:
    # The rate is over the time in which a false alarm can occur.
    low, high = (_finite(bound) for bound in result.false_alarms_interval)
    rest_min, per_hour = round(result.rest_s / 60, 2), _finite(result.false_alarms_per_hour)
    return [
        Metric("stream_false_alarms", "False alarms", "", result.num_false),
        Metric("stream_rest_minutes", "Time without gestures", "min", rest_min),
        Metric("stream_false_alarms_per_hour", "False alarms per hour", "1/h", per_hour),
        Metric("stream_false_alarms_per_hour_low", "its 95 % interval from", "1/h", low),
        Metric("stream_false_alarms_per_hour_high", "its 95 % interval to", "1/h", high),
    ]


def _delay_metrics(result: StreamResult) -> list[Metric]:
    delays = {"start": result.delays_from_start_s, "end": result.delays_from_end_s}
    metrics = []

    # Start before end, median before 95th percentile.
    for end, values_s in delays.items():
        for name, share in (("median", 0.5), ("p95", 0.95)):
            key, title = f"stream_delay_from_{end}_{name}", f"{end.title()} to decision, {name}"
            metrics.append(Metric(key, title, "s", _finite(percentile(values_s, share))))
    return metrics


def _seen_metric(share: float, accuracy: float) -> Metric:
    key = f"stream_accuracy_seen_{round(100 * share)}"
    return Metric(key, f"Label right when {share:.0%} is seen", "%", _percent(accuracy))


def _percent(share: float) -> float | None:
    return _finite(100 * share)


def _finite(value: float) -> float | None:
    """Round to three digits. Return None for nan, which metrics.yaml cannot show."""
    return round(value, 3) if np.isfinite(value) else None

"""`eval.py --stream`: a model over annotated streams, as the demo runs it, measured by its events."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from action_recognition.data.stream_files import read_streams
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.stream_models import as_stream_model
from action_recognition.errors import user_error
from action_recognition.evaluation.evaluate_clips import describe_file
from action_recognition.evaluation.event_metrics import (
    SEEN_SHARES,
    Decision,
    StreamResult,
    percentile,
    score_stream,
    seen_hits,
)
from action_recognition.evaluation.report import Metric, update_metrics_file
from action_recognition.evaluation.stream_scores import (
    SCORES_FOLDER,
    ScoredStream,
    StoredScores,
    score_streams,
)
from action_recognition.live.decision import DecisionRules, Vocabulary, read_rules, write_rules
from action_recognition.live.hand_region import trained_region
from action_recognition.plots import draw_false_alarms

ONSETS = (*(round(0.1 + 0.05 * i, 2) for i in range(18)), 0.97, 0.98, 0.99)
SMOOTHINGS_S = (0.0, 0.2, 0.5)
RELEASE_SHARES = (0.3, 0.6)  # of the onset
_print_now = partial(print, flush=True)


@dataclass(frozen=True, kw_only=True)
class StreamEvalOptions:
    """The flags of `eval.py --stream`."""

    load_weights: Path
    test_ann_files: Sequence[Path]
    test_data_roots: Sequence[Path]
    save_metrics_to: Path
    save_output_to: Path | None = None
    hand_detector: Path | None = None
    decision: Path | None = None
    choose_decision: Path | None = None
    max_false_alarms: float | None = None
    tolerance: float = 1.0


@dataclass(frozen=True)
class CurvePoint:
    """What the streams give with one set of rules."""

    rules: DecisionRules
    result: StreamResult


def evaluate_streams(
    options: StreamEvalOptions, say: Callable[[str], None] = _print_now
) -> StreamResult:
    """Run the model over the streams, or take what it said of them before.

    Writes metrics.yaml, stream_events.csv, stream_curve.csv and .png, and the rules that were asked for.
    With `choose_decision` the rules are chosen on these streams, which must then not be the ones that are reported.
    """
    model = as_stream_model(load_backend(options.load_weights))
    metadata = model.metadata
    streams = read_streams(
        options.test_ann_files, options.test_data_roots, metadata.labels, metadata.negative_label
    )
    words = Vocabulary.of(metadata)
    rules = read_rules(options.decision) if options.decision else DecisionRules()
    folder = options.save_output_to or options.save_metrics_to.parent
    stored = StoredScores(folder / SCORES_FOLDER, options.load_weights, options.hand_detector)
    scored = score_streams(
        model,
        trained_region(metadata, options.hand_detector, "--hand-detector"),
        streams,
        stored,
        say,
    )
    curve = curve_of(scored, words, rules, options.tolerance)
    if options.choose_decision:
        rules = chosen_rules(curve, options.max_false_alarms)
        write_rules(options.choose_decision, rules)
        say(
            f"chosen on these streams: onset {rules.onset:g}, smoothing {rules.smoothing_s:g} s; wrote {options.choose_decision}"
        )
    result = result_of(scored, words, rules, options.tolerance)
    _write(options, scored, words, rules, curve, result)
    for line in summary_lines(result):
        say(line)
    return result


def result_of(
    scored: Sequence[ScoredStream], words: Vocabulary, rules: DecisionRules, tolerance_s: float
) -> StreamResult:
    """All streams together."""
    total = StreamResult()
    for item in scored:
        total += score_stream(
            item.timeline,
            [Decision(event.label, event.time_s) for event in item.events(words, rules)],
            tolerance_s,
        )
    return total


def curve_of(
    scored: Sequence[ScoredStream], words: Vocabulary, rules: DecisionRules, tolerance_s: float
) -> list[CurvePoint]:
    """Every onset with every smoothing and every share of it as release; all else is as in `rules`."""
    tried = [
        replace(rules, onset=onset, release=round(onset * share, 4), smoothing_s=smoothing_s)
        for smoothing_s in SMOOTHINGS_S
        for share in RELEASE_SHARES
        for onset in ONSETS
    ]
    return [CurvePoint(item, result_of(scored, words, item, tolerance_s)) for item in tried]


def chosen_rules(
    curve: Sequence[CurvePoint], max_false_alarms_per_hour: float | None
) -> DecisionRules:
    """The rules of the highest F1 among those with few enough false alarms; of equal ones those with the fewest, and fewest double fires.

    A `UserError` says where no rule has few enough, and how few there can be.
    """
    fitting = [
        point
        for point in curve
        if max_false_alarms_per_hour is None
        or not point.result.false_alarms_per_hour > max_false_alarms_per_hour
    ]
    if not fitting:
        least = min(point.result.false_alarms_per_hour for point in curve)
        raise user_error(
            "--max-false-alarms",
            f"no thresholds give {max_false_alarms_per_hour:g} an hour",
            f"{least:.1f} or more",
        )
    return max(
        fitting,
        key=lambda point: (
            point.result.f1,
            -point.result.num_false,
            -point.result.num_double,
            point.rules.onset,
        ),
    ).rules


def seen_accuracy(scored: Sequence[ScoredStream], labels: Sequence[str], share: float) -> float:
    """Share of the gestures (0..1) whose most probable label is right when that share of them was seen."""
    pairs = [
        seen_hits(
            item.timeline.gestures,
            item.times_s,
            [labels[i] for i in item.chances.argmax(axis=1)],
            share,
        )
        for item in scored
    ]
    hits, total = (sum(numbers) for numbers in zip(*pairs, strict=True))
    return hits / total if total else float("nan")


def summary_lines(result: StreamResult) -> list[str]:
    """For people."""
    low, high = result.false_alarms_interval
    delays = result.delays_from_start_s, result.delays_from_end_s
    median, late = ([percentile(values, share) for values in delays] for share in (0.5, 0.95))
    return [
        f"{result.num_gestures} gestures: {result.num_right} right, {result.num_wrong} wrong, {result.num_double} double; "
        f"F1 {100 * result.f1:.1f} %, precision {100 * result.precision:.1f} %, recall {100 * result.recall:.1f} %, "
        f"Levenshtein accuracy {100 * result.levenshtein_accuracy:.1f} %",
        f"{result.num_false} false alarms in {result.rest_s / 60:.1f} minutes without gestures: {result.false_alarms_per_hour:.1f} an hour "
        f"(95 % interval {low:.1f} to {high:.1f})",
        f"decided {median[0]:.2f} s after the start (p95 {late[0]:.2f}), {median[1]:+.2f} s after the end (p95 {late[1]:+.2f})",
    ]


def _write(
    options: StreamEvalOptions,
    scored: Sequence[ScoredStream],
    words: Vocabulary,
    rules: DecisionRules,
    curve: Sequence[CurvePoint],
    result: StreamResult,
) -> None:
    folder = options.save_output_to or options.save_metrics_to.parent
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        [
            item.stream.path.name,
            f"{event.time_s:.3f}",
            f"{event.start_s:.3f}",
            event.label,
            f"{event.probability:.4f}",
        ]
        for item in scored
        for event in item.events(words, rules)
    ]
    _write_csv(
        folder / "stream_events.csv",
        [["stream", "time_s", "start_s", "label", "probability"], *rows],
    )
    _write_csv(folder / "stream_curve.csv", [_CURVE_COLUMNS, *map(_curve_row, curve)])
    points: dict[str, list[tuple[float, float]]] = {}
    for point in curve:
        name = f"smoothing {point.rules.smoothing_s:g} s, release {point.rules.release / point.rules.onset:.1f} x onset"
        points.setdefault(name, []).append(
            (point.result.recall, point.result.false_alarms_per_hour)
        )
    draw_false_alarms(folder / "stream_curve.png", points)
    seen = [
        _seen_metric(share, seen_accuracy(scored, words.labels, share)) for share in SEEN_SHARES
    ]
    update_metrics_file(
        options.save_metrics_to, [*_metrics(result), *seen], describe_file(options.load_weights)
    )
    print(
        f"saved: {options.save_metrics_to}, stream_events.csv, stream_curve.csv, stream_curve.png"
    )


def _metrics(result: StreamResult) -> list[Metric]:
    low, high = result.false_alarms_interval
    from_start, from_end = result.delays_from_start_s, result.delays_from_end_s
    return [
        Metric("stream_f1", "Event F1", "%", _percent(result.f1)),
        Metric("stream_precision", "Event precision", "%", _percent(result.precision)),
        Metric("stream_recall", "Event recall", "%", _percent(result.recall)),
        Metric(
            "stream_levenshtein_accuracy",
            "Levenshtein accuracy",
            "%",
            _percent(result.levenshtein_accuracy),
        ),
        Metric("stream_double_fires", "Double fires", "", result.num_double),
        Metric("stream_false_alarms", "False alarms", "", result.num_false),
        Metric("stream_rest_minutes", "Time without gestures", "min", round(result.rest_s / 60, 2)),
        Metric(
            "stream_false_alarms_per_hour",
            "False alarms per hour",
            "1/h",
            _finite(result.false_alarms_per_hour),
        ),
        Metric("stream_false_alarms_per_hour_low", "its 95 % interval from", "1/h", _finite(low)),
        Metric("stream_false_alarms_per_hour_high", "its 95 % interval to", "1/h", _finite(high)),
        Metric(
            "stream_delay_from_start_median",
            "Start to decision, median",
            "s",
            _finite(percentile(from_start, 0.5)),
        ),
        Metric(
            "stream_delay_from_start_p95",
            "Start to decision, p95",
            "s",
            _finite(percentile(from_start, 0.95)),
        ),
        Metric(
            "stream_delay_from_end_median",
            "End to decision, median",
            "s",
            _finite(percentile(from_end, 0.5)),
        ),
        Metric(
            "stream_delay_from_end_p95",
            "End to decision, p95",
            "s",
            _finite(percentile(from_end, 0.95)),
        ),
    ]


def _seen_metric(share: float, accuracy: float) -> Metric:
    return Metric(
        f"stream_accuracy_seen_{round(100 * share)}",
        f"Label right when {share:.0%} is seen",
        "%",
        _percent(accuracy),
    )


_CURVE_COLUMNS = [
    "smoothing_s",
    "onset",
    "release",
    "recall",
    "precision",
    "f1",
    "false_alarms",
    "false_alarms_per_hour",
    "double_fires",
]


def _curve_row(point: CurvePoint) -> list[str]:
    rules, result = point.rules, point.result
    shares = [f"{value:.4f}" for value in (result.recall, result.precision, result.f1)]
    counts = [str(result.num_false), f"{result.false_alarms_per_hour:.2f}", str(result.num_double)]
    return [f"{rules.smoothing_s:g}", f"{rules.onset:g}", f"{rules.release:g}", *shares, *counts]


def _write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    partial.replace(path)


def _percent(share: float) -> float | None:
    return _finite(100 * share)


def _finite(value: float) -> float | None:
    return round(value, 3) if np.isfinite(value) else None

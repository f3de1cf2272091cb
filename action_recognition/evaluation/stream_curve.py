"""Trying rules of decision on scored streams: a curve of results, and the best rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from action_recognition.errors import user_error
from action_recognition.evaluation.event_metrics import Decision, score_stream
from action_recognition.evaluation.stream_result import StreamResult
from action_recognition.evaluation.stream_scores import ScoredStream
from action_recognition.live.decision import DecisionRules, Vocabulary

# Thresholds from 0.1 to 0.95 in steps of 0.05, and finer ones at the top.
ONSETS = (*(round(0.1 + 0.05 * i, 2) for i in range(18)), 0.97, 0.98, 0.99)
SMOOTHINGS_S = (0.0, 0.2, 0.5)
# Shares of the onset.
RELEASE_SHARES = (0.3, 0.6)


@dataclass(frozen=True)
class CurvePoint:
    """The result of the streams with one set of rules."""

    rules: DecisionRules
    result: StreamResult


def result_of(
    scored: Sequence[ScoredStream], words: Vocabulary, rules: DecisionRules, tolerance_s: float
) -> StreamResult:
    """Return the result of all streams together."""
    total = StreamResult()
    for item in scored:
        events = item.events(words, rules)
        # Metrics take the label and the time of an event only.
        decisions = [Decision(event.label, event.time_s) for event in events]
        total += score_stream(item.timeline, decisions, tolerance_s)
    return total


def curve_of(
    scored: Sequence[ScoredStream], words: Vocabulary, rules: DecisionRules, tolerance_s: float
) -> list[CurvePoint]:
    """Try every onset with every smoothing and every release. Everything else is as in `rules`."""
    # A release is a share of its onset, so it never exceeds it.
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
    """Return the rules of the highest F1 among those with few enough false alarms.

    Of equal ones it takes those with the fewest false alarms, then with the fewest double fires,
    then with the highest onset.

    Raises UserError: no rules have few enough. The message states how few there can be.
    """
    # Without a limit every point fits.
    limit, fitting = max_false_alarms_per_hour, list(curve)
    if limit is not None:
        # `not >` keeps the points whose rate is nan, for lack of rest.
        fitting = [point for point in curve if not point.result.false_alarms_per_hour > limit]

    # The message tells the least that these streams allow.
    if not fitting:
        least = min(point.result.false_alarms_per_hour for point in curve)
        found = f"no thresholds give {limit:g} an hour"
        raise user_error("--max-false-alarms", found, f"{least:.1f} or more")
    return max(fitting, key=_rank).rules


def _rank(point: CurvePoint) -> tuple[float, ...]:
    """Return the order of preference. The highest is best."""
    result = point.result
    return result.f1, -result.num_false, -result.num_double, point.rules.onset

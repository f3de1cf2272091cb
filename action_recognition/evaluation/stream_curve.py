"""Trying rules of decision on scored streams: a curve of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from action_recognition.evaluation.decision_table import DecisionTable
from action_recognition.evaluation.event_metrics import score_stream
from action_recognition.evaluation.stream_result import StreamResult
from action_recognition.live.decision_rules import DecisionRules

# Thresholds from 0.1 to 0.95 in steps of 0.05, and finer ones at the top.
ONSETS = (*(round(0.1 + 0.05 * i, 2) for i in range(18)), 0.97, 0.98, 0.99)
SMOOTHINGS_S = (0.0, 0.2, 0.5)
# Shares of the onset.
RELEASE_SHARES = (0.3, 0.6)
HOLDS_S = (0.0, 0.2, 0.4)
REARMS_S = (0.0, 0.2)


@dataclass(frozen=True)
class CurvePoint:
    """The result of the streams with one set of rules."""

    rules: DecisionRules
    result: StreamResult


def result_of(
    tables: Sequence[DecisionTable], rules: DecisionRules, tolerance_s: float
) -> StreamResult:
    """Return the result of all streams together."""
    total = StreamResult()
    for table in tables:
        total += score_stream(table.scored.timeline, table.decisions(rules), tolerance_s)
    return total


def curve_of(
    tables: Sequence[DecisionTable], rules: DecisionRules, tolerance_s: float
) -> list[CurvePoint]:
    """Try every onset, smoothing, release, hold and rearming. The rest is as in `rules`."""
    # A release is a share of its onset, so it never exceeds it.
    tried = [
        replace(
            rules,
            onset=onset,
            release=round(onset * share, 4),
            smoothing_s=smoothing_s,
            hold_s=hold_s,
            rearm_s=rearm_s,
            onsets={},
            holds_s={},
        )
        for smoothing_s in SMOOTHINGS_S
        for share in RELEASE_SHARES
        for hold_s in HOLDS_S
        for rearm_s in REARMS_S
        for onset in ONSETS
    ]
    return [CurvePoint(item, result_of(tables, item, tolerance_s)) for item in tried]


def rank(point: CurvePoint) -> tuple[float, ...]:
    """Return the order of preference: the highest F1 is best.

    Of equal ones it is the one with the fewest false alarms, then with the fewest double fires,
    then the earliest, then the one with the highest onset.
    """
    result = point.result
    delay_s = sum(result.delays_from_start_s) / max(1, result.num_right)
    return result.f1, -result.num_false, -result.num_double, -delay_s, point.rules.onset

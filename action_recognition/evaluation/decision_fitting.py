"""Fitting of the decision on validation streams: values for all labels, then for single ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from action_recognition.console import say
from action_recognition.errors import user_error
from action_recognition.evaluation.decision_table import DecisionTable
from action_recognition.evaluation.stream_curve import ONSETS, CurvePoint, rank, result_of
from action_recognition.evaluation.stream_result import StreamResult, poisson_interval
from action_recognition.live.decision_rules import DecisionRules, Vocabulary

# Of the rules for all labels, so many are refined.
_NUM_STARTS: Final = 4
_LABEL_HOLDS_S: Final = (0.2, 0.4, 0.6)
_FLAG: Final = "--max-false-alarms-per-hour"


def fitted_rules(
    tables: Sequence[DecisionTable],
    words: Vocabulary,
    curve: Sequence[CurvePoint],
    max_per_hour: float | None,
    tolerance_s: float,
) -> CurvePoint:
    """Return the rules of the highest F1 among those with few enough false alarms an hour.

    The best rules for all labels are refined: each label gets a higher onset and a longer hold of
    its own where that raises the F1, or lowers the false alarms at the same F1. Lower ones are not
    tried: a label has few validation clips, and on other people they gave false alarms.
    Raises UserError: no rules have few enough. The message states how few there can be.
    """
    fit = _Fit(tables, words, max_per_hour, tolerance_s)
    # Two rules often give the very same events: they are refined once.
    starts: dict[tuple[float, ...], CurvePoint] = {}
    for point in sorted(curve, key=fit.rank, reverse=True):
        starts.setdefault(fit.rank(point)[:4], point)
    refined = [fit.refined(point) for point in list(starts.values())[:_NUM_STARTS]]

    best = max(refined, key=fit.rank)
    if not fit.is_allowed(best.result):
        least = min(point.result.false_alarms_per_hour for point in [*curve, *refined])
        raise user_error(_FLAG, f"no rules give {max_per_hour:g} an hour", f"{least:.1f} or more")
    return best


class _Fit:
    """The streams and the limit that rules are fitted to."""

    def __init__(
        self,
        tables: Sequence[DecisionTable],
        words: Vocabulary,
        max_per_hour: float | None,
        tolerance_s: float,
    ) -> None:
        self._tables, self._tolerance_s = tables, tolerance_s
        self._labels = [name for name in words.labels if name not in words.negatives]
        self._limit = max_per_hour

    def is_allowed(self, result: StreamResult) -> bool:
        """Return True for few enough false alarms, or without a time in which any can occur."""
        return self._limit is None or not result.false_alarms_per_hour > self._limit

    def rank(self, point: CurvePoint) -> tuple[float, ...]:
        """Return the order of preference. What is not allowed comes last, fewest alarms first."""
        if self.is_allowed(point.result):
            return (1.0, *rank(point))
        return (0.0, -point.result.num_false, *rank(point))

    def refined(self, point: CurvePoint) -> CurvePoint:
        """Return the rules with values of single labels, one label after another."""
        for label in self._labels:
            onsets = [onset for onset in ONSETS if onset > point.rules.onset]
            rules = point.rules
            point = self._best(
                point,
                [replace(rules, onsets={**rules.onsets, label: onset}) for onset in onsets],
            )
        for label in self._labels:
            rules = point.rules
            holds_s = [hold_s for hold_s in _LABEL_HOLDS_S if hold_s > rules.hold_s]
            point = self._best(
                point,
                [replace(rules, holds_s={**rules.holds_s, label: hold_s}) for hold_s in holds_s],
            )
        return point

    def _best(self, point: CurvePoint, tried: Sequence[DecisionRules]) -> CurvePoint:
        """Return `point`, or a better one of these rules."""
        results = [result_of(self._tables, rules, self._tolerance_s) for rules in tried]
        others = [CurvePoint(*pair) for pair in zip(tried, results, strict=True)]
        return max([point, *others], key=self.rank)


def say_promise(result: StreamResult, max_per_hour: float | None) -> None:
    """Print what the false alarms on these streams promise, and what they do not."""
    low, high = result.false_alarms_interval
    hours = result.rest_s / 3600
    say(
        f"on these streams {result.num_false} false alarms in {hours:.2f} hours without gestures: "
        f"{low:.1f} to {high:.1f} an hour (95 %, Poisson)"
    )
    if max_per_hour is None or high <= max_per_hour:
        return
    # Without an alarm the upper bound falls with the hours alone.
    needed_hours = poisson_interval(0)[1] / max_per_hour
    say(
        f"note: so few hours do not promise {max_per_hour:g} an hour: up to {high:.1f} are "
        f"possible. It takes {needed_hours:.1f} hours of streams, without an alarm in them"
    )

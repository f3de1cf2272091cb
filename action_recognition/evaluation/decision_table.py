"""The decision over a whole stream at once, for trying hundreds of rules.

It gives the events of `live.decision.decide`, row by row of which takes too long for hours of
streams. Only rows in which a gesture may begin are looked at one by one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from action_recognition.evaluation.event_metrics import Decision
from action_recognition.evaluation.stream_scores import ScoredStream
from action_recognition.live.decision import decide
from action_recognition.live.decision_rules import DecisionRules, Vocabulary

_ROUNDING_S = 1e-6
Floats = npt.NDArray[np.float64]


class DecisionTable:
    """A scored stream, with its probabilities smoothed once for each `smoothing_s`."""

    def __init__(self, scored: ScoredStream, words: Vocabulary) -> None:
        self.scored, self.words = scored, words
        self._times_s = scored.times_s[scored.is_warm]
        self._chances = scored.chances[scored.is_warm]
        self._longest_s = float(np.diff(self._times_s).max(initial=0.0))
        self._runs_back = bool((np.diff(self._times_s) < 0).any())
        self._smoothed: dict[float, Floats] = {}

    def decisions(self, rules: DecisionRules) -> list[Decision]:
        """Return label and time of every event."""
        if self._longest_s > rules.gap_s or self._runs_back:
            # The decision starts again within the stream.
            rows = zip(self._times_s.tolist(), self._chances, strict=True)
            return [Decision(item.label, item.time_s) for item in decide(rows, self.words, rules)]
        if not len(self._times_s):
            return []
        return self._quick(self._smooth(rules.smoothing_s), rules)

    def _smooth(self, smoothing_s: float) -> Floats:
        """Return the smoothed probabilities (R, C), as the decision computes them."""
        found = self._smoothed.get(smoothing_s)
        if found is not None:
            return found
        found = self._chances.copy()
        if smoothing_s > 0:
            weights = -np.expm1(-np.diff(self._times_s) / smoothing_s)
            for row, weight in enumerate(weights.tolist(), start=1):
                before = found[row - 1]
                found[row] = before + weight * (found[row] - before)
        self._smoothed[smoothing_s] = found
        return found

    def _quick(self, smoothed: Floats, rules: DecisionRules) -> list[Decision]:
        best = smoothed.argmax(axis=1)
        rows = np.arange(len(best))
        onsets, holds_s = self.words.onsets(rules), self.words.holds_s(rules)
        may_begin = np.flatnonzero(smoothed[rows, best] >= onsets[best])
        memory = _Memory(self._times_s, smoothed, self.words, rules)

        found = []
        for row in may_begin.tolist():
            label = int(best[row])
            if memory.is_due(row, label, holds_s[label]):
                found.append(Decision(self.words.labels[label], float(self._times_s[row])))
        return found


class _Memory:
    """The state of the decision between rows in which a gesture may begin."""

    def __init__(
        self, times_s: Floats, smoothed: Floats, words: Vocabulary, rules: DecisionRules
    ) -> None:
        self._times_s, self._smoothed, self._rules = times_s, smoothed, rules
        self._rested = _rested_rows(times_s, smoothed[:, words.is_gesture], rules)
        self._active, self._event_row, self._event_s = -1, -1, -math.inf
        self._candidate, self._candidate_s, self._last_row = -1, -math.inf, -2

    def is_due(self, row: int, label: int, hold_s: float) -> bool:
        """Take a row in which `label` is the best one and probable enough: does it fire?"""
        if self._active == label and not self._has_ended(row):
            # As in the decision, the active label is no candidate.
            self._candidate = -1
            return False
        time_s = float(self._times_s[row])
        if label != self._candidate or row != self._last_row + 1:
            self._candidate, self._candidate_s = label, time_s
        self._last_row = row

        held = time_s - self._candidate_s >= hold_s - _ROUNDING_S
        rested = time_s - self._event_s >= self._rules.refractory_s - _ROUNDING_S
        if not (held and rested and self._is_armed(row)):
            return False
        self._active, self._event_row, self._event_s = label, row, time_s
        self._candidate = -1
        return True

    def _has_ended(self, row: int) -> bool:
        since = self._smoothed[self._event_row + 1 : row + 1, self._active]
        return bool((since < self._rules.release).any())

    def _is_armed(self, row: int) -> bool:
        if self._rules.rearm_s == 0 or self._event_row < 0:
            return True
        # A rest that began before the event would have ended with it: the label was above.
        return bool(self._rested[self._event_row + 1 : row + 1].any())


def _rested_rows(times_s: Floats, gestures: Floats, rules: DecisionRules) -> npt.NDArray[np.bool_]:
    """Return True for each row (R,) up to which every gesture was below `release` long enough."""
    loud: npt.NDArray[np.bool_] = np.any(gestures >= rules.release, axis=1)
    # The row after the last loud one, for each row.
    rows = np.arange(len(loud))
    first = np.maximum.accumulate(np.where(loud, rows + 1, 0))
    quiet_s: Floats = times_s - times_s[np.minimum(first, len(loud) - 1)]
    rested: npt.NDArray[np.bool_] = ~loud & (quiet_s >= rules.rearm_s - _ROUNDING_S)
    return rested

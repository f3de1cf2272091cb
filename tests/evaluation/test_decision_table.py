"""The quick decision over whole streams gives the events of the decision row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from action_recognition.data.stream_files import AnnotatedStream
from action_recognition.evaluation.decision_table import DecisionTable
from action_recognition.evaluation.stream_scores import ScoredStream, timeline_of
from action_recognition.live.decision_rules import DecisionRules, Vocabulary

WORDS = Vocabulary(("wave", "swipe", "rest"), frozenset({"rest"}), {"swipe": 0.55})
RULES = [
    DecisionRules(smoothing_s=0.0),
    DecisionRules(onset=0.5, release=0.2, smoothing_s=0.2, hold_s=0.2, refractory_s=0.3),
    DecisionRules(onset=0.45, release=0.4, rearm_s=0.1, refractory_s=0.0, smoothing_s=0.1),
    DecisionRules(onset=0.5, release=0.3, rearm_s=0.4, onsets={"wave": 0.8}, holds_s={"wave": 0.3}),
    DecisionRules(gap_s=0.15, smoothing_s=0.0, refractory_s=0.0),
]


def random_stream(seed: int) -> ScoredStream:
    """Probabilities that wander from label to label, ten rows a second or so."""
    rng = np.random.default_rng(seed)
    logits = np.repeat(rng.normal(0, 2.5, (60, 3)), rng.integers(1, 12, 60), axis=0)
    logits = logits + rng.normal(0, 0.7, logits.shape)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    times_s = np.cumsum(rng.uniform(0.08, 0.12, len(chances)))
    times_s[len(times_s) // 2 :] += 0.1 * (seed % 2)
    stream = AnnotatedStream(Path("a.npz"), float(times_s[-1]), ())
    return ScoredStream(stream, timeline_of(stream), times_s, chances, times_s > 0.5)


@pytest.mark.parametrize("rules", RULES)
def test_the_events_are_those_of_the_decision(rules: DecisionRules) -> None:
    total = 0
    for seed in range(12):
        scored = random_stream(seed)
        expected = [(event.label, event.time_s) for event in scored.events(WORDS, rules)]
        found = DecisionTable(scored, WORDS).decisions(rules)
        assert [(item.label, item.time_s) for item in found] == expected
        total += len(expected)
    assert total > 50


def test_a_stream_without_rows_has_no_events() -> None:
    scored = random_stream(0)
    cold = ScoredStream(
        scored.stream, scored.timeline, scored.times_s, scored.chances, scored.times_s < 0
    )
    assert DecisionTable(cold, WORDS).decisions(RULES[0]) == []

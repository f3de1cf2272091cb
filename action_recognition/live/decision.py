"""The decision: from time-stamped scores to events, one event per gesture.

`gesture_chances` turns cosines into probabilities, all 0 where the scores say that there is no
gesture. `step` turns probabilities into events. Both are pure functions: every state is a value,
and nothing reads a clock. `evaluation.decision_table` has the same rules for whole streams at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.backends.protocol import Scores
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.scores import probabilities
from action_recognition.errors import user_error
from action_recognition.live.decision_rules import DecisionRules, Vocabulary

# Differences of time stamps have rounding errors.
_ROUNDING_S = 1e-6

Chances = npt.NDArray[np.float64]
"""Probabilities (C,), 0..1. They sum to 1, or to 0 if the scores are rejected as a whole."""


@dataclass(frozen=True, slots=True)
class GestureEvent:
    """One gesture, decided at `time_s`, with its smoothed probability at that time.

    At `start_s` the probability rose above the release threshold. `repetition` counts from 1.
    """

    time_s: float
    start_s: float
    label: str
    probability: float
    repetition: int = 1


@dataclass(frozen=True)
class DecisionState:
    """Memory from one row of scores to the next. A stream starts with `DecisionState()`.

    `active` is the label that has fired and has not ended. `candidate` is a label that waits for
    its hold. `rising_s` are the times when each label rose above the release threshold, nan if it
    has not.
    """

    smoothed: Chances | None = None
    time_s: float = -math.inf
    rising_s: Chances | None = None
    # Indices of labels.
    active: int | None = None
    candidate: int | None = None
    candidate_s: float = -math.inf
    # Since when every gesture is below `release`, infinity while one is not, and whether that has
    # lasted for `rearm_s` since the last event.
    quiet_s: float = math.inf
    is_armed: bool = True
    # The last event, which the next one may repeat.
    last_label: int | None = None
    last_event_s: float = -math.inf
    repetition: int = 0


def gesture_chances(scores: Scores, metadata: DeployMetadata, mirror: bool = False) -> Chances:
    """Compute the calibrated probabilities (C,) of the cosines (C,).

    All are 0 if the spread of the cosines is too small for any gesture of the model. With
    `mirror` the picture comes mirrored, so a gesture that looks like a label is its mirror image.
    """
    # Cosines that are nearly the same speak for none of the labels.
    if float(np.std(scores.astype(np.float64))) < metadata.spread_threshold:
        return np.zeros(len(scores))

    chances = probabilities(scores, metadata)
    return chances[mirror_order(metadata.labels, metadata.label_swaps)] if mirror else chances


def mirror_order(labels: Sequence[str], swaps: Mapping[str, str]) -> npt.NDArray[np.int64]:
    """Return for each label the index of the label that it looks like in a mirror (C,).

    A swap counts in both directions.

    >>> mirror_order(["left", "stop", "right"], {"left": "right"}).tolist()
    [2, 1, 0]
    """
    both = {**{other: one for one, other in swaps.items()}, **swaps}
    return np.array([labels.index(both.get(name, name)) for name in labels])


def check_mirror(metadata: DeployMetadata) -> None:
    """Raise a UserError if a model does not say which labels swap in a mirror."""
    if not metadata.label_swaps:
        fix = "leave --mirror out, or state flip.label_swaps in the template and export again"
        raise user_error(
            "--mirror",
            "the model does not say which labels swap in a mirror (label_swaps is empty)",
            fix=fix,
        )


def step(
    state: DecisionState,
    time_s: float,
    chances: Chances,
    vocabulary: Vocabulary,
    rules: DecisionRules,
) -> tuple[DecisionState, GestureEvent | None]:
    """Process the next row of a stream, at `time_s` with the probabilities `chances` (C,).

    Return the new state, and the event that the row completes, if any.
    """
    # After a gap, or if time goes back, the stream starts again.
    if not 0 <= time_s - state.time_s <= rules.gap_s:
        state = DecisionState()

    state = _released(_smoothed(state, time_s, chances, rules), rules)
    state = _armed(state, vocabulary, rules)
    best = _above_onset(state, vocabulary, rules)
    if best is None:
        return replace(state, candidate=None), None

    # A label has to stay the best one for its hold.
    if best != state.candidate:
        state = replace(state, candidate=best, candidate_s=time_s)
    held = time_s - state.candidate_s >= vocabulary.holds_s(rules)[best] - _ROUNDING_S
    rested = time_s - state.last_event_s >= rules.refractory_s - _ROUNDING_S
    is_due = held and rested and state.is_armed
    return _fired(state, best, vocabulary, rules) if is_due else (state, None)


def decide(
    rows: Iterable[tuple[float, Chances]], vocabulary: Vocabulary, rules: DecisionRules
) -> list[GestureEvent]:
    """Return the events of a whole table of (time in seconds, probabilities).

    >>> words = Vocabulary(("wave", "rest"), frozenset({"rest"}))
    >>> rows = [(0.1 * i, np.array([p, 1 - p])) for i, p in enumerate([0.1, 0.9, 0.9, 0.2, 0.1])]
    >>> found = decide(rows, words, DecisionRules(smoothing_s=0))
    >>> [(round(event.time_s, 1), event.label) for event in found]
    [(0.1, 'wave')]
    """
    state, events = DecisionState(), []
    for time_s, chances in rows:
        state, event = step(state, time_s, chances, vocabulary, rules)
        if event:
            events.append(event)
    return events


def _smoothed(
    state: DecisionState, time_s: float, chances: Chances, rules: DecisionRules
) -> DecisionState:
    """Return the state after the smoothing, with the times when the labels rose above `release`.

    The mean is exponential over time, not over rows, so that the rate of the scores does not
    matter.
    """
    smoothed = chances
    if state.smoothed is not None and rules.smoothing_s > 0:
        weight = 1 - math.exp(-(time_s - state.time_s) / rules.smoothing_s)
        smoothed = state.smoothed + weight * (chances - state.smoothed)

    # A label that stays above `release` keeps the time when it rose.
    before_s = np.full(len(chances), np.nan) if state.rising_s is None else state.rising_s
    since_s = np.where(np.isnan(before_s), time_s, before_s)
    rising_s = np.where(smoothed < rules.release, np.nan, since_s)
    return replace(state, smoothed=smoothed, time_s=time_s, rising_s=rising_s)


def _released(state: DecisionState, rules: DecisionRules) -> DecisionState:
    """End the active label if its smoothed probability is below `release`."""
    assert state.smoothed is not None
    over = state.active is not None and state.smoothed[state.active] < rules.release
    return replace(state, active=None) if over else state


def _armed(state: DecisionState, vocabulary: Vocabulary, rules: DecisionRules) -> DecisionState:
    """Return the state, armed again if all gestures have been below `release` for `rearm_s`."""
    assert state.smoothed is not None
    if (state.smoothed[vocabulary.is_gesture] >= rules.release).any():
        return replace(state, quiet_s=math.inf)
    quiet_s = min(state.quiet_s, state.time_s)
    is_rested = state.time_s - quiet_s >= rules.rearm_s - _ROUNDING_S
    return replace(state, quiet_s=quiet_s, is_armed=state.is_armed or is_rested)


def _above_onset(state: DecisionState, vocabulary: Vocabulary, rules: DecisionRules) -> int | None:
    """Return the most probable label if it may begin now, otherwise None.

    It may not if it is a negative, the active label, or not probable enough.
    """
    assert state.smoothed is not None
    best = int(np.argmax(state.smoothed))
    is_active = best == state.active
    is_unsure = state.smoothed[best] < vocabulary.onsets(rules)[best]
    return None if is_active or is_unsure else best


def _fired(
    state: DecisionState, best: int, vocabulary: Vocabulary, rules: DecisionRules
) -> tuple[DecisionState, GestureEvent]:
    """Return the state after the event of the label `best`, and the event."""
    assert state.smoothed is not None and state.rising_s is not None
    time_s, label = state.time_s, vocabulary.labels[best]
    is_again = best == state.last_label and time_s - state.last_event_s <= rules.again_s
    repetition = state.repetition + 1 if is_again else 1

    start_s, chance = float(state.rising_s[best]), float(state.smoothed[best])
    event = GestureEvent(time_s, start_s, label, chance, repetition)
    is_armed = rules.rearm_s == 0
    begun = replace(state, active=best, candidate=None, is_armed=is_armed)
    fired = replace(begun, last_label=best, last_event_s=time_s, repetition=repetition)
    return fired, event

"""From time-stamped scores to events: one event per gesture. Pure functions; every state is a value, nothing looks at a clock.

cosines -> `gesture_chances` (probabilities; nothing where the scores say that it is no gesture) -> `step` -> events
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.backends.protocol import Scores
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.scores import probabilities
from action_recognition.errors import Problem, UserError, user_error

_ROUNDING_S = 1e-6  # differences of time stamps are a little off

Chances = npt.NDArray[np.float64]
"""(C,) probabilities, 0..1; they sum to 1, or to 0 where the scores are rejected as a whole."""


@dataclass(frozen=True, kw_only=True)
class DecisionRules:
    """When a gesture begins, when it is over, and when the next may begin.

    A gesture begins when its smoothed probability has been at `onset` or above for `hold_s`, and at least `refractory_s` have passed
    since the last event; it is over below `release`, or when another begins. Between the two nothing fires (hysteresis). The same
    gesture within `again_s` of its last event is a repetition. `smoothing_s` is the time constant of the smoothing, 0 for none.
    Scores more than `gap_s` apart belong to different performances: everything starts anew.
    """

    onset: float = 0.6
    release: float = 0.35
    smoothing_s: float = 0.2
    hold_s: float = 0.0
    refractory_s: float = 0.7
    again_s: float = 3.0
    gap_s: float = 3.0

    def __post_init__(self) -> None:
        problems = [
            Problem(name, f"found {value!r}", "0 or more")
            for name, value in asdict(self).items()
            if not isinstance(value, int | float) or not 0 <= value < math.inf
        ]
        if not problems and not self.release < self.onset <= 1:
            found = f"found {self.onset} and {self.release}"
            problems = [Problem("onset, release", found, "release < onset <= 1")]
        if problems:
            raise UserError(problems)


@dataclass(frozen=True, slots=True)
class GestureEvent:
    """One gesture, decided at `time_s`; it rose above the release threshold at `start_s`. `repetition` counts from 1."""

    time_s: float
    start_s: float
    label: str
    probability: float
    repetition: int = 1


@dataclass(frozen=True)
class Vocabulary:
    """What the decision has to know of the labels: which mean no gesture, and the least probability of each."""

    labels: tuple[str, ...]
    negatives: frozenset[str] = frozenset()
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, metadata: DeployMetadata) -> Vocabulary:
        negative = metadata.negative_label
        negatives = frozenset() if negative is None else frozenset([negative])
        return cls(metadata.labels, negatives, metadata.thresholds)

    def onsets(self, rules: DecisionRules) -> Chances:
        """The onset threshold of each label (C,): the rules', or the model's own where that is higher; above 1 for a negative."""
        return np.array([self._onset(name, rules) for name in self.labels])

    def _onset(self, label: str, rules: DecisionRules) -> float:
        if label in self.negatives:
            return math.inf
        return max(rules.onset, self.thresholds.get(label, 0.0))


@dataclass(frozen=True)
class DecisionState:
    """What has to be remembered from one row of scores to the next; `DecisionState()` at the start of a stream.

    `active` is the label that has fired and is not over, `candidate` one that waits for `hold_s`. `rising_s` is when each label rose
    above the release threshold, nan where it has not.
    """

    smoothed: Chances | None = None
    time_s: float = -math.inf
    rising_s: Chances | None = None
    active: int | None = None
    candidate: int | None = None
    candidate_s: float = -math.inf
    last_label: int | None = None
    last_event_s: float = -math.inf
    repetition: int = 0


def gesture_chances(scores: Scores, metadata: DeployMetadata, mirror: bool = False) -> Chances:
    """Calibrated probabilities (C,) of the cosines (C,); all 0 where their spread is too small for any gesture of the model.

    `mirror`: the picture comes mirrored, so what looks like a label is its mirrored one.
    """
    if float(np.std(scores.astype(np.float64))) < metadata.spread_threshold:
        return np.zeros(len(scores))
    chances = probabilities(scores, metadata)
    return chances[mirror_order(metadata.labels, metadata.label_swaps)] if mirror else chances


def mirror_order(labels: Sequence[str], swaps: Mapping[str, str]) -> npt.NDArray[np.int64]:
    """For each label the place of the one that it looks like in a mirror (C,); a swap counts both ways.

    >>> mirror_order(["left", "stop", "right"], {"left": "right"}).tolist()
    [2, 1, 0]
    """
    both = {**{other: one for one, other in swaps.items()}, **swaps}
    return np.array([labels.index(both.get(name, name)) for name in labels])


def check_mirror(metadata: DeployMetadata) -> None:
    """A `UserError` where a model does not say which labels swap in a mirror."""
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
    """The next row of a stream: the new state, and the event that the row completes, if any."""
    if not 0 <= time_s - state.time_s <= rules.gap_s:
        state = DecisionState()
    state = _released(_smoothed(state, time_s, chances, rules), rules)
    best = _above_onset(state, vocabulary, rules)
    if best is None:
        return replace(state, candidate=None), None
    if best != state.candidate:
        state = replace(state, candidate=best, candidate_s=time_s)
    held = time_s - state.candidate_s >= rules.hold_s - _ROUNDING_S
    rested = time_s - state.last_event_s >= rules.refractory_s - _ROUNDING_S
    return _fired(state, best, vocabulary, rules) if held and rested else (state, None)


def decide(
    rows: Iterable[tuple[float, Chances]], vocabulary: Vocabulary, rules: DecisionRules
) -> list[GestureEvent]:
    """The events of a whole table of (time in seconds, probabilities).

    >>> words = Vocabulary(("wave", "rest"), frozenset({"rest"}))
    >>> rows = [(0.1 * i, np.array([p, 1 - p])) for i, p in enumerate([0.1, 0.9, 0.9, 0.2, 0.1])]
    >>> [(round(event.time_s, 1), event.label) for event in decide(rows, words, DecisionRules(smoothing_s=0))]
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
    """An exponential mean over time, not over rows, so that the rate of the scores does not matter."""
    smoothed = chances
    if state.smoothed is not None and rules.smoothing_s > 0:
        weight = 1 - math.exp(-(time_s - state.time_s) / rules.smoothing_s)
        smoothed = state.smoothed + weight * (chances - state.smoothed)

    before_s = np.full(len(chances), np.nan) if state.rising_s is None else state.rising_s
    since_s = np.where(np.isnan(before_s), time_s, before_s)
    rising_s = np.where(smoothed < rules.release, np.nan, since_s)
    return replace(state, smoothed=smoothed, time_s=time_s, rising_s=rising_s)


def _released(state: DecisionState, rules: DecisionRules) -> DecisionState:
    assert state.smoothed is not None
    over = state.active is not None and state.smoothed[state.active] < rules.release
    return replace(state, active=None) if over else state


def _above_onset(state: DecisionState, vocabulary: Vocabulary, rules: DecisionRules) -> int | None:
    """The most probable label, where it may begin now: no negative, not the one that is going on, sure enough."""
    assert state.smoothed is not None
    best = int(np.argmax(state.smoothed))
    is_active = best == state.active
    is_unsure = state.smoothed[best] < vocabulary.onsets(rules)[best]
    return None if is_active or is_unsure else best


def _fired(
    state: DecisionState, best: int, vocabulary: Vocabulary, rules: DecisionRules
) -> tuple[DecisionState, GestureEvent]:
    assert state.smoothed is not None and state.rising_s is not None
    time_s, label = state.time_s, vocabulary.labels[best]
    is_again = best == state.last_label and time_s - state.last_event_s <= rules.again_s
    repetition = state.repetition + 1 if is_again else 1

    start_s, chance = float(state.rising_s[best]), float(state.smoothed[best])
    event = GestureEvent(time_s, start_s, label, chance, repetition)
    begun = replace(state, active=best, candidate=None)
    fired = replace(begun, last_label=best, last_event_s=time_s, repetition=repetition)
    return fired, event

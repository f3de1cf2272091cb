"""How well decided events tell the gestures of a stream: pure functions over times and labels; every definition is in docs/live.md."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

SEEN_SHARES = (0.25, 0.5, 0.75, 1.0)
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Gesture:
    """A gesture that was made, from `start_s` to `end_s` of its stream."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """An event that was decided at `time_s`."""

    label: str
    time_s: float


@dataclass(frozen=True)
class Timeline:
    """One stream: how long it is, what was made in it, and stretches (start, end) in which nothing counts as a false alarm."""

    duration_s: float
    gestures: tuple[Gesture, ...]
    excluded_s: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class StreamResult:
    """What was right and wrong in streams; results of streams are added with `+`.

    `delays_from_start_s` and `delays_from_end_s` are those of the right decisions. `rest_s` is the time in which a false alarm can occur.
    """

    num_gestures: int = 0
    num_right: int = 0
    num_double: int = 0
    num_wrong: int = 0
    num_false: int = 0
    rest_s: float = 0.0
    edits: int = 0
    delays_from_start_s: tuple[float, ...] = field(default=())
    delays_from_end_s: tuple[float, ...] = field(default=())

    def __add__(self, other: StreamResult) -> StreamResult:
        names = self.__dataclass_fields__
        return StreamResult(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def num_decided(self) -> int:
        return self.num_right + self.num_double + self.num_wrong + self.num_false

    @property
    def precision(self) -> float:
        """Right decisions of all decisions, 0..1; 1 where nothing was decided."""
        return self.num_right / self.num_decided if self.num_decided else 1.0

    @property
    def recall(self) -> float:
        """Gestures with a right decision, 0..1; nan without gestures."""
        return self.num_right / self.num_gestures if self.num_gestures else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; nan without gestures."""
        if not self.num_gestures:
            return math.nan
        return 2 * self.num_right / (self.num_decided + self.num_gestures)

    @property
    def levenshtein_accuracy(self) -> float:
        """1 - edits / gestures, at least 0; nan without gestures.

        Source: Benitez-Garcia et al., IPN Hand (ICPR 2020), section IV, after Koepueklue et al., FG 2019.
        """
        return max(0.0, 1.0 - self.edits / self.num_gestures) if self.num_gestures else math.nan

    @property
    def false_alarms_per_hour(self) -> float:
        return self.num_false / self.rest_s * _SECONDS_PER_HOUR if self.rest_s else math.nan

    @property
    def false_alarms_interval(self) -> tuple[float, float]:
        """95 % interval of the false alarms per hour."""
        low, high = poisson_interval(self.num_false)
        return (
            (low / self.rest_s * _SECONDS_PER_HOUR, high / self.rest_s * _SECONDS_PER_HOUR)
            if self.rest_s
            else (math.nan, math.nan)
        )


def score_stream(
    timeline: Timeline, decisions: Sequence[Decision], tolerance_s: float
) -> StreamResult:
    """Each decision is one of right, double, wrong, false, or not counted.

    >>> wave = Timeline(60.0, (Gesture("wave", 10.0, 12.0),))
    >>> result = score_stream(wave, [Decision("wave", 11.5), Decision("wave", 12.4), Decision("wave", 30.0)], tolerance_s=0.5)
    >>> result.num_right, result.num_double, result.num_false, result.rest_s
    (1, 1, 1, 57.0)
    """
    matched = match(timeline.gestures, decisions, tolerance_s)
    kinds = [
        _kind(timeline, decision, number in matched.values(), tolerance_s)
        for number, decision in enumerate(decisions)
    ]
    counted = sorted(
        (item for item, kind in zip(decisions, kinds, strict=True) if kind != "excluded"),
        key=lambda item: item.time_s,
    )
    truth = [
        gesture.label for gesture in sorted(timeline.gestures, key=lambda gesture: gesture.start_s)
    ]
    pairs = [(timeline.gestures[gesture], decisions[number]) for gesture, number in matched.items()]
    return StreamResult(
        num_gestures=len(truth),
        num_right=kinds.count("right"),
        num_double=kinds.count("double"),
        num_wrong=kinds.count("wrong"),
        num_false=kinds.count("false"),
        rest_s=rest_time_s(timeline, tolerance_s),
        edits=edit_distance(truth, [decision.label for decision in counted]),
        delays_from_start_s=tuple(decision.time_s - gesture.start_s for gesture, decision in pairs),
        delays_from_end_s=tuple(decision.time_s - gesture.end_s for gesture, decision in pairs),
    )


def _kind(timeline: Timeline, decision: Decision, is_right: bool, tolerance_s: float) -> str:
    """What a decision is: right, or a second one of a gesture, or of another label than it, or made where nothing is."""
    around = [
        gesture for gesture in timeline.gestures if _holds(gesture, decision.time_s, tolerance_s)
    ]
    if is_right:
        return "right"
    if around:
        return "double" if any(gesture.label == decision.label for gesture in around) else "wrong"
    return (
        "excluded"
        if any(start_s <= decision.time_s <= end_s for start_s, end_s in timeline.excluded_s)
        else "false"
    )


def match(
    gestures: Sequence[Gesture], decisions: Sequence[Decision], tolerance_s: float
) -> dict[int, int]:
    """Gesture to decision, as many pairs as possible, each in one pair at most; both by number.

    A decision goes with a gesture of its label that it lies in, to within the tolerance at both ends. Earlier decisions choose first,
    and take the gesture that ends first: for points and stretches no other way finds more pairs.
    """
    found: dict[int, int] = {}
    for number in sorted(range(len(decisions)), key=lambda i: decisions[i].time_s):
        decision = decisions[number]
        fitting = [
            i
            for i, gesture in enumerate(gestures)
            if i not in found
            and gesture.label == decision.label
            and _holds(gesture, decision.time_s, tolerance_s)
        ]
        if fitting:
            found[min(fitting, key=lambda i: gestures[i].end_s)] = number
    return found


def rest_time_s(timeline: Timeline, tolerance_s: float) -> float:
    """Seconds of the stream outside of every gesture, widened by the tolerance, and of what is excluded."""
    taken = [
        (gesture.start_s - tolerance_s, gesture.end_s + tolerance_s)
        for gesture in timeline.gestures
    ] + list(timeline.excluded_s)
    rest_s, free_from_s = 0.0, 0.0
    for start_s, end_s in sorted(taken):
        rest_s += max(0.0, min(start_s, timeline.duration_s) - free_from_s)
        free_from_s = max(free_from_s, end_s)
    return rest_s + max(0.0, timeline.duration_s - free_from_s)


def edit_distance(truth: Sequence[str], found: Sequence[str]) -> int:
    """Levenshtein distance: fewest insertions, deletions and substitutions.

    >>> edit_distance(["wave", "stop", "wave"], ["wave", "wave", "wave", "go"])
    2
    """
    row = list(range(len(found) + 1))
    for i, wanted in enumerate(truth, start=1):
        diagonal, row[0] = row[0], i
        for j, label in enumerate(found, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != label))
    return row[-1]


def seen_hits(
    gestures: Iterable[Gesture],
    times_s: npt.NDArray[np.float64],
    labels: Sequence[str],
    share: float,
) -> tuple[int, int]:
    """Of how many gestures the most probable label is right when that share (0..1) of them was seen, and of how many there are.

    `labels` is the most probable label at each of `times_s`, ascending; it stands until the next. Before the first one nothing is right.
    """
    hits = total = 0
    for gesture in gestures:
        place = (
            int(
                np.searchsorted(
                    times_s, gesture.start_s + share * (gesture.end_s - gesture.start_s) + 1e-9
                )
            )
            - 1
        )
        hits += place >= 0 and times_s[place] >= gesture.start_s and labels[place] == gesture.label
        total += 1
    return hits, total


def percentile(values: Sequence[float], share: float) -> float:
    """With linear interpolation; nan without values."""
    return float(np.quantile(values, share)) if values else math.nan


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of the mean of a Poisson variable that was `count` once.

    Source: Garwood, Biometrika 28 (1936), 437-442.

    >>> [round(bound, 2) for bound in poisson_interval(0)], [round(bound, 2) for bound in poisson_interval(10)]
    ([0.0, 3.69], [4.8, 18.39])
    """
    tail = (1 - confidence) / 2
    low = (
        0.0
        if count == 0
        else _mean_where(lambda mean: 1 - _at_most(count - 1, mean) < tail, count + 1.0)
    )
    return low, _mean_where(
        lambda mean: _at_most(count, mean) > tail, count + 10 * math.sqrt(count + 1) + 20
    )


def _at_most(count: int, mean: float) -> float:
    """Probability that a Poisson variable is at most `count`."""
    if mean == 0:
        return 1.0
    return math.fsum(
        math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(count + 1)
    )


def _mean_where(is_below: Callable[[float], bool], highest: float) -> float:
    """The mean at which `is_below` becomes false, by bisection."""
    low, high = 0.0, highest
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def _holds(gesture: Gesture, time_s: float, tolerance_s: float) -> bool:
    return gesture.start_s - tolerance_s <= time_s <= gesture.end_s + tolerance_s

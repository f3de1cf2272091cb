"""Event metrics: the decided events of a stream, compared with its gestures.

These are pure functions over times and labels. Every definition is in docs/live.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from action_recognition.evaluation.stream_result import StreamResult

# Shares of a gesture after which its label is compared.
SEEN_SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Gesture:
    """A gesture from `start_s` to `end_s` of its stream."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """An event that was decided at `time_s` of its stream."""

    label: str
    time_s: float


@dataclass(frozen=True)
class Timeline:
    """The length and the gestures of one stream.

    `excluded_s` are stretches (start, end) in which nothing counts as a false alarm.
    """

    duration_s: float
    gestures: tuple[Gesture, ...]
    excluded_s: tuple[tuple[float, float], ...] = ()


def score_stream(
    timeline: Timeline, decisions: Sequence[Decision], tolerance_s: float
) -> StreamResult:
    """Count each decision as right, double, wrong or false, or leave it out as excluded.

    >>> wave = Timeline(60.0, (Gesture("wave", 10.0, 12.0),))
    >>> decisions = [Decision("wave", 11.5), Decision("wave", 12.4), Decision("wave", 30.0)]
    >>> result = score_stream(wave, decisions, tolerance_s=0.5)
    >>> result.num_right, result.num_double, result.num_false, result.rest_s
    (1, 1, 1, 57.0)
    """
    # The kind of every decision. What is excluded counts nowhere.
    matched = match(timeline.gestures, decisions, tolerance_s)
    right = set(matched.values())
    kinds = [
        _kind(timeline, decision, number in right, tolerance_s)
        for number, decision in enumerate(decisions)
    ]
    counted = [item for item, kind in zip(decisions, kinds, strict=True) if kind != "excluded"]

    # The right decisions with their gestures, for the delays.
    pairs = [(timeline.gestures[gesture], decisions[number]) for gesture, number in matched.items()]
    return StreamResult(
        num_gestures=len(timeline.gestures),
        num_right=kinds.count("right"),
        num_double=kinds.count("double"),
        num_wrong=kinds.count("wrong"),
        num_false=kinds.count("false"),
        rest_s=rest_time_s(timeline, tolerance_s),
        edits=_num_edits(timeline.gestures, counted),
        delays_from_start_s=tuple(decision.time_s - gesture.start_s for gesture, decision in pairs),
        delays_from_end_s=tuple(decision.time_s - gesture.end_s for gesture, decision in pairs),
    )


def _kind(timeline: Timeline, decision: Decision, is_right: bool, tolerance_s: float) -> str:
    """Return the kind of a decision.

    A double belongs to a gesture that has a decision already. A wrong one has another label than
    the gesture there. A false one was made where no gesture is, outside the excluded stretches.
    """
    if is_right:
        return "right"

    # The labels of the gestures around the decision.
    time_s = decision.time_s
    around = [item.label for item in timeline.gestures if _holds(item, time_s, tolerance_s)]
    if around:
        return "double" if decision.label in around else "wrong"

    # Nothing is there: a false alarm, but for the excluded stretches.
    is_excluded = any(start_s <= time_s <= end_s for start_s, end_s in timeline.excluded_s)
    return "excluded" if is_excluded else "false"


def _num_edits(gestures: Sequence[Gesture], decisions: Sequence[Decision]) -> int:
    """Return the edit distance between two sequences of labels, both in the order of time."""
    truth = sorted(gestures, key=lambda gesture: gesture.start_s)
    found = sorted(decisions, key=lambda decision: decision.time_s)
    return edit_distance([item.label for item in truth], [item.label for item in found])


def match(
    gestures: Sequence[Gesture], decisions: Sequence[Decision], tolerance_s: float
) -> dict[int, int]:
    """Pair gestures with decisions, as many as possible: the decision's number by the gesture's.

    Each is in one pair at most. A decision fits a gesture of its label that it lies in, to within
    the tolerance at both ends.

    Earlier decisions choose first, and take the gesture that ends first. For points and stretches
    no other way finds more pairs.
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
    """Return the seconds outside of all gestures, widened by the tolerance, and exclusions."""
    widened = [(item.start_s - tolerance_s, item.end_s + tolerance_s) for item in timeline.gestures]

    # Sweep over the stretches in the order of their starts. They may overlap.
    rest_s, free_from_s = 0.0, 0.0
    for start_s, end_s in sorted([*widened, *timeline.excluded_s]):
        rest_s += max(0.0, min(start_s, timeline.duration_s) - free_from_s)
        free_from_s = max(free_from_s, end_s)
    return rest_s + max(0.0, timeline.duration_s - free_from_s)


def edit_distance(truth: Sequence[str], found: Sequence[str]) -> int:
    """Return the Levenshtein distance: the fewest insertions, deletions and substitutions.

    >>> edit_distance(["wave", "stop", "wave"], ["wave", "wave", "wave", "go"])
    2
    """
    # One row of the table at a time. `diagonal` is the cell above the one on the left.
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
    """Count the gestures whose most probable label is right when that share (0..1) has been seen.

    Returns that number and the number of all gestures. `labels` holds the most probable label at
    each of `times_s`, ascending. It stands until the next one. Before the first one nothing is
    right.
    """
    hits = total = 0
    for gesture in gestures:
        # A row at the very moment counts, whatever rounding did to the two times.
        moment_s = gesture.start_s + share * (gesture.end_s - gesture.start_s) + 1e-9
        place = int(np.searchsorted(times_s, moment_s)) - 1

        # A row before the gesture says nothing about it.
        hits += place >= 0 and times_s[place] >= gesture.start_s and labels[place] == gesture.label
        total += 1
    return hits, total


def _holds(gesture: Gesture, time_s: float, tolerance_s: float) -> bool:
    """Return True for a time within a gesture, to within the tolerance at both ends."""
    return gesture.start_s - tolerance_s <= time_s <= gesture.end_s + tolerance_s

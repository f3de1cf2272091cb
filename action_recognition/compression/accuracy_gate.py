"""The accuracy gate: how many points INT8 loses, with an interval, and how many layers have to be given back; reads and writes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Hits = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.floating]
_Z_95 = 1.959964


@dataclass(frozen=True)
class Drop:
    """Top-1 of the same clips by two models, in points (%); `low` to `high` is the 95 % interval of the drop; agreement in %."""

    num_clips: int
    before: float
    after: float
    points: float
    low: float
    high: float
    agreement: float

    def as_plain(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.before:.2f} % to {self.after:.2f} %, drop {self.points:+.2f} points "
            f"(95 % interval {self.low:+.2f} to {self.high:+.2f}), same answer on {self.agreement:.1f} % of {self.num_clips} clips"
        )


def accuracy_drop(truth: npt.NDArray[np.integer], before: Scores, after: Scores) -> Drop:
    """Labels (N,), scores (N, C) of the model before and after; N >= 1.

    The interval is the adjusted Wald interval for paired shares: half a clip is added to each of the four cells.
    Source: Bonett and Price, Journal of Educational and Behavioral Statistics 37 (2012), 479-488.

    >>> truth = np.array([0, 0, 1, 1])
    >>> before = np.eye(2)[[0, 0, 1, 0]]
    >>> drop = accuracy_drop(truth, before, np.eye(2)[[0, 1, 1, 0]])
    >>> drop.before, drop.after, drop.points, drop.agreement
    (75.0, 50.0, 25.0, 75.0)
    """
    answers_before, answers_after = before.argmax(axis=1), after.argmax(axis=1)
    right_before, right_after = answers_before == truth, answers_after == truth
    count = len(truth)
    lost, won = (right_before & ~right_after).sum(), (~right_before & right_after).sum()
    share_lost, share_won = (lost + 0.5) / (count + 2), (won + 0.5) / (count + 2)
    centre = share_lost - share_won
    half = _Z_95 * math.sqrt((share_lost + share_won - centre**2) / (count + 2))
    return Drop(
        num_clips=count,
        before=100.0 * float(right_before.mean()),
        after=100.0 * float(right_after.mean()),
        points=100.0 * float(lost - won) / count,
        low=100.0 * (centre - half),
        high=100.0 * (centre + half),
        agreement=100.0 * float((answers_before == answers_after).mean()),
    )


def fold_of_clips(
    groups: npt.NDArray[np.integer], num_folds: int, seed: int
) -> npt.NDArray[np.int64]:
    """The fold (N,) of every clip: clips of a group stay together, folds hold about equally many clips; fewer groups, fewer folds.

    >>> fold = fold_of_clips(np.array([0, 0, 1, 2, 2, 3]), 2, seed=0)
    >>> fold[0] == fold[1], fold[3] == fold[4], np.bincount(fold).tolist()
    (np.True_, np.True_, [3, 3])
    """
    names, counts = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[
        np.argsort(-counts[order], kind="stable")
    ]  # large groups first, each into the fold that holds the fewest clips
    sizes = np.zeros(max(1, min(num_folds, len(names))), np.int64)
    fold = np.empty(len(names), np.int64)
    for group in order:
        fold[group] = int(sizes.argmin())
        sizes[fold[group]] += counts[group]
    return fold[np.searchsorted(names, groups)]


def levels(num_layers: int) -> list[int]:
    """How many layers to give back, one trial after the other.

    >>> levels(20)
    [0, 1, 2, 4, 8, 16, 20]
    """
    doubling = [0] + [2**i for i in range(num_layers.bit_length()) if 2**i < num_layers]
    return [*doubling, num_layers] if num_layers else [0]


def first_that_holds(
    trials: Sequence[int], measure: Callable[[int], Drop], max_drop: float
) -> list[tuple[int, Drop]]:
    """Measure one trial after the other until the drop is at most `max_drop` points; what was measured, the last one holds or none does."""
    measured: list[tuple[int, Drop]] = []
    for trial in trials:
        measured.append((trial, measure(trial)))
        if measured[-1][1].points <= max_drop:
            break
    return measured

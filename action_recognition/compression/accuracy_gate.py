"""The accuracy gate in numbers. Reads and writes nothing.

How many points INT8 loses, with an interval, and how many layers have to be given back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
# 97.5 % quantile of the normal distribution.
_Z_95 = 1.959964


@dataclass(frozen=True)
class Drop:
    """Top-1 of the same clips by two models, in points (%).

    `low` to `high` is the 95 % interval of the drop. The agreement is in %.
    """

    num_clips: int
    # Top-1 in %.
    before: float
    after: float
    # `before` minus `after`: a negative drop is a gain.
    points: float
    low: float
    high: float
    agreement: float

    def as_plain(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        interval = f"95 % interval {self.low:+.2f} to {self.high:+.2f}"
        return (
            f"{self.before:.2f} % to {self.after:.2f} %, drop {self.points:+.2f} points "
            f"({interval}), same answer on {self.agreement:.1f} % of {self.num_clips} clips"
        )


@dataclass(frozen=True)
class GateRules:
    """The limit and the calibration of the gate.

    `max_drop` is the largest drop of top-1 in points. `calibration_clips` is the number of clips to
    calibrate the quantisers on, and `seed` draws them.
    """

    max_drop: float = 1.0
    calibration_clips: int = 128
    seed: int = 0

    def limit_for(self, num_clips: int) -> float:
        """Return the limit in points for so many clips: `max_drop`, or one clip if that is more.

        One clip may change by chance. A limit of 0 asks for every clip.

        >>> GateRules(5.0).limit_for(200), round(GateRules(5.0).limit_for(12), 2)
        (5.0, 8.33)
        >>> GateRules(0.0).limit_for(12)
        0.0
        """
        return max(self.max_drop, 100.0 / num_clips) if self.max_drop > 0 else self.max_drop


def accuracy_drop(truth: npt.NDArray[np.integer], before: Scores, after: Scores) -> Drop:
    """Return the drop for labels (N,) and the scores (N, C) before and after; N >= 1.

    The interval is the adjusted Wald interval for paired shares, which adds half a clip to each of
    the four cells.
    Source: Bonett and Price, Journal of Educational and Behavioral Statistics 37 (2012), 479-488.

    >>> truth = np.array([0, 0, 1, 1])
    >>> before = np.eye(2)[[0, 0, 1, 0]]
    >>> drop = accuracy_drop(truth, before, np.eye(2)[[0, 1, 1, 0]])
    >>> drop.before, drop.after, drop.points, drop.agreement
    (75.0, 50.0, 25.0, 75.0)
    """
    # Pairs matter: a clip that both models get wrong says nothing about the drop.
    answers_before, answers_after = before.argmax(axis=1), after.argmax(axis=1)
    right_before, right_after = answers_before == truth, answers_after == truth
    count = len(truth)
    lost, won = (right_before & ~right_after).sum(), (~right_before & right_after).sum()

    centre, half = _paired_interval(lost, won, count)
    return Drop(
        num_clips=count,
        before=100.0 * float(right_before.mean()),
        after=100.0 * float(right_after.mean()),
        points=100.0 * float(lost - won) / count,
        low=100.0 * (centre - half),
        high=100.0 * (centre + half),
        agreement=100.0 * float((answers_before == answers_after).mean()),
    )


def _paired_interval(lost: Any, won: Any, count: int) -> tuple[Any, Any]:
    """Return the centre and the half width of the interval, as shares of the clips."""
    # Half a clip in each of the four cells adds two clips to the count.
    share_lost, share_won = (lost + 0.5) / (count + 2), (won + 0.5) / (count + 2)
    centre = share_lost - share_won
    half = _Z_95 * math.sqrt((share_lost + share_won - centre**2) / (count + 2))
    return centre, half


def fold_of_clips(
    groups: npt.NDArray[np.integer], num_folds: int, seed: int
) -> npt.NDArray[np.int64]:
    """Return the fold (N,) of every clip.

    Clips of a group stay together, and folds hold about equally many clips. With fewer groups there
    are fewer folds.

    >>> fold = fold_of_clips(np.array([0, 0, 1, 2, 2, 3]), 2, seed=0)
    >>> fold[0] == fold[1], fold[3] == fold[4], np.bincount(fold).tolist()
    (np.True_, np.True_, [3, 3])
    """
    names, counts = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    # Large groups come first, each into the fold that holds the fewest clips.
    order = order[np.argsort(-counts[order], kind="stable")]

    sizes = np.zeros(max(1, min(num_folds, len(names))), np.int64)
    fold = np.empty(len(names), np.int64)
    for group in order:
        fold[group] = int(sizes.argmin())
        sizes[fold[group]] += counts[group]
    return fold[np.searchsorted(names, groups)]


def levels(num_layers: int) -> list[int]:
    """Return the numbers of layers to give back, one trial after the other.

    >>> levels(20)
    [0, 1, 2, 4, 8, 16, 20]
    """
    # Doubling needs few trials, and each trial quantises every fold again.
    doubling = [0] + [2**i for i in range(num_layers.bit_length()) if 2**i < num_layers]
    return [*doubling, num_layers] if num_layers else [0]


def first_that_holds(
    trials: Sequence[int], measure: Callable[[int], Drop], max_drop: float
) -> list[tuple[int, Drop]]:
    """Measure one trial after the other until the drop is at most `max_drop` points.

    Returns the measured trials. The last one holds, or none does.
    """
    measured: list[tuple[int, Drop]] = []
    for trial in trials:
        measured.append((trial, measure(trial)))
        if measured[-1][1].points <= max_drop:
            break
    return measured


def notes(drop: Drop, max_drop: float, given_back: int, num_layers: int) -> list[str]:
    """Return sentences about the limits of a result of the gate."""
    found = []
    if drop.low > max_drop:
        measured = f"the drop is {drop.points:+.2f} points of top-1"
        found.append(f"{measured}, and {max_drop:.3g} were allowed")
    # A measured drop within the limit may still be chance.
    elif drop.high > max_drop:
        certainty = f"with 95 % confidence between {drop.low:+.2f} and {drop.high:+.2f}"
        found.append(
            f"{drop.num_clips} clips are too few to be sure of the limit: "
            f"the drop is {drop.points:+.2f} points, {certainty}, and {max_drop:.3g} were allowed; "
            "more clips narrow it"
        )

    if given_back > num_layers // 2:
        share = f"{given_back} of {num_layers} layers had to be given back"
        fix = "fine-tune with --qat-epochs, or train on more clips"
        found.append(f"{share}, so little speed is gained: {fix}")
    return found

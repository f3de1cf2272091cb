"""Search for a good split: units of clips are spread over parts.

Each part is to get its share of every class. Several greedy starts are improved by moving and
exchanging units, and the best is kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_STARTS = 8  # greedy orders that are tried
_MAX_STEPS = 500
_IMPROVABLE_CELLS = 3_000_000  # units^2 x classes, up to which moves and exchanges are tried
_MISSING_CLASS_COST = 1e6
# Missing in the first part, from which one learns, costs more than in the others.
_FIRST_PART_WEIGHT = 2.0
_ROUNDING = 1e-9  # a smaller change of the cost is none

Counts = NDArray[np.float64]
Shares = NDArray[np.float64]
Parts = NDArray[np.int64]


def spread_units(counts: Counts, fractions: Shares, seed: int) -> Parts:
    """Return the part of every unit, (units,).

    `counts` are the clips of each class in each unit, (units, classes). `fractions` is (parts,).
    """
    num_units, num_classes = counts.shape
    is_improvable = num_units**2 * num_classes <= _IMPROVABLE_CELLS

    best: tuple[float, Parts] | None = None
    for start in range(_STARTS if is_improvable else 1):
        spread = _greedy(counts, fractions, np.random.default_rng([seed, start]))
        if is_improvable:
            _improve(counts, fractions, spread)
        filled = filled_parts(counts, spread, len(fractions))
        weights = _weights(len(fractions))
        cost = float(_cost(filled, counts.sum(axis=0), fractions, weights).sum())
        if best is None or cost < best[0] - _ROUNDING:
            best = cost, spread
    assert best is not None
    return best[1]


def _greedy(counts: Counts, fractions: Shares, rng: np.random.Generator) -> Parts:
    """Place units one by one, those with many clips first, ties by chance.

    Each goes to the part where its classes are then farthest below their share.
    """
    # A stable sort keeps the random order of units of the same size.
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]

    shares = np.maximum(np.outer(fractions, counts.sum(axis=0)), 1e-9)
    filled = np.zeros_like(shares)
    spread = np.zeros(len(counts), dtype=np.int64)
    for unit in order:
        labels = np.flatnonzero(counts[unit])
        added = counts[unit, labels]
        own_shares = shares[:, labels]

        # By how much the squared distance from the shares grows, relative to them.
        growth = added * (added + 2 * (filled[:, labels] - own_shares)) / own_shares
        excess = growth.sum(axis=1)
        spread[unit] = int(np.argmin(np.where(fractions > 0, excess, np.inf)))
        filled[spread[unit], labels] += added
    return spread


def filled_parts(counts: Counts, spread: Parts, num_parts: int) -> Counts:
    """Return the clips of every class in every part, (parts, classes)."""
    filled = np.zeros((num_parts, counts.shape[1]))
    np.add.at(filled, spread, counts)
    return filled


def _weights(num_parts: int) -> Shares:
    """Return how much a missing class costs in each part."""
    weights = np.ones(num_parts)
    weights[0] = _FIRST_PART_WEIGHT
    return weights


def _cost(filled: Counts, totals: Counts, fractions: Shares, weights: Shares) -> Counts:
    """Return the cost (..., parts) of counts (..., parts, classes).

    It is the squared distance from the share, and a large cost for every class that is missing,
    which `weights` (parts,) multiply.
    """
    shares = np.outer(fractions, totals)
    is_wanted = shares > 0
    # A class that a part is to have none of costs as much as a missing one for each clip.
    distance = np.where(
        is_wanted,
        (filled - shares) ** 2 / np.where(is_wanted, shares, 1),
        filled * _MISSING_CLASS_COST,
    )
    missing = _MISSING_CLASS_COST * weights[:, None] * (is_wanted & (filled == 0))
    cost: Counts = (distance + missing).sum(axis=-1)
    return cost


class _Step(NamedTuple):
    """A unit that moves to another part, and the unit that goes back in exchange (-1 for none)."""

    change: float  # of the cost
    unit: int = -1
    part: int = -1
    back: int = -1


class _State(NamedTuple):
    """A spread with its cost and its goal."""

    filled: Counts  # (parts, classes)
    cost: Counts  # (parts,)
    totals: Counts  # (classes,)
    fractions: Shares  # (parts,)


def _improve(counts: Counts, fractions: Shares, spread: Parts) -> None:
    """Move a unit, or exchange two, as long as that lowers the cost. Changes `spread`."""
    totals = counts.sum(axis=0)
    for _ in range(_MAX_STEPS):
        filled = filled_parts(counts, spread, len(fractions))
        cost = _cost(filled, totals, fractions, _weights(len(fractions)))
        state = _State(filled, cost, totals, fractions)
        step = _best_step(counts, spread, state)
        if step.unit < 0:
            return
        if step.back >= 0:
            spread[step.back] = spread[step.unit]
        spread[step.unit] = step.part


def _best_step(counts: Counts, spread: Parts, state: _State) -> _Step:
    """Return the step that lowers the cost most. Its `unit` is -1 if none does."""
    best = _Step(-_ROUNDING)
    for source in range(len(state.fractions)):
        for target in np.flatnonzero(state.fractions > 0).tolist():
            if source != target:
                best = min(best, _best_between(counts, spread, state, (source, target)))
    return best


def _best_between(counts: Counts, spread: Parts, state: _State, between: tuple[int, int]) -> _Step:
    """Return the best move from one part to another, or the best exchange between the two."""
    source, target = between
    units, others = np.flatnonzero(spread == source), np.flatnonzero(spread == target)
    if not len(units):
        return _Step(0.0)

    # (units, 1 + others, classes): the clips that go from source to target, less those that go
    # back. The first of the others is empty: a plain move.
    back = np.concatenate([np.zeros((1, counts.shape[1])), counts[others]])
    moved = counts[units][:, None] - back[None]
    after = np.stack([state.filled[source] - moved, state.filled[target] + moved], axis=-2)

    # Only the costs of the two parts change.
    pair = list(between)
    weights = _weights(len(state.fractions))[pair]
    costs = _cost(after, state.totals, state.fractions[pair], weights)
    change = costs.sum(axis=-1) - state.cost[pair].sum()
    unit, other = np.unravel_index(int(np.argmin(change)), change.shape)
    return _Step(
        float(change[unit, other]),
        int(units[unit]),
        target,
        int(others[other - 1]) if other else -1,
    )

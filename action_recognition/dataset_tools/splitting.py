"""Train, val and test parts of clips: no person in two of them, classes as evenly as that allows, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from action_recognition.errors import user_error

_STARTS = 8  # greedy orders that are tried; the best after its improvement is taken
_MAX_STEPS = 500
_IMPROVABLE_CELLS = 3_000_000  # units^2 x classes up to which moves and exchanges are tried
_MISSING_CLASS_COST = 1e6
_NAMES_SHOWN = 10

Counts = NDArray[np.float64]


class SplitPlan(NamedTuple):
    """The part (0, 1, ...) of every clip, and the names that are missing: (part, class) pairs without a clip."""

    parts: list[int]
    missing: list[tuple[int, int]]


def split_clips(
    groups: Sequence[Sequence[str]], labels: Sequence[int], fractions: Sequence[float], seed: int
) -> SplitPlan:
    """Spread clips over `len(fractions)` parts.

    `groups` gives each clip the names that tie it to others (its person, its video): clips that share one, also over several
    steps, come into the same part. Parts get about `fractions` (they sum to 1) of the clips of every class; that a class is in
    every part goes before that. A pure function of its arguments.

    >>> split_clips([["anna"], ["anna"], ["ben"], ["carl"]], [0, 1, 0, 0], [0.5, 0.5], seed=0).parts[:2] in ([0, 0], [1, 1])
    True
    """
    units = tie_together(groups)
    num_units, num_classes = max(units) + 1, max(labels) + 1
    counts = np.zeros((num_units, num_classes))
    np.add.at(counts, (units, list(labels)), 1)
    spread = _spread(counts, np.asarray(fractions), seed)
    parts = [int(spread[unit]) for unit in units]
    filled = _filled(counts, spread, len(fractions))
    used = counts.sum(axis=0) > 0
    missing = [(int(part), int(label)) for part, label in np.argwhere((filled == 0) & used)]
    return SplitPlan(parts, missing)


def person_groups(
    people: Sequence[str | None], files: Sequence[str], fractions: Sequence[float]
) -> tuple[list[list[str]], list[str]]:
    """For `split_clips`, what ties each clip to others: its person where known, and its file; and what is to be said about that.

    Where people share files so widely that this ties most clips together, only those of a known person stay together.
    """
    groups = [
        [f"file {file}", *([] if person is None else [f"person {person}"])]
        for person, file in zip(people, files, strict=True)
    ]
    said = []
    units = tie_together(groups)
    largest = max(Counter(units).values()) / len(units)
    if largest > max(fractions) and len(set(people)) > 1 and None not in people:
        groups = [[f"person {person}"] for person in people]
        said.append(
            f"people share files so widely that {largest:.0%} of the clips hang together: one file may be in two parts, no person is"
        )
    num_without = sum(person is None for person in people)
    if num_without:
        all_or_some = (
            "no clip has"
            if num_without == len(people)
            else f"{num_without} of {len(people)} clips have no"
        )
        said.append(
            f"{all_or_some} a known person: these are split by file, so that a person may be in several parts, and accuracy on val and "
            "test will flatter; give --person-regex"
        )
    return groups, said


def missing_lines(
    plan: SplitPlan, part_names: Sequence[str], classes: Sequence[str], fractions: Sequence[float]
) -> list[str]:
    """A sentence for every part that lacks classes although it was to have clips."""
    lines = []
    for part, name in enumerate(part_names):
        missing = [classes[label] for at, label in plan.missing if at == part]
        if missing and fractions[part] > 0:
            more = f" and {len(missing) - _NAMES_SHOWN} more" if missing[_NAMES_SHOWN:] else ""
            lines.append(
                f"{name} has no clip of {', '.join(missing[:_NAMES_SHOWN])}{more}: too few people or clips"
            )
    return lines


def tie_together(groups: Sequence[Sequence[str]]) -> list[int]:
    """The number of the unit of every clip: units are the clips that share names, also over several steps.

    >>> tie_together([["anna", "a.mp4"], ["ben", "b.mp4"], ["carl", "a.mp4"]])
    [0, 1, 0]
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    for names in groups:
        for name in names[1:]:
            parent[root(name)] = root(names[0])
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(names[0]), len(numbers)) for names in groups]


def parse_fractions(text: str, num_parts: int = 3) -> list[float]:
    """`70,15,15` as parts of 1; a `UserError` names what is wrong. A part of 0 stays empty.

    >>> parse_fractions("70,15,15")
    [0.7, 0.15, 0.15]
    """
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if (
        len(shares) != num_parts
        or not all(0 <= share < float("inf") for share in shares)
        or shares[0] <= 0
    ):
        raise user_error(
            "--fractions",
            f"found {text!r}",
            f"{num_parts} numbers, the first above 0, as in 70,15,15",
        )
    return [share / sum(shares) for share in shares]


def _spread(counts: Counts, fractions: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """The part of every unit; `counts` (units, classes)."""
    num_units, num_classes = counts.shape
    improvable = num_units**2 * num_classes <= _IMPROVABLE_CELLS
    best: tuple[float, NDArray[np.int64]] | None = None
    for start in range(_STARTS if improvable else 1):
        spread = _greedy(counts, fractions, np.random.default_rng([seed, start]))
        if improvable:
            _improve(counts, fractions, spread)
        cost = float(
            _cost(_filled(counts, spread, len(fractions)), counts.sum(axis=0), fractions).sum()
        )
        if best is None or cost < best[0] - 1e-9:
            best = cost, spread
    assert best is not None
    return best[1]


def _greedy(
    counts: Counts, fractions: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Units with many clips first (ties by chance), each to where its classes are then farthest below their share."""
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    shares = np.maximum(np.outer(fractions, counts.sum(axis=0)), 1e-9)
    filled = np.zeros_like(shares)
    spread = np.zeros(len(counts), dtype=np.int64)
    for unit in order:
        labels = np.flatnonzero(counts[unit])
        added = counts[unit, labels]
        excess = (
            added * (added + 2 * (filled[:, labels] - shares[:, labels])) / shares[:, labels]
        ).sum(axis=1)
        spread[unit] = int(np.argmin(np.where(fractions > 0, excess, np.inf)))
        filled[spread[unit], labels] += added
    return spread


def _filled(counts: Counts, spread: NDArray[np.int64], num_parts: int) -> Counts:
    filled = np.zeros((num_parts, counts.shape[1]))
    np.add.at(filled, spread, counts)
    return filled


def _cost(filled: Counts, totals: NDArray[np.float64], fractions: NDArray[np.float64]) -> Counts:
    """Of (..., parts, classes) counts, the cost (..., parts): squared distance from the share, and classes that are missing."""
    shares = np.outer(fractions, totals)
    wanted = shares > 0
    distance = np.where(
        wanted, (filled - shares) ** 2 / np.where(wanted, shares, 1), filled * _MISSING_CLASS_COST
    )
    cost: Counts = (distance + _MISSING_CLASS_COST * (wanted & (filled == 0))).sum(axis=-1)
    return cost


def _improve(counts: Counts, fractions: NDArray[np.float64], spread: NDArray[np.int64]) -> None:
    """Move a unit, or exchange two, while that lowers the cost; changes `spread`."""
    totals = counts.sum(axis=0)
    for _ in range(_MAX_STEPS):
        filled = _filled(counts, spread, len(fractions))
        now = _cost(filled, totals, fractions)
        best = (
            -1e-9,
            -1,
            -1,
            -1,
        )  # change of cost, unit, its new part, the unit that goes back (or -1)
        for source in range(len(fractions)):
            for target in np.flatnonzero(fractions > 0).tolist():
                if source != target:
                    change = _best_step(
                        counts, spread, filled, (source, target), (totals, fractions, now)
                    )
                    best = min(best, change)
        _, unit, part, back = best
        if unit < 0:
            return
        if back >= 0:
            spread[back] = spread[unit]
        spread[unit] = part


def _best_step(
    counts: Counts,
    spread: NDArray[np.int64],
    filled: Counts,
    between: tuple[int, int],
    scale: tuple[NDArray[np.float64], NDArray[np.float64], Counts],
) -> tuple[float, int, int, int]:
    """The best of all moves from one part to another, and of all exchanges between the two."""
    source, target = between
    totals, fractions, now = scale
    units, others = np.flatnonzero(spread == source), np.flatnonzero(spread == target)
    if not len(units):
        return 0.0, -1, -1, -1
    # (units, 1 + others, classes): what goes from source to target, less what goes back
    moved = (
        counts[units][:, None]
        - np.concatenate([np.zeros((1, counts.shape[1])), counts[others]])[None]
    )
    after = np.stack([filled[source] - moved, filled[target] + moved], axis=-2)
    pair = fractions[list(between)]
    change = _cost(after, totals, pair).sum(axis=-1) - now[list(between)].sum()
    place, back = np.unravel_index(int(np.argmin(change)), change.shape)
    return (
        float(change[place, back]),
        int(units[place]),
        target,
        int(others[back - 1]) if back else -1,
    )

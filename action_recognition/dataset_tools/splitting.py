"""Train, val and test parts of clips.

No person is in two parts. Classes are spread as evenly as that allows. The same seed gives the
same parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from action_recognition.dataset_tools.spreading import filled_parts, spread_units
from action_recognition.errors import user_error

_NAMES_SHOWN = 10


class SplitPlan(NamedTuple):
    """The part (0, 1, ...) of every clip, and the (part, class) pairs that have no clip."""

    parts: list[int]
    missing: list[tuple[int, int]]


def split_clips(
    groups: Sequence[Sequence[str]], labels: Sequence[int], fractions: Sequence[float], seed: int
) -> SplitPlan:
    """Spread clips over `len(fractions)` parts. A pure function of its arguments.

    `groups` gives each clip the names that tie it to others, such as its person and its video.
    Clips that share a name come into the same part, also over several steps. Each part gets about
    its fraction of the clips of every class. Having every class in every part takes precedence.
    `fractions` sum to 1.

    >>> groups, labels = [["anna"], ["anna"], ["ben"], ["carl"]], [0, 1, 0, 0]
    >>> split_clips(groups, labels, [0.5, 0.5], seed=0).parts[:2] in ([0, 0], [1, 1])
    True
    """
    # Clips of each class in each unit.
    units = tie_together(groups)
    counts = np.zeros((max(units) + 1, max(labels) + 1))
    np.add.at(counts, (units, list(labels)), 1)
    spread = spread_units(counts, np.asarray(fractions), seed)

    filled = filled_parts(counts, spread, len(fractions))
    is_missing = (filled == 0) & (counts.sum(axis=0) > 0)
    missing = [(int(part), int(label)) for part, label in np.argwhere(is_missing)]
    return SplitPlan([int(spread[unit]) for unit in units], missing)


def person_groups(
    people: Sequence[str | None], files: Sequence[str], fractions: Sequence[float]
) -> tuple[list[list[str]], list[str]]:
    """Return for `split_clips` the names that tie each clip to others, and warnings.

    A clip is tied by its file, and by its person if that is known. Where people share files so
    widely that most clips would be tied together, only the clips of a known person stay together.
    """
    groups = [
        [f"file {file}", *([] if person is None else [f"person {person}"])]
        for person, file in zip(people, files, strict=True)
    ]
    units = tie_together(groups)
    largest = max(Counter(units).values()) / len(units)

    said = []
    if largest > max(fractions) and len(set(people)) > 1 and None not in people:
        groups = [[f"person {person}"] for person in people]
        said.append(
            f"people share files so widely that {largest:.0%} of the clips hang together, "
            "so a file may be in two parts, but no person is"
        )

    num_without = sum(person is None for person in people)
    if num_without:
        said.append(_unknown_people(num_without, len(people)))
    return groups, said


def _unknown_people(num_without: int, num_clips: int) -> str:
    """Return the warning for clips without a known person."""
    some = f"{num_without} of {num_clips} clips have no"
    return (
        f"{'no clip has' if num_without == num_clips else some} a known person, so these clips are "
        "split by file, a person may be in several parts, and the accuracy on val and test will "
        "be too high; give --person-regex"
    )


def missing_lines(
    plan: SplitPlan, part_names: Sequence[str], classes: Sequence[str], fractions: Sequence[float]
) -> list[str]:
    """Return a sentence for every part that lacks classes although it was to have clips."""
    lines = []
    for part, name in enumerate(part_names):
        missing = [classes[label] for at, label in plan.missing if at == part]
        # A part of fraction 0 is to stay empty.
        if missing and fractions[part] > 0:
            shown = ", ".join(missing[:_NAMES_SHOWN])
            num_more = len(missing) - _NAMES_SHOWN
            more = f" and {num_more} more" if num_more > 0 else ""
            lines.append(f"{name} has no clip of {shown}{more}: too few people or clips")
    return lines


def tie_together(groups: Sequence[Sequence[str]]) -> list[int]:
    """Return the number of the unit of every clip.

    A unit is the clips that share names, also over several steps.

    >>> tie_together([["anna", "a.mp4"], ["ben", "b.mp4"], ["carl", "a.mp4"]])
    [0, 1, 0]
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        """Return the name that represents the unit of `name`, and shorten the way to it."""
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    # A forest of names: those that tie one clip have one root.
    for names in groups:
        for name in names[1:]:
            parent[root(name)] = root(names[0])

    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(names[0]), len(numbers)) for names in groups]


def parse_fractions(text: str, num_parts: int = 3) -> list[float]:
    """Read shares such as `70,15,15` as fractions that sum to 1. A part of 0 stays empty.

    Raises UserError: the text does not hold `num_parts` such numbers.

    >>> parse_fractions("70,15,15")
    [0.7, 0.15, 0.15]
    """
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []

    is_allowed = len(shares) == num_parts and all(0 <= share < float("inf") for share in shares)
    if not is_allowed or shares[0] <= 0:
        raise user_error(
            "--fractions",
            f"found {text!r}",
            f"{num_parts} numbers, the first above 0, as in 70,15,15",
        )
    return [share / sum(shares) for share in shares]

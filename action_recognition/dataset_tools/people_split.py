"""Train, val and test parts by people, also where there are too few people or clips for three."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from action_recognition.data.dataset_files import SPLITS
from action_recognition.dataset_tools.splitting import (
    SplitPlan,
    missing_lines,
    person_groups,
    split_clips,
)

_UNKNOWN = "what val and test say about other people will be too good"


class PeopleSplit(NamedTuple):
    """The clips of every part, as their numbers, by what they were split, and warnings.

    `empty` are the parts for which no clip is left although they were to have some.
    """

    members: list[list[int]]
    split_by: str
    warnings: list[str]
    empty: list[int]


def split_by_people(
    people: Sequence[str | None],
    files: Sequence[str],
    labels: Sequence[int],
    classes: Sequence[str],
    fractions: Sequence[float],
    seed: int,
) -> PeopleSplit:
    """Split clips by person, or by file where the person is not known.

    With too few people, those who are not in train are shared by the other parts, by file. With one
    person, all is split by file. Only with fewer clips than parts, or one clip a class, is a part
    of a fraction above 0 left empty.
    """
    groups, said = person_groups(people, files, fractions)
    plan = split_clips(groups, labels, fractions, seed)
    split_by = _split_name(people)

    # Too few people for all parts: the later parts share people, or all parts do.
    if _empty_parts(plan.parts, fractions) and len(set(people)) > (None in people):
        shared = _shared_behind_train(groups, files, labels, fractions, seed)
        if shared is not None:
            plan, split_by = shared, "person; val and test share people"
            said.append(f"too few people for three parts: val and test share people, so {_UNKNOWN}")
        else:
            by_file = [[f"file {file}"] for file in files]
            plan, split_by = split_clips(by_file, labels, fractions, seed), "file"
            count = len(set(people) - {None})
            known = "one person" if count == 1 else f"{count} people"
            said.append(f"{known} cannot fill the parts: split by file, so {_UNKNOWN}")

    said += missing_lines(plan, SPLITS, classes, fractions)
    members = [[at for at, own in enumerate(plan.parts) if own == part] for part in range(3)]
    empty = _empty_parts(plan.parts, fractions)
    said += [
        f"no clip is left for {SPLITS[part]}: its list repeats train, so its accuracy says nothing"
        for part in empty
    ]
    return PeopleSplit(members, split_by, said, empty)


def _split_name(people: Sequence[str | None]) -> str:
    num_without = sum(person is None for person in people)
    if num_without in (0, len(people)):
        return "file" if num_without else "person"
    return "person, or file where the person is not known"


def _empty_parts(parts: Sequence[int], fractions: Sequence[float]) -> list[int]:
    """Return the parts that are to have clips and have none."""
    filled = Counter(parts)
    return [part for part, fraction in enumerate(fractions) if fraction > 0 and not filled[part]]


def _shared_behind_train(
    groups: Sequence[Sequence[str]],
    files: Sequence[str],
    labels: Sequence[int],
    fractions: Sequence[float],
    seed: int,
) -> SplitPlan | None:
    """Split train off by people and the rest by file. Return None where a part stays empty."""
    rest = fractions[1] + fractions[2]
    if not fractions[1] * fractions[2] * fractions[0]:
        return None
    first = split_clips(groups, labels, [fractions[0], rest], seed).parts
    held = [at for at, part in enumerate(first) if part == 1]
    if not held or len(held) == len(first):
        return None

    names = [[f"file {files[at]}"] for at in held]
    shares = [fractions[1] / rest, fractions[2] / rest]
    second = split_clips(names, [labels[at] for at in held], shares, seed).parts
    parts = list(first)
    for at, part in zip(held, second, strict=True):
        parts[at] = 1 + part
    if _empty_parts(parts, fractions):
        return None
    present = {(part, label) for part, label in zip(parts, labels, strict=True)}
    missing = [
        (part, label)
        for part in range(3)
        for label in sorted(set(labels))
        if (part, label) not in present
    ]
    return SplitPlan(parts, missing)

"""Assign every clip to train, val or test: as the source does, or by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from action_recognition.data.dataset_files import SPLITS, Split
from action_recognition.dataset_tools.importing.found import FoundClip
from action_recognition.dataset_tools.people_split import split_by_people


class Assigned(NamedTuple):
    """The numbers of the clips of every split, by what they were split, and splits left empty.

    The lists of `empty` are to repeat train, so that the commands for all splits run.
    """

    members: dict[Split, list[int]]
    split_by: str
    empty: list[Split]


@dataclass(frozen=True)
class SplitOptions:
    """Options of a split.

    `resplit` ignores the split of the source. `fractions` of train, val and test sum to 1.
    Where folders alone tell the split (`are_folders`), a train part alone is split again.
    """

    person_regex: str | None = None
    fractions: Sequence[float] = (0.7, 0.15, 0.15)
    seed: int = 0
    resplit: bool = False
    are_folders: bool = False


def assign_splits(
    clips: Sequence[FoundClip],
    classes: Sequence[str],
    options: SplitOptions,
    warnings: list[str],
) -> Assigned:
    """Assign every clip to a split. Adds to `warnings`."""
    # The split of the source is kept where every clip has one.
    stated = [clip.split for clip in clips if clip.split is not None]
    has_train_alone = options.are_folders and set(stated) == {"train"}
    if len(stated) == len(clips) and not options.resplit and not has_train_alone:
        _warn_of_shared_people(clips, warnings)
        _warn_of_absent_parts(stated, warnings)
        members = {name: [at for at, own in enumerate(stated) if own == name] for name in SPLITS}
        return Assigned(members, "the source", [])

    if len(stated) == len(clips) and not options.resplit:
        warnings.append("the source has a train part alone: it is split again")
    elif stated and not options.resplit:
        without = f"{len(clips) - len(stated)} of {len(clips)} clips"
        warnings.append(f"{without} have no split in the source: all are split again")
    # Parts get clips of every class.
    label_of = {name: number for number, name in enumerate(classes)}
    labels = [label_of[clip.label] for clip in clips]
    people, paths = [clip.person for clip in clips], [clip.path for clip in clips]
    plan = split_by_people(people, paths, labels, classes, options.fractions, options.seed)
    warnings += plan.warnings
    members = dict(zip(SPLITS, plan.members, strict=True))
    return Assigned(members, plan.split_by, [SPLITS[part] for part in plan.empty])


def some_of(names: Sequence[str], shown: int) -> str:
    """List the first names.

    >>> some_of(["a", "b", "c"], 2)
    'a, b ...'
    """
    return ", ".join(names[:shown]) + (" ..." if len(names) > shown else "")


def _warn_of_shared_people(clips: Sequence[FoundClip], warnings: list[str]) -> None:
    splits: dict[str, set[str]] = {}
    for clip in clips:
        if clip.person is not None and clip.split is not None:
            splits.setdefault(clip.person, set()).add(clip.split)

    shared = sorted(person for person, names in splits.items() if len(names) > 1)
    if shared:
        count = "1 person" if len(shared) == 1 else f"{len(shared)} people"
        warnings.append(
            f"the split of the source, which is kept, has {count} in more than one "
            f"part ({some_of(shared, 5)}); --resplit makes one without"
        )


def _warn_of_absent_parts(stated: Sequence[Split], warnings: list[str]) -> None:
    absent = [name for name in SPLITS if name not in stated]
    if absent:
        lacks = f"has no {' and no '.join(absent)} part"
        warnings.append(
            f"the split of the source, which is kept, {lacks}; --resplit makes all three"
        )

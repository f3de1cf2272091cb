"""Assign every clip to train, val or test: as the source does, or by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from action_recognition.data.dataset_files import SPLITS, Split
from action_recognition.dataset_tools.importing.found import FoundClip
from action_recognition.dataset_tools.splitting import missing_lines, person_groups, split_clips


@dataclass(frozen=True)
class SplitOptions:
    """Options of a split.

    `resplit` ignores the split of the source. `fractions` of train, val and test sum to 1.
    """

    person_regex: str | None = None
    fractions: Sequence[float] = (0.7, 0.15, 0.15)
    seed: int = 0
    resplit: bool = False


def assign_splits(
    clips: Sequence[FoundClip],
    classes: Sequence[str],
    options: SplitOptions,
    warnings: list[str],
) -> tuple[list[Split], str]:
    """Return the split of every clip, and by what they were split. Add to `warnings`."""
    # The split of the source is kept where every clip has one.
    stated = [clip.split for clip in clips if clip.split is not None]
    if len(stated) == len(clips) and not options.resplit:
        _warn_of_shared_people(clips, warnings)
        _warn_of_absent_parts(stated, warnings)
        return stated, "the source"

    if stated and not options.resplit:
        without = f"{len(clips) - len(stated)} of {len(clips)} clips"
        warnings.append(f"{without} have no split in the source: all are split again")
    return _split_by_people(clips, classes, options, warnings)


def some_of(names: Sequence[str], shown: int) -> str:
    """List the first names.

    >>> some_of(["a", "b", "c"], 2)
    'a, b ...'
    """
    return ", ".join(names[:shown]) + (" ..." if len(names) > shown else "")


def _split_by_people(
    clips: Sequence[FoundClip],
    classes: Sequence[str],
    options: SplitOptions,
    warnings: list[str],
) -> tuple[list[Split], str]:
    people, paths = [clip.person for clip in clips], [clip.path for clip in clips]
    groups, messages = person_groups(people, paths, options.fractions)
    warnings += messages

    # Parts get clips of every class.
    label_of = {name: number for number, name in enumerate(classes)}
    labels = [label_of[clip.label] for clip in clips]
    plan = split_clips(groups, labels, options.fractions, options.seed)
    warnings += missing_lines(plan, SPLITS, classes, options.fractions)

    num_without = people.count(None)
    split_by = "person, or file where the person is not known"
    if num_without in (0, len(clips)):
        split_by = "file" if num_without else "person"
    return [SPLITS[part] for part in plan.parts], split_by


def _warn_of_shared_people(clips: Sequence[FoundClip], warnings: list[str]) -> None:
    splits: dict[str, set[str]] = {}
    for clip in clips:
        if clip.person is not None and clip.split is not None:
            splits.setdefault(clip.person, set()).add(clip.split)

    shared = sorted(person for person, names in splits.items() if len(names) > 1)
    if shared:
        warnings.append(
            f"the split of the source, which is kept, has {len(shared)} people in more than one "
            f"part ({some_of(shared, 5)}); --resplit makes one without"
        )


def _warn_of_absent_parts(stated: Sequence[Split], warnings: list[str]) -> None:
    absent = [name for name in SPLITS if name not in stated]
    if absent:
        lacks = f"has no {' and no '.join(absent)} part"
        warnings.append(
            f"the split of the source, which is kept, {lacks}; --resplit makes all three"
        )

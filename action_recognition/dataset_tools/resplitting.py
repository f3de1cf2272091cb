"""Annotation files, split again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.data.dataset_files import SPLITS
from action_recognition.data.listed_clips import ListedClip
from action_recognition.data.people import people_by_regex, people_by_table
from action_recognition.dataset_tools.splitting import missing_lines, person_groups, split_clips
from action_recognition.errors import Problem, UserError, user_error


@dataclass(frozen=True)
class Resplit:
    """The lines of each split, the classes, how many people are in each split, and what is to be said."""

    lines: dict[str, list[str]]
    classes: list[str]
    num_people: dict[str, int]
    warnings: list[str]


def people_of(
    clips: Sequence[ListedClip], person_regex: str | None, metadata: Path | None
) -> dict[str, str]:
    """The person of every path for which one is known; a `UserError` says what a table or an expression lacks."""
    if person_regex is not None:
        return people_by_regex((clip.path for clip in clips), person_regex)
    if metadata is None:
        return {}
    people = people_by_table(metadata)
    without = list(dict.fromkeys(clip.path for clip in clips if clip.path not in people))
    if len(without) == len({clip.path for clip in clips}):
        raise user_error(
            str(metadata),
            f"knows the person of none of the clips, such as {without[0]!r}",
            "paths as in the annotation files",
        )
    if without:
        shown = [Problem(str(metadata), f"has no person for {path!r}") for path in without[:5]]
        raise UserError(
            [
                *shown,
                *(
                    [Problem(str(metadata), f"nor for {len(without) - 5} more")]
                    if without[5:]
                    else []
                ),
            ]
        )
    return people


def resplit(
    clips: Sequence[ListedClip],
    classes: Sequence[str],
    people: Mapping[str, str],
    fractions: Sequence[float],
    seed: int,
) -> Resplit:
    """Split clips by person where known (by file elsewhere): nobody and no file in two splits, every class in each where possible."""
    order = sorted(
        range(len(clips)), key=lambda place: clips[place].line
    )  # the order of the files changes nothing
    files = [str(clips[place].record.path.resolve()) for place in order]
    groups, warnings = person_groups(
        [people.get(clips[place].path) for place in order], files, fractions
    )
    plan = split_clips(groups, [clips[place].record.label for place in order], fractions, seed)
    lines: dict[str, list[str]] = {split: [] for split in SPLITS}
    names: dict[str, set[str]] = {split: set() for split in SPLITS}
    for place, part in zip(order, plan.parts, strict=True):
        lines[SPLITS[part]].append(clips[place].line)
        names[SPLITS[part]] |= {people[path] for path in (clips[place].path,) if path in people}
    warnings += missing_lines(plan, SPLITS, classes, fractions)
    return Resplit(
        lines, list(classes), {split: len(found) for split, found in names.items()}, warnings
    )

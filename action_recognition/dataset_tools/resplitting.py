"""A new split of the clips of annotation files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.data.dataset_files import SPLITS
from action_recognition.data.listed_clips import ListedClip
from action_recognition.data.people import people_by_regex, people_by_table
from action_recognition.dataset_tools.doubtful_people import without_doubtful
from action_recognition.dataset_tools.people_split import split_by_people
from action_recognition.errors import Problem, UserError, user_error

_PATHS_SHOWN = 5


@dataclass(frozen=True)
class Resplit:
    """Result of a split: lines and number of people by split, the classes, and warnings."""

    lines: dict[str, list[str]]
    classes: list[str]
    num_people: dict[str, int]
    warnings: list[str]


def people_of(
    clips: Sequence[ListedClip], person_regex: str | None, metadata: Path | None
) -> dict[str, str]:
    """Return the person of every path for which one is known.

    Raises UserError: the expression does not fit, or the table lacks a path.
    """
    if person_regex is not None:
        return people_by_regex((clip.path for clip in clips), person_regex)
    if metadata is None:
        return {}

    people = people_by_table(metadata)
    _check_people(people, list(dict.fromkeys(clip.path for clip in clips)), metadata)
    return people


def _check_people(people: Mapping[str, str], paths: Sequence[str], metadata: Path) -> None:
    """Raise UserError if a table lacks the person of some paths, and name the first of them."""
    without = [path for path in paths if path not in people]
    if len(without) == len(paths):
        raise user_error(
            str(metadata),
            f"knows the person of none of the clips, such as {without[0]!r}",
            "paths as in the annotation files",
        )

    shown = without[:_PATHS_SHOWN]
    problems = [Problem(str(metadata), f"has no person for {path!r}") for path in shown]
    if without[_PATHS_SHOWN:]:
        more = len(without) - _PATHS_SHOWN
        problems.append(Problem(str(metadata), f"nor for {more} more"))
    if problems:
        raise UserError(problems)


def resplit(
    clips: Sequence[ListedClip],
    classes: Sequence[str],
    people: Mapping[str, str],
    fractions: Sequence[float],
    seed: int,
) -> Resplit:
    """Split clips by person, or by file where the person is not known.

    No person and no file is in two splits. Every class is in every split if possible.
    """
    # Sorted, so that the order of the files changes nothing.
    clips = sorted(clips, key=lambda clip: clip.line)
    files = [str(clip.record.path.resolve()) for clip in clips]
    labels = [clip.record.label for clip in clips]
    known, doubts = without_doubtful([people.get(clip.path) for clip in clips], labels)
    plan = split_by_people(known, files, labels, classes, fractions, seed)

    lines: dict[str, list[str]] = {}
    names: dict[str, set[str]] = {}
    for part, (split, members) in enumerate(zip(SPLITS, plan.members, strict=True)):
        # A part for which nothing is left is that of train, so that all commands run.
        listed = plan.members[0] if part in plan.empty else members
        lines[split] = [clips[at].line for at in listed]
        names[split] = {person for at in members if (person := known[at]) is not None}

    warnings = [*doubts, *plan.warnings]
    num_people = {split: len(found) for split, found in names.items()}
    return Resplit(lines, list(classes), num_people, warnings)

"""Turn the clips that a reader found into a data set: people, opened files, splits."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from action_recognition.class_names import alike_names, name_problems
from action_recognition.data.annotation_lines import annotation_line
from action_recognition.data.dataset_files import SPLITS, Split
from action_recognition.data.people import people_by_regex
from action_recognition.dataset_tools.doubtful_people import without_doubtful
from action_recognition.dataset_tools.importing.assign_splits import (
    SplitOptions,
    assign_splits,
    some_of,
)
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Remark
from action_recognition.dataset_tools.importing.placing import Placed, Progress, place_all
from action_recognition.errors import UserError, nearest, user_error

# Names of classes that usually mean "no gesture".
_NEGATIVE_NAME = re.compile(
    r"(no|non)[ _-]?gestures?|nothing|none|background|negatives?", re.IGNORECASE
)
Lined = tuple[FoundClip, str]
"""A clip with its annotation line."""


@dataclass(frozen=True)
class ImportOptions:
    """Options that do not depend on the format. `frame_rate_fps` is that of frame folders."""

    split: SplitOptions = field(default_factory=SplitOptions)
    classes: Sequence[str] | None = None
    negative_label: str | None = None
    frame_rate_fps: float | None = None
    jobs: int = 2


@dataclass(frozen=True)
class DataSet:
    """A data set to write.

    `clips` are those of each split, with their lines, in the order of paths. No clip is left for
    `repeated` splits: their lists repeat train. The other fields hold all that the report tells.
    """

    data_root: Path
    classes: list[str]
    clips: dict[Split, list[Lined]]
    left_out: list[Remark]
    changed: list[Remark]
    warnings: list[str]
    split_by: str
    negative_label: str | None = None
    repeated: Sequence[Split] = ()

    @property
    def lists(self) -> dict[Split, list[Lined]]:
        """Return the lists to write: those of `repeated` splits are that of train."""
        repeated = {split: self.clips["train"] for split in self.repeated}
        return {split: clips for split, clips in (self.clips | repeated).items() if clips}


def make_data_set(
    found: Found, options: ImportOptions, progress: Progress = lambda done, total: None
) -> DataSet:
    """Open every file that was found, place its clips and split them.

    Raises UserError: no clip is left, or the negative label is no class.
    """
    _check_names(options.classes or found.classes or (), found)
    found = _with_people(found, options.split.person_regex)
    rate_fps = options.frame_rate_fps or found.folder_rate_fps

    # Open files, number classes and write lines. Each step may leave clips out.
    placed = place_all(found, options.jobs, rate_fps, progress)
    classes = _classes([clip for clip, _ in placed], options.classes or found.classes, found)
    lined = _lines(placed, classes, found)
    _check_some_are_left(lined, found)
    negative_label = _negative_label(classes, options.negative_label, found)

    clips = [clip for clip, _ in lined]
    split_options = dataclasses.replace(options.split, are_folders=found.are_folders)
    splits = assign_splits(clips, classes, split_options, found.warnings)
    by_split = {name: [lined[at] for at in splits.members[name]] for name in SPLITS}
    root, left_out, changed = found.data_root, found.left_out, found.changed
    warnings = found.warnings
    return DataSet(
        data_root=root,
        classes=classes,
        clips=by_split,
        left_out=left_out,
        changed=changed,
        warnings=warnings,
        split_by=splits.split_by,
        negative_label=negative_label,
        repeated=splits.empty,
    )


def _with_people(found: Found, person_regex: str | None) -> Found:
    """Return a copy that may be changed, with the people that the expression finds, if any.

    People that are none, such as one for each class, are taken out and named in a warning.
    """
    found = dataclasses.replace(
        found,
        left_out=list(found.left_out),
        changed=list(found.changed),
        warnings=list(found.warnings),
    )

    # A pattern may find words of cameras, or the classes.
    if person_regex is not None:
        people = people_by_regex((clip.path for clip in found.clips), person_regex)
        labels = [clip.label for clip in found.clips]
        known, doubts = without_doubtful([people[clip.path] for clip in found.clips], labels)
        found.warnings += doubts
        found.clips = [
            dataclasses.replace(clip, person=person)
            for clip, person in zip(found.clips, known, strict=True)
        ]
    return found


def _classes(clips: Sequence[FoundClip], known: Sequence[str] | None, found: Found) -> list[str]:
    """Return the classes in label order: those known, else those in use, sorted.

    Names that are numbers are sorted as numbers.
    """
    used = {clip.label for clip in clips}
    for group in alike_names(sorted(used)):
        alike = " and ".join(map(repr, group))
        found.warnings.append(f"classes {alike} may be one; if so, give their clips one name")
    if known is None:
        if all(map(str.isdecimal, used)):
            return sorted(used, key=lambda name: (int(name), name))
        return sorted(used)

    unused = [name for name in known if name not in used]
    if unused:
        counts = f"{len(unused)} of {len(known)} classes"
        found.warnings.append(f"{counts} have no clip: {some_of(unused, 10)}")
    return list(known)


def _check_names(known: Sequence[str], found: Found) -> None:
    """Raise UserError for classes, known or in use, whose names are no printable text."""
    names = dict.fromkeys([*known, *(clip.label for clip in found.clips)])
    problems = name_problems(names, str(found.data_root))
    if problems:
        raise UserError(problems)


def _lines(placed: Sequence[Placed], classes: Sequence[str], found: Found) -> list[Lined]:
    """Return clips with their annotation lines.

    Clips that cannot be told from their lines again are left out.
    """
    # Annotation files have the numbers of classes.
    label_of = {name: str(number) for number, name in enumerate(classes)}
    lined: list[Lined] = []
    seen: dict[str, str] = {}
    for clip, numbers in sorted(placed, key=lambda item: (item[0].path, item[1] or ())):
        if clip.label not in label_of:
            reason = f"its class {clip.label!r} is not among the classes"
            found.leave_out(clip.where, clip.path, reason)
            continue

        line = annotation_line(clip.path, label_of[clip.label], numbers)
        if line is None:
            why = "its name cannot stand in an annotation line (line break, blank at its end)"
            found.leave_out(clip.where, clip.path, f"{why}; rename it")
        elif line in seen:
            found.leave_out(clip.where, clip.path, f"is the same clip as {seen[line]}")
        else:
            seen[line] = clip.where
            lined.append((clip, line))
    return lined


def _check_some_are_left(lined: Sequence[Lined], found: Found) -> None:
    if not lined:
        reasons = "; ".join(f"{remark.where}: {remark.reason}" for remark in found.left_out[:5])
        raise user_error(str(found.data_root), f"no clip is left of those found; {reasons}")


def negative_names(classes: Sequence[str]) -> list[str]:
    """Return the classes whose names usually mean that there is no gesture.

    >>> negative_names(["wave", "No gesture", "nothing special"])
    ['No gesture']
    """
    return [name for name in classes if _NEGATIVE_NAME.fullmatch(name)]


def _negative_label(classes: Sequence[str], label: str | None, found: Found) -> str | None:
    """Return the negative label: the user's, else the one that the format states.

    Warn where a class is named as negatives are and nobody said that it holds them.
    Raises UserError: the user's is no class.
    """
    if label is not None and label not in classes:
        message = f"no class {label!r}{nearest(label, classes)}"
        raise user_error("--negative-label", message, f"one of: {', '.join(classes)}")
    if label is None and found.negative_label in classes:
        stated = f"class {found.negative_label!r} means no gesture, by the format"
        found.warnings.append(f"{stated}; --negative-label names another")
        return found.negative_label

    named_so = negative_names(classes)
    if named_so and label is None:
        name = repr(named_so[0])
        found.warnings.append(
            f"class {name} is taken for a gesture as the others; "
            f"where it means no gesture, give --negative-label {name}"
        )
    return label

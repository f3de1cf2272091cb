"""The labels of a training run, and their partners in mirrored clips.

Evaluation, export and the demo take the labels from the checkpoint, never from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from action_recognition.class_names import name_problems
from action_recognition.data.annotation_files import (
    AnnotationScan,
    FoundFiles,
    scan_annotation_files,
)
from action_recognition.data.annotations import find_annotation_files
from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.json_files import read_json

CLASSES_FILE = "classes.json"
MAX_NUMBERED_LABELS = 100_000
_SWAPS_KEY = "training.augmentation.flip.label_swaps"


def training_labels(
    ann_files: Sequence[Path],
    classes: Sequence[str] | None,
    template_labels: Sequence[str],
    data_roots: Sequence[Path] = (Path(),),
) -> tuple[list[str], str]:
    """Look up annotation files and return the labels of a training run; see `labels_of_files`."""
    # Classes that are given need no files.
    found = [] if classes else find_annotation_files(ann_files, data_roots)
    return labels_of_files(found, classes, template_labels, None)


def labels_of_files(
    found: FoundFiles,
    classes: Sequence[str] | None,
    template_labels: Sequence[str],
    scan: AnnotationScan | None,
) -> tuple[list[str], str]:
    """Return the labels of a training run in their order, and one line that says their source.

    The first source that applies counts:

    1. `classes` (the flag);
    2. `classes.json`, a list of names, beside the first annotation file or in the first data root;
    3. the template's labels, when the files use exactly those, as names or as numbers 0 to K-1;
    4. the class names that the files use, sorted;
    5. "0" to "K-1".

    `scan` saves reading the files again. Raises UserError: a `classes.json` is not a list of names,
    or the files mix names and numbers.
    """
    if classes:
        return _checked(classes, "--classes"), "labels: from --classes"

    first_file, first_root = found[0]
    for folder in (first_file.parent, first_root):
        file = folder / CLASSES_FILE
        if file.is_file():
            return read_classes(file), f"labels: from {file}"

    scan = scan or scan_annotation_files((file for file, _ in found), template_labels)
    return _labels_in_use(scan.labels, template_labels, str(first_file))


def _labels_in_use(
    used: frozenset[str], template_labels: Sequence[str], where: str
) -> tuple[list[str], str]:
    """Return the labels of files that use these names or numbers, and one line on their source."""
    names = sorted(label for label in used if not label.isdecimal())
    numbers = sorted(int(label) for label in used if label.isdecimal())
    if names and numbers:
        found = f"some labels are class names ({names[0]!r}), others are numbers ({numbers[0]})"
        raise user_error(where, found, f"one kind, or a {CLASSES_FILE} beside the file")

    as_template = set(names) == set(template_labels)
    if template_labels and (as_template or numbers[-1:] == [len(template_labels) - 1]):
        return list(template_labels), "labels: from the template"
    if names:
        names = _checked(names, where)
        return names, f"labels: the {len(names)} class names of the annotation files, sorted"
    return _numbered_labels(numbers, where)


def _numbered_labels(numbers: Sequence[int], where: str) -> tuple[list[str], str]:
    """Return "0" to the highest of the sorted numbers, and one line on their source."""
    if not numbers:
        allowed = "lines of: path label [clip_start clip_end video_start video_end fps]"
        raise user_error(where, "no line has a label", allowed)
    highest = numbers[-1]
    if highest >= MAX_NUMBERED_LABELS:
        raise user_error(where, f"label {highest}", f"numbers below {MAX_NUMBERED_LABELS}")

    # Numbers without a clip are classes too.
    unused = highest + 1 - len(numbers)
    also = f", {unused} of them without a clip" if unused else ""
    counted = f"labels: the annotation files number them 0 to {highest}{also}"
    line = f"{counted}; give names with --classes or {CLASSES_FILE}"
    return [str(number) for number in range(highest + 1)], line


def read_classes(file: Path) -> list[str]:
    """Read the names of a `classes.json`. Raises UserError: it is not a list of names."""
    document = read_json(file, 'a list of names: ["first", "second"]')
    if not isinstance(document, list) or not all(isinstance(name, str) for name in document):
        raise user_error(str(file), "is not a list of names", '["first", "second"]')
    return _checked(document, str(file))


def _checked(names: Sequence[str], where: str) -> list[str]:
    """Return the class names. Raises UserError: there are none, or some are not usable."""
    problems = name_problems(names, where)
    problems += [
        Problem(where, f"class name {name!r} occurs twice")
        for name in sorted({n for n in names if names.count(n) > 1})
    ]

    if not names:
        problems.append(Problem(where, "no class name", "at least one"))
    if problems:
        raise UserError(problems)
    return list(names)


def label_swap_map(label_swaps: Mapping[str, str], labels: Sequence[str]) -> dict[int, int]:
    """Return the label after mirroring of each label that changes, both ways.

    Pairs of which no label is in use are left out. Raises UserError: one label of a pair is not in
    use, or a label has two partners.

    >>> label_swap_map({"left": "right"}, ["right", "stop", "left"])
    {2: 0, 0: 2}
    """
    problems: list[Problem] = []
    swaps: dict[int, int] = {}
    for pair in label_swaps.items():
        unknown = [name for name in pair if name not in labels]
        if len(unknown) == 1:
            problems.append(_unknown_in_pair(unknown[0], pair, labels))
        if unknown:
            continue

        first, second = (labels.index(name) for name in pair)
        if swaps.get(first, second) != second or swaps.get(second, first) != first:
            found = f"a label of {pair} swaps with another label too"
            problems.append(Problem(_SWAPS_KEY, found, "one partner for each label"))
        swaps |= {first: second, second: first}
    if problems:
        raise UserError(problems)
    return swaps


def _unknown_in_pair(name: str, pair: tuple[str, str], labels: Sequence[str]) -> Problem:
    found = f"{name!r} of {pair} is not a label of this run{nearest(name, labels)}"
    fix = "add the class, or set flip.probability to 0 and remove the pair"
    return Problem(_SWAPS_KEY, found, fix=fix)

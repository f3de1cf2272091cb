"""Which labels a training run has. Evaluation, export and the demo take them from the checkpoint, never from here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from action_recognition.data.annotation_lines import numbered_lines, split_line
from action_recognition.data.annotations import find_annotation_files
from action_recognition.errors import Problem, UserError, user_error

CLASSES_FILE = "classes.json"
MAX_NUMBERED_LABELS = 100_000


def training_labels(
    ann_files: Sequence[Path],
    classes: Sequence[str] | None,
    template_labels: Sequence[str],
    data_roots: Sequence[Path] = (Path(),),
) -> tuple[list[str], str]:
    """The labels of a training run in their order, and one line that says where they come from.

    The first that applies: `classes` (the flag); `classes.json`, a list of names, beside the first annotation file or in the first
    data root; the template's labels when the files use exactly those, as names or as numbers 0 to K-1; the class names that the files
    use, sorted; "0" to "K-1". A `UserError` names a `classes.json` that is no list of names.
    """
    if classes:
        return _checked(classes, "--classes"), "labels: from --classes"
    pairs = find_annotation_files(ann_files, data_roots)
    for folder in (pairs[0][0].parent, data_roots[0]):
        file = folder / CLASSES_FILE
        if file.is_file():
            return read_classes(file), f"labels: from {file}"
    used = _used_labels((ann_file for ann_file, _ in pairs), template_labels)
    names = sorted(label for label in used if not label.isdecimal())
    numbers = sorted(int(label) for label in used if label.isdecimal())
    if names and numbers:
        found = f"some labels are class names ({names[0]!r}), others are numbers ({numbers[0]})"
        raise user_error(str(pairs[0][0]), found, f"one kind, or a {CLASSES_FILE} beside the file")
    if template_labels and (
        set(names) == set(template_labels) or (numbers and numbers[-1] + 1 == len(template_labels))
    ):
        return list(template_labels), "labels: from the template"
    if names:
        return names, f"labels: the {len(names)} class names of the annotation files, sorted"
    return _numbered_labels(numbers, str(pairs[0][0]))


def _numbered_labels(numbers: Sequence[int], where: str) -> tuple[list[str], str]:
    if not numbers:
        raise user_error(
            where,
            "no line has a label",
            "lines of: path label [clip_start clip_end video_start video_end fps]",
        )
    num_classes = numbers[-1] + 1
    if num_classes > MAX_NUMBERED_LABELS:
        raise user_error(where, f"label {numbers[-1]}", f"numbers below {MAX_NUMBERED_LABELS}")
    unused = num_classes - len(numbers)
    also = f", {unused} of them without a clip" if unused else ""
    line = f"labels: the annotation files number them 0 to {num_classes - 1}{also}; give names with --classes or {CLASSES_FILE}"
    return [str(number) for number in range(num_classes)], line


def _used_labels(ann_files: Iterable[Path], template_labels: Sequence[str]) -> set[str]:
    with_blanks = [name for name in template_labels if len(name.split()) > 1]
    return {
        split_line(text, with_blanks).label
        for ann_file in ann_files
        for _, text in numbered_lines(ann_file)
    }


def read_classes(file: Path) -> list[str]:
    """The names of a `classes.json`; a `UserError` says what is wrong with it."""
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError) as error:
        raise user_error(
            str(file), f"is no readable JSON ({error})", 'a list of names: ["first", "second"]'
        ) from None
    if not isinstance(document, list) or not all(isinstance(name, str) for name in document):
        raise user_error(str(file), "is no list of names", '["first", "second"]')
    return _checked(document, str(file))


def _checked(names: Sequence[str], where: str) -> list[str]:
    problems = [
        Problem(where, f"class name {name!r} is empty or has blanks around it")
        for name in names
        if name != name.strip() or not name
    ]
    problems += [
        Problem(where, f"class name {name!r} stands twice")
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if not names:
        problems.append(Problem(where, "no class name", "at least one"))
    if problems:
        raise UserError(problems)
    return list(names)

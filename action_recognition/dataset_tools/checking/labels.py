"""The labels that a check compares with: those that training would take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from action_recognition.data.annotation_lines import split_line
from action_recognition.data.labels import CLASSES_FILE, MAX_NUMBERED_LABELS, training_labels
from action_recognition.dataset_tools.checking.all_lines import numbered_texts
from action_recognition.dataset_tools.checking.findings import Findings, Place
from action_recognition.errors import UserError


class Labels(NamedTuple):
    """Class names in their order; `are_given` is False where the annotation files themselves are all that is known of them.

    `file` is the classes.json that they are from; `says` says where they are from.
    """

    names: list[str]
    are_given: bool
    says: str
    file: Path | None = None


def find_labels(
    pairs: Sequence[tuple[Path, Path]],
    classes: Sequence[str] | None,
    template_labels: Sequence[str],
    findings: Findings,
) -> Labels:
    """As `labels.training_labels`; what is wrong with them is noted, and the best that can be made of the lines is taken."""
    files, roots = [file for file, _ in pairs], [root for _, root in pairs]
    try:
        names, says = training_labels(files, classes, template_labels, roots)
        candidates = (folder / CLASSES_FILE for folder in (files[0].parent, roots[0]))
        file = None if classes else next((file for file in candidates if file.is_file()), None)
        return Labels(names, bool(classes or file or names == list(template_labels)), says, file)
    except UserError as error:
        for problem in error.problems:
            if "UTF-8" not in problem.found:  # the line is named later
                findings.add(
                    Place(0, 0),
                    "labels",
                    f"{problem.where}: {problem.found}",
                    problem.allowed or problem.fix,
                )
    used = {split_line(text).label for file in files for _, text in numbered_texts(file)}
    words = sorted(label for label in used if not label.isdecimal())
    numbers = [int(label) for label in used if label.isdecimal() and len(label) < 7]
    if len(words) >= len(numbers):
        return Labels(words, False, "labels: the words that the lines end in")
    return Labels(
        [str(i) for i in range(min(max(numbers) + 1, MAX_NUMBERED_LABELS))],
        False,
        "labels: the numbers that are used",
    )

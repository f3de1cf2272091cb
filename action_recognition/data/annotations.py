"""Annotation files to clip records, with every problem of every file in one error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from action_recognition.data.annotation_files import FoundFiles, unfinished_problems
from action_recognition.data.annotation_lines import (
    COLUMNS,
    Numbers,
    RawLine,
    numbered_lines,
    split_line,
)
from action_recognition.data.annotation_numbers import Explanation, explain_numbers, is_sound
from action_recognition.data.clip_table import (
    UNKNOWN,
    ClipColumns,
    ClipRecord,
    ClipTable,
    PathLookup,
)
from action_recognition.data.path_check import PathChecker
from action_recognition.data.shards.index import ShardLookup, is_shards
from action_recognition.errors import Problem, UserError, nearest, user_error

__all__ = [
    "ClipRecord",
    "ClipTable",
    "find_annotation_files",
    "label_numbers",
    "read_annotations",
    "read_found_annotations",
]
MAX_PROBLEMS_SHOWN = 20
_WHOLE_VIDEO: Numbers = (0, UNKNOWN, 0, UNKNOWN, float(UNKNOWN))


def read_annotations(
    ann_files: Sequence[Path], data_roots: Sequence[Path], labels: Sequence[str]
) -> ClipTable:
    """Read the clips of all annotation files, in order.

    A file is looked for as given, then under its root. There is one root for all files, or one for
    each. A root is a folder or `shards:PATTERN`, and paths in a file are relative to it. A label is
    a name in `labels`, or a number: its place there.

    Raises UserError: the problems of all files.
    """
    return read_found_annotations(find_annotation_files(ann_files, data_roots), labels)


def read_found_annotations(found: FoundFiles, labels: Sequence[str]) -> ClipTable:
    """Read the clips of annotation files that `find_annotation_files` found, with their roots."""
    reader = _Reader(labels)
    # One lookup per root: it remembers the paths of all files under it.
    lookups: dict[Path, PathLookup] = {}
    for ann_file, root in found:
        if root not in lookups:
            lookups[root] = ShardLookup(str(root)) if is_shards(root) else PathChecker(root)
        reader.read(ann_file, lookups[root])
    return reader.result()


def find_annotation_files(
    ann_files: Sequence[Path], data_roots: Sequence[Path]
) -> list[tuple[Path, Path]]:
    """Return each annotation file with its root.

    Raises UserError: the files and roots that do not exist, or files of a run that was cut off.
    """
    if not ann_files:
        raise user_error("annotation files", "none given", fix="name at least one")
    if len(data_roots) not in (1, len(ann_files)):
        found = f"{len(data_roots)} roots for {len(ann_files)} annotation files"
        raise user_error("data roots", found, "one root for all files, or one for each")

    roots = list(data_roots) * (len(ann_files) if len(data_roots) == 1 else 1)
    problems = _missing_roots(roots)
    pairs = []
    # A path as given comes before one under its root.
    for ann_file, root in zip(ann_files, roots, strict=True):
        candidates = [path for path in (ann_file, root / ann_file) if path.is_file()]
        if candidates:
            pairs.append((candidates[0], root))
            problems += unfinished_problems(candidates[0].parent)
        else:
            allowed = f"a path as it is, or one under {root}"
            problems.append(Problem(str(ann_file), "there is no such annotation file", allowed))
    if problems:
        raise UserError(dict.fromkeys(problems))
    return pairs


def _missing_roots(roots: Sequence[Path]) -> list[Problem]:
    """Return one problem for each root that is neither a folder nor a pattern of shards."""
    return [
        Problem(str(root), "there is no such data root")
        for root in dict.fromkeys(roots)
        if not (root.is_dir() or is_shards(root))
    ]


def label_numbers(labels: Sequence[str]) -> dict[str, int]:
    """Return the number of everything that a label column may hold: class names and numbers.

    >>> label_numbers(["wave", "stop"])
    {'wave': 0, 'stop': 1, '0': 0, '1': 1}
    """
    numbers = {name: number for number, name in enumerate(labels) if not name.isdecimal()}
    return numbers | {str(number): number for number in range(len(labels))}


@dataclass
class _Reader:
    """Collects records and problems over all files. Keeps the first problems, counts the rest."""

    labels: Sequence[str]
    columns: ClipColumns = field(default_factory=ClipColumns)
    problems: list[Problem] = field(default_factory=list)
    num_problems: int = 0

    def __post_init__(self) -> None:
        self.label_numbers = label_numbers(self.labels)
        # Only these need a comparison with the end of every line.
        self.names_with_blanks = [name for name in self.labels if len(name.split()) > 1]

    def read(self, ann_file: Path, paths: PathLookup) -> None:
        """Add the clips of a file, and its problems."""
        self.columns.start_file(ann_file, paths.root)
        num_before = len(self.columns) + self.num_problems
        for number, text in numbered_lines(ann_file):
            raw = split_line(text, self.names_with_blanks)
            path, path_problem = paths.find(raw.path)
            label = self.label_numbers.get(raw.label)
            if path_problem or label is None or (raw.numbers and not is_sound(raw.numbers)):
                self._add(f"{ann_file}:{number}", self._explain(text, raw, path_problem))
            else:
                self.columns.add(number, path, label, raw.numbers or _WHOLE_VIDEO)

        # A file that adds neither clips nor problems holds nothing at all.
        if len(self.columns) + self.num_problems == num_before:
            self._add(str(ann_file), [("the file holds no clip", f"lines of {COLUMNS}", "")])

    def result(self) -> ClipTable:
        """Return the clips of all files. Raises UserError: their problems."""
        if not self.problems:
            return ClipTable(self.columns)
        # The last problem counts those that are not listed.
        hidden = self.num_problems - len(self.problems)
        more = [Problem("annotations", f"and {hidden} more problems like these")] if hidden else []
        raise UserError([*self.problems, *more])

    def _add(self, where: str, explanations: list[Explanation]) -> None:
        """Count problems, and keep them while there is room."""
        self.num_problems += len(explanations)
        room = max(MAX_PROBLEMS_SHOWN - len(self.problems), 0)
        self.problems += [Problem(where, *explanation) for explanation in explanations[:room]]

    def _explain(self, text: str, raw: RawLine, path_problem: str) -> list[Explanation]:
        """Return every problem of a line."""
        # A path that does not exist often means columns that are missing or too many.
        num_columns = len(text.split())
        if path_problem and num_columns not in (2, 7):
            found = f"{num_columns} columns; read with blanks in its path: {path_problem}"
            return [(found, f"2 or 7 columns: {COLUMNS}", "")]
        if path_problem and num_columns == 7 and raw.numbers is None:
            return [("columns 3 to 7 are not four frame numbers and a frame rate", COLUMNS, "")]

        problems = [(path_problem, "", "")] if path_problem else []
        if raw.label not in self.label_numbers:
            problems.append(self._explain_label(raw.label))
        return problems + (explain_numbers(raw) if raw.numbers else [])

    def _explain_label(self, label: str) -> Explanation:
        highest = len(self.labels) - 1

        if label.lstrip("+-").isdecimal():
            also = "; a label of digits is a number, not a name" if label in self.labels else ""
            return f"label {label}", f"0 to {highest}{also}", ""

        found = f"no class {label!r}{nearest(label, self.labels)}"
        return found, f"a class name, or 0 to {highest}", ""

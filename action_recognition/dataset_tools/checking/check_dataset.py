"""Run a whole check: lines, files, and lines compared with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.data.annotations import find_annotation_files
from action_recognition.data.dataset_files import METADATA_FILE
from action_recognition.data.people import compile_person_regex, people_by_table
from action_recognition.dataset_tools.checking.across_splits import People, SetChecker
from action_recognition.dataset_tools.checking.all_lines import (
    Labels,
    Progress,
    check_rows,
    find_labels,
)
from action_recognition.dataset_tools.checking.findings import Findings
from action_recognition.dataset_tools.checking.single_line import Row
from action_recognition.errors import UserError
from action_recognition.template import LandmarkInput, Template, load_template_dir

# Lines are checked without the packages that open files.
if TYPE_CHECKING:
    from action_recognition.dataset_tools.checking.media_report import MediaReport

ShownProgress = Callable[[str], AbstractContextManager[Progress]]
"""Opens a bar of that title."""


def no_progress(title: str) -> AbstractContextManager[Progress]:
    """Show nothing."""
    return nullcontext(lambda done, total: None)


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """Options of one check.

    `template` is a work dir, a template's folder, or its template.yaml. With `opens_files` False,
    only lines are read.
    """

    ann_files: Sequence[Path]
    data_roots: Sequence[Path]
    classes: Sequence[str] | None = None
    template: Path | None = None
    person_regex: str | None = None
    metadata: Path | None = None
    opens_files: bool = True
    jobs: int = 1


@dataclass(frozen=True)
class Checked:
    """The findings, and the data set in which they were found.

    `rows` by file and the `reports` on the files are both empty where no file was opened. Videos
    whose hands were tracked have `landmark_files`.
    """

    findings: Findings
    labels: Labels
    ann_files: list[Path]
    splits: list[str]
    num_rows: int
    rows: Mapping[Path, list[Row]]
    reports: Mapping[Path, MediaReport]
    landmark_files: Mapping[Path, Path] = field(default_factory=dict)
    people: People | None = None


def check(options: CheckOptions, shown: ShownProgress = no_progress) -> Checked:
    """Check everything.

    Raises UserError: the call is wrong. Files, roots or a template do not exist, or the person
    expression is broken.
    """
    # Mistakes in the call are reported before any clip is opened.
    pairs = find_annotation_files(options.ann_files, options.data_roots)
    template = load_template_of(options.template)
    files = [file for file, _ in pairs]
    findings = Findings([str(file) for file in files])
    labels = find_labels(pairs, options.classes, template.labels if template else [], findings)
    people = _people(options, files[0].parent)
    together = SetChecker(files, labels, people, findings)

    # Every line, alone and with those before it.
    with shown("reading lines") as progress:
        read = check_rows(pairs, labels.names, findings, progress)
        num_rows, rows = _compare(read, together, options.opens_files)
    together.finish()

    # Every file once, however many lines name it.
    reports = _open_all(list(rows), options.jobs, shown)
    hands: Mapping[Path, Path] = {}
    if reports:
        _check_files(rows, reports, together.splits, findings, template)
        hands = _check_hands(rows, reports, findings, template, options.jobs)
    splits = together.splits
    return Checked(findings, labels, files, splits, num_rows, rows, reports, hands, people)


def _compare(
    rows: Iterable[Row], together: SetChecker, keep: bool
) -> tuple[int, dict[Path, list[Row]]]:
    """Compare every row with those before it. Return their number and, to `keep` them, the rows."""
    num_rows = 0
    by_file: dict[Path, list[Row]] = {}
    for row in rows:
        together.add(row)
        num_rows += 1
        if keep:
            by_file.setdefault(row.path, []).append(row)
    return num_rows, by_file


def load_template_of(path: Path | None) -> Template | None:
    """Load the template of a work dir, of a template's folder, or in a template.yaml."""
    if path is None:
        return None
    return load_template_dir(path.parent if path.is_file() else path)[0]


def _open_all(paths: list[Path], jobs: int, shown: ShownProgress) -> dict[Path, MediaReport]:
    """Report on all files, in the order of `paths`."""
    if not paths:
        return {}
    from action_recognition.dataset_tools.checking.media_reading import inspect_all

    reports = {}
    with shown("opening clips") as progress:
        progress(0, len(paths))
        for path, report in inspect_all(paths, jobs):
            reports[path] = report
            progress(len(reports), len(paths))
    # Reports come as processes finish.
    return {path: reports[path] for path in paths}


def _check_files(
    rows: Mapping[Path, list[Row]],
    reports: Mapping[Path, MediaReport],
    splits: Sequence[str],
    findings: Findings,
    template: Template | None,
) -> None:
    from action_recognition.dataset_tools.checking.clip_ranges import ClipChecker
    from action_recognition.dataset_tools.checking.duplicates import find_duplicates

    # Each file with its lines.
    takes_frames = template is not None and template.input.kind == "frames"
    checker = ClipChecker(findings, template.frames if template and takes_frames else None)
    for path, report in reports.items():
        checker.check_file(rows[path], report)

    # Files compared with each other.
    checker.check_colours(rows, reports)
    checker.note_readings(rows, reports)
    find_duplicates(rows, reports, splits, findings)


def _check_hands(
    rows: Mapping[Path, list[Row]],
    reports: Mapping[Path, MediaReport],
    findings: Findings,
    template: Template | None,
    jobs: int,
) -> Mapping[Path, Path]:
    """Look for hands, where the template takes landmarks of them. Return their files."""
    if template is None or not isinstance(template.input, LandmarkInput):
        return {}
    from action_recognition.dataset_tools.checking.hand_findings import check_hands

    return check_hands(rows, reports, template.input.tracking_rate_fps, findings, jobs)


def _people(options: CheckOptions, folder: Path) -> People | None:
    """Tell people by the options, else by the table beside the annotation files."""
    # People who are given by an option must be known for every clip.
    if options.metadata is not None:
        return People(people_by_table(options.metadata).get, all_known=True)
    if options.person_regex is None:
        return _people_beside(folder)
    pattern = compile_person_regex(options.person_regex)

    def person_of(path: str) -> str | None:
        """Return the first group of the match, or None where it is missing or empty."""
        match = pattern.search(path)
        return (match.group(1) if match else None) or None

    return People(person_of, all_known=True)


def _people_beside(folder: Path) -> People | None:
    """Read `metadata.csv`, as import_clips.py writes it. Return None if it tells no people."""
    try:
        return People(people_by_table(folder / METADATA_FILE).get, all_known=False)
    except UserError:
        return None

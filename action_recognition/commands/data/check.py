"""`tools/data/check.py`: what is wrong with annotation files and the clips that they name."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import class_list, path_list, positive_int
from action_recognition.errors import user_error

if TYPE_CHECKING:
    from action_recognition.dataset_tools.checking.check_dataset import Checked, CheckOptions
    from action_recognition.dataset_tools.checking.findings import Finding

_SHOWN_OF_A_KIND = 10
_EPILOG = "exit code: 0 nothing found but notes, 1 problems found, 2 a wrong call"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="check.py",
        description="Find what is wrong with annotation files and the clips that they name.",
        epilog=_EPILOG,
    )
    add_data_flags(parser)
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write all findings: a list of {file, line, kind, message, repair}",
    )
    parser.add_argument(
        "--fix",
        type=Path,
        metavar="DIR",
        help="write repaired copies and repairs.diff into this new folder; the originals stay as they are",
    )
    parser.add_argument("--no-files", action="store_true", help="read the lines only, open no clip")
    return parser


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that say what to check."""
    data = parser.add_argument_group("data (lists are separated by commas)")
    data.add_argument(
        "--ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help="annotation files; train, val, test by their names",
    )
    data.add_argument(
        "--data-roots",
        type=path_list,
        required=True,
        metavar="DIRS",
        help="where their paths start: one for all, or one a file",
    )
    data.add_argument(
        "--classes",
        type=class_list,
        metavar="A,B,...",
        help="class names in label order (default: classes.json beside the files)",
    )
    data.add_argument(
        "--template",
        type=Path,
        metavar="DIR",
        help="work dir or template: are the clips long enough for it?",
    )
    people = data.add_mutually_exclusive_group()
    people.add_argument(
        "--person-regex",
        metavar="REGEX",
        help=r"its first group is the person in a clip's path, as in '(p\d+)_'",
    )
    people.add_argument(
        "--metadata",
        type=Path,
        metavar="CSV",
        help="paths and persons (default: metadata.csv beside the files)",
    )
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    data.add_argument(
        "--jobs",
        type=positive_int,
        default=cores,
        metavar="N",
        help=f"files opened at a time (default: {cores})",
    )


def check_options(arguments: argparse.Namespace, opens_files: bool) -> CheckOptions:
    """The options that the flags of `add_data_flags` say."""
    from action_recognition.dataset_tools.checking.check_dataset import CheckOptions

    names = ("ann_files", "data_roots", "classes", "template", "person_regex", "metadata", "jobs")
    return CheckOptions(
        **{name: getattr(arguments, name) for name in names}, opens_files=opens_files
    )


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.dataset_tools.checking.check_dataset import check
    from action_recognition.dataset_tools.checking.fixing import check_fix_folder, write_fixed

    if arguments.fix is not None:
        check_fix_folder(arguments.fix)
    if arguments.json is not None and not arguments.json.parent.is_dir():
        raise user_error(f"--json {arguments.json}", f"there is no folder {arguments.json.parent}")
    checked = check(check_options(arguments, not arguments.no_files), shown_progress)
    if arguments.json is not None:
        write_json(arguments.json, checked)
    print_findings(checked)
    if arguments.fix is not None:
        for file, number in write_fixed(
            checked.ann_files, checked.findings, arguments.fix, checked.labels.file
        ).items():
            print(f"{file}: {number} lines repaired")
    return 1 if checked.findings.num_problems else 0


def write_json(file: Path, checked: Checked) -> None:
    """All findings; written beside, then renamed."""
    from action_recognition.data.dataset_files import write_together

    write_together(
        file.parent, {file.name: json.dumps(checked.findings.as_json(), indent=1) + "\n"}
    )


def print_findings(checked: Checked) -> None:
    """The first findings of every kind, then how many there are."""
    findings = list(checked.findings)
    for finding in _first_of_each_kind(findings):
        print(str(finding).encode("utf-8", "backslashreplace").decode())
    hidden = (
        len(findings) - min_shown
        if (min_shown := sum(1 for _ in _first_of_each_kind(findings)))
        else 0
    )
    if hidden:
        print(f"and {hidden} more like these; --json FILE has all")
    problems = checked.findings.num_problems
    notes = sum(checked.findings.counts.values()) - problems
    print(checked.labels.says)
    print(
        f"{checked.num_rows} clips, {len(checked.labels.names)} classes: {problems} problems, {notes} notes"
    )
    for kind, count in checked.findings.counts.most_common():
        print(f"  {count:6} {kind}")


def _first_of_each_kind(findings: Iterable[Finding]) -> Iterable[Finding]:
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.kind] += 1
        if seen[finding.kind] <= _SHOWN_OF_A_KIND:
            yield finding

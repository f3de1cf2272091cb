"""`tools/data/check.py`: find faults in annotation files and in the clips that they name."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.data.common_flags import (
    add_jobs_flag,
    add_list_flags,
    add_people_flags,
    files_of_lists,
)
from action_recognition.errors import user_error
from action_recognition.files import check_result_places
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.dataset_tools.checking.check_dataset import Checked, CheckOptions
    from action_recognition.dataset_tools.checking.findings import Finding

# Findings of one kind that are printed. A file of --json holds all.
_SHOWN_OF_A_KIND = 10
_EPILOG = "exit code: 0 nothing found but notes, 1 problems found, 2 a wrong call"

_DESCRIPTION = "Find faults in annotation files and in the clips that they name."


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/check.py`."""
    parser = argparse.ArgumentParser(
        prog=program("check.py"), description=_DESCRIPTION, epilog=_EPILOG
    )
    add_data_flags(parser)
    _add_output_flags(parser)
    return parser


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name the data to check. show.py takes the same."""
    data = parser.add_argument_group("data (train, val or test in the name of a file is its split)")
    add_list_flags(data)

    data.add_argument(
        "--template",
        type=Path,
        metavar="DIR",
        help="Work dir or template. The check then finds clips that are too short for it, or in "
        "which too little of a hand is seen.",
    )
    # Persons show whether one of them is in two splits.
    add_people_flags(data, default_table="metadata.csv beside the annotation files")
    add_jobs_flag(data)


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="Write all findings to this file: a list of {file, line, kind, message, repair}.",
    )
    parser.add_argument(
        "--fix",
        type=Path,
        metavar="DIR",
        help="Write repaired copies and repairs.diff into this new folder. The originals stay as "
        "they are.",
    )

    parser.add_argument("--no-files", action="store_true", help="Read the lines only, no clip.")


def check_options(arguments: argparse.Namespace, opens_files: bool) -> CheckOptions:
    """Return the options that the flags of `add_data_flags` hold."""
    from action_recognition.dataset_tools.checking.check_dataset import CheckOptions

    names = ("ann_files", "data_roots", "classes", "template", "person_regex", "metadata", "jobs")
    return CheckOptions(
        **{name: getattr(arguments, name) for name in names}, opens_files=opens_files
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, check, print and write the findings. Return 1 where there are problems."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.dataset_tools.checking.check_dataset import check

    # Outputs first: opening all clips can take long.
    _check_outputs(arguments)
    checked = check(check_options(arguments, not arguments.no_files), shown_progress)

    if arguments.json is not None:
        write_json(arguments.json, checked)
    print_findings(checked)
    if arguments.fix is not None:
        _write_repairs(arguments.fix, checked)
    return 1 if checked.findings.num_problems else 0


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Raise UserError where an output cannot be written, before the clips are opened."""
    from action_recognition.dataset_tools.checking.fixing import check_fix_folder

    if arguments.fix is not None:
        check_fix_folder(arguments.fix)
    check_result_places({"--json": arguments.json}, files_of_lists(arguments))
    if arguments.json is not None and not arguments.json.parent.is_dir():
        raise user_error(f"--json {arguments.json}", f"there is no folder {arguments.json.parent}")


def _write_repairs(folder: Path, checked: Checked) -> None:
    from action_recognition.dataset_tools.checking.fixing import write_fixed

    repaired = write_fixed(checked.ann_files, checked.findings, folder, checked.labels.file)
    for file, number in repaired.items():
        print(f"{file}: {number} lines repaired")


def write_json(file: Path, checked: Checked) -> None:
    """Write all findings as JSON."""
    from action_recognition.data.dataset_files import write_together

    text = json.dumps(checked.findings.as_json(), indent=1) + "\n"
    write_together(file.parent, {file.name: text})


def print_findings(checked: Checked) -> None:
    """Print the first findings of every kind, then the number of each kind."""
    findings = list(checked.findings)
    shown = list(_first_of_each_kind(findings))
    for finding in shown:
        # A path may hold bytes that are not UTF-8.
        print(str(finding).encode("utf-8", "backslashreplace").decode())
    if len(shown) < len(findings):
        print(f"and {len(findings) - len(shown)} more like these; --json FILE has all")

    problems = checked.findings.num_problems
    notes = sum(checked.findings.counts.values()) - problems
    num_classes = len(checked.labels.names)
    print(checked.labels.says)
    print(f"{checked.num_rows} clips, {num_classes} classes: {problems} problems, {notes} notes")
    for kind, count in checked.findings.counts.most_common():
        print(f"  {count:6} {kind}")


def _first_of_each_kind(findings: Iterable[Finding]) -> Iterable[Finding]:
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.kind] += 1
        if seen[finding.kind] <= _SHOWN_OF_A_KIND:
            yield finding

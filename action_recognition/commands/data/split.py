"""`tools/data/split.py`: split annotation files again by person."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.data.common_flags import (
    add_force_flag,
    add_fractions_flag,
    add_list_flags,
    add_output_flag,
    add_people_flags,
    add_seed_flag,
)
from action_recognition.errors import user_error
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.dataset_tools.resplitting import Resplit

_DESCRIPTION = (
    "Split the clips of annotation files again. Nobody is in two parts, classes are even, and one "
    "seed always gives the same split. All files need one data root."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/split.py`."""
    parser = argparse.ArgumentParser(prog=program("split.py"), description=_DESCRIPTION)
    add_list_flags(parser)
    add_people_flags(parser)
    add_fractions_flag(parser)
    add_seed_flag(parser, "the split")
    add_output_flag(parser, "Folder for train.txt, val.txt, test.txt and classes.json.")
    add_force_flag(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, split and write the new annotation files."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.data.dataset_files import described, refuse_existing, write_lists
    from action_recognition.data.listed_clips import listed_clips
    from action_recognition.dataset_tools.resplitting import people_of, resplit
    from action_recognition.dataset_tools.splitting import parse_fractions

    # Wrong values and existing files end the command before clips are read.
    _check_roots(arguments.data_roots)
    fractions = parse_fractions(arguments.fractions)
    refuse_existing(arguments.output, arguments.force)

    clips, classes = listed_clips(arguments.ann_files, arguments.data_roots, arguments.classes)
    people = people_of(clips, arguments.person_regex, arguments.metadata)
    result = resplit(clips, classes, people, fractions, arguments.seed)
    dataset = described(arguments.ann_files, arguments.data_roots)
    write_lists(arguments.output, result.lines, classes, dataset)

    _print_result(result, has_people=bool(people))
    print(f"written to {arguments.output}")
    return 0


def _print_result(result: Resplit, *, has_people: bool) -> None:
    for split, lines in result.lines.items():
        of_people = f" of {result.num_people[split]} people" if has_people else ""
        print(f"{split}: {len(lines)} clips{of_people}")
    for warning in result.warnings:
        print(f"warning: {warning}")


def _check_roots(data_roots: Sequence[Path]) -> None:
    """Raise UserError for several roots: a new file holds lines of all old files."""
    if len(set(data_roots)) > 1:
        raise user_error(
            "--data-roots",
            f"found {len(data_roots)} roots",
            "one, from which the paths of all files start",
        )

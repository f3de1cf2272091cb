"""`tools/data/split.py`: annotation files, split again by person."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import class_list, path_list, whole_number


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="split.py",
        description="Split the clips of annotation files again: nobody in two parts, classes evenly, the same for one seed.",
    )
    parser.add_argument(
        "--ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help="annotation files, separated by commas",
    )
    parser.add_argument(
        "--data-roots",
        type=path_list,
        required=True,
        metavar="DIR",
        help="where their paths start: one for all",
    )
    people = parser.add_mutually_exclusive_group()
    people.add_argument(
        "--person-regex",
        metavar="REGEX",
        help=r"its first group is the person in a clip's path, as in '(p\d+)_'",
    )
    people.add_argument(
        "--metadata",
        type=Path,
        metavar="CSV",
        help="a table with a column file and a column person (or signer)",
    )
    parser.add_argument(
        "--classes",
        type=class_list,
        metavar="A,B,...",
        help="class names (default: classes.json beside the annotation)",
    )
    parser.add_argument(
        "--fractions",
        default="70,15,15",
        metavar="A,B,C",
        help="of train, val and test (default: 70,15,15)",
    )
    parser.add_argument("--seed", type=whole_number, default=0, metavar="N", help="(default: 0)")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="gets train.txt, val.txt, test.txt and classes.json",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there already")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.data.dataset_files import described, refuse_existing, write_lists
    from action_recognition.data.listed_clips import listed_clips
    from action_recognition.dataset_tools.resplitting import people_of, resplit
    from action_recognition.dataset_tools.splitting import parse_fractions
    from action_recognition.errors import user_error

    if len(set(arguments.data_roots)) > 1:
        raise user_error(
            "--data-roots",
            f"found {len(arguments.data_roots)} roots",
            "one, from which the paths of all files start",
        )
    fractions = parse_fractions(arguments.fractions)
    refuse_existing(arguments.output, arguments.force)
    clips, classes = listed_clips(arguments.ann_files, arguments.data_roots, arguments.classes)
    people = people_of(clips, arguments.person_regex, arguments.metadata)
    result = resplit(clips, classes, people, fractions, arguments.seed)
    write_lists(
        arguments.output,
        result.lines,
        classes,
        described(arguments.ann_files, arguments.data_roots),
    )
    for split, lines in result.lines.items():
        of_people = f" of {result.num_people[split]} people" if people else ""
        print(f"{split}: {len(lines)} clips{of_people}")
    for warning in result.warnings:
        print(f"warning: {warning}")
    print(f"written to {arguments.output}")
    return 0

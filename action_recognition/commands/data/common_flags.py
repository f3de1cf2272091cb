"""Flags that the commands of `tools/data/` share: annotation files, persons, splits, jobs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from action_recognition.commands.arguments import (
    jobs,
    path_list,
    whole_number,
)
from action_recognition.commands.flags import FlagGroup, add_classes_flag


def add_list_flags(flags: FlagGroup) -> None:
    """Add the annotation files, their data roots and their classes."""
    _add_file_flags(flags)
    add_classes_flag(flags)


def files_of_lists(arguments: argparse.Namespace) -> list[Path]:
    """Return the lists and tables that the flags name, and what lies beside them of a data set."""
    beside = ("classes.json", "dataset.json", "metadata.csv")
    files = [Path(file) for file in arguments.ann_files]
    # Not every command has a table of people.
    people = [table] if (table := vars(arguments).get("metadata")) is not None else []
    return [*files, *people, *(file.with_name(name) for file in files for name in beside)]


def _add_file_flags(flags: FlagGroup) -> None:
    flags.add_argument(
        "--ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help="Annotation files, separated by commas.",
    )

    flags.add_argument(
        "--data-roots",
        type=path_list,
        required=True,
        metavar="DIRS",
        help="Folders in which the paths of these files start: one for all, or one per file.",
    )


def add_output_flag(flags: FlagGroup, content: str, *other_names: str) -> None:
    """Add the folder that a command writes. `content` is the help that names its files."""
    flags.add_argument(
        "--output", *other_names, type=Path, required=True, metavar="DIR", help=content
    )


def add_people_flags(
    flags: FlagGroup, *, is_required: bool = False, default_table: str = ""
) -> None:
    """Add the two ways to find the person of a clip, of which one can be given.

    `default_table` names the table that is read where neither is given.
    """
    default = f" (default: {default_table})" if default_table else ""
    people = flags.add_mutually_exclusive_group(required=is_required)
    people.add_argument(
        "--person-regex",
        metavar="REGEX",
        help="Regular expression whose first group is the person in a clip's path, "
        r"as in '(p\d+)_'.",
    )

    people.add_argument(
        "--metadata",
        type=Path,
        metavar="CSV",
        help=f"Table with a column file and a column person (or signer){default}.",
    )


def add_fractions_flag(flags: FlagGroup) -> None:
    """Add the sizes of the parts of a split."""
    flags.add_argument(
        "--fractions",
        default="70,15,15",
        metavar="A,B,C",
        help="Shares of train, val and test (default: 70,15,15).",
    )


def add_seed_flag(flags: FlagGroup, what: str) -> None:
    """Add the seed of what is drawn at random. `what` names it."""
    flags.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help=f"Seed of {what}, 0 or more (default: 0).",
    )


def add_force_flag(flags: FlagGroup) -> None:
    """Add the permission to replace files."""
    flags.add_argument(
        "--force", action="store_true", help="Replace files of an earlier run in that folder."
    )


def add_image_extension_flag(flags: FlagGroup, *other_names: str) -> None:
    """Add the format of written images."""
    flags.add_argument(
        "--image-extension",
        *other_names,
        choices=("jpg", "png"),
        default="jpg",
        help="Format of the images (default: jpg).",
    )


def add_jobs_flag(flags: FlagGroup, *other_names: str) -> None:
    """Add the number of clips or photos opened at a time. The default is one per usable core."""
    cores = usable_cores()

    flags.add_argument(
        "--jobs",
        *other_names,
        type=jobs,
        default=cores,
        metavar="N",
        help=f"Number of files opened at a time, 1 or more (default: {cores}).",
    )


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

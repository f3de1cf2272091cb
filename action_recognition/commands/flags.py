"""Flags that several commands share: clips of a split, how they are read, persons, negatives."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import (
    class_list,
    path_list,
    share_between,
    workers,
)
from action_recognition.errors import user_error

FlagGroup = argparse._ActionsContainer
"""A parser, or a group of flags in it."""


def add_split_flags(flags: FlagGroup, split: str, clips: str, *, is_required: bool = True) -> None:
    """Add the annotation files and the data roots of one split. `clips` names its clips."""
    flags.add_argument(
        f"--{split}-ann-files",
        type=path_list,
        required=is_required,
        default=[],
        metavar="FILES",
        help=f"Annotation files of {clips}, separated by commas.",
    )

    _add_roots_flag(flags, split, is_required=is_required)


def _add_roots_flag(flags: FlagGroup, split: str, *, is_required: bool) -> None:
    flags.add_argument(
        f"--{split}-data-roots",
        type=path_list,
        required=is_required,
        default=[],
        metavar="DIRS",
        help="Folders in which the paths of these files start, or shards:PATTERN. "
        "Give one for all files or one per file.",
    )


def add_classes_flag(flags: FlagGroup) -> None:
    """Add the names of the classes."""
    flags.add_argument(
        "--classes",
        type=class_list,
        metavar="A,B,...",
        help="Class names in label order (default: classes.json beside the annotation files).",
    )


def add_decoding_flags(flags: FlagGroup) -> None:
    """Add the flags that say how clips are decoded, and what a broken clip does."""
    flags.add_argument(
        "--num-workers",
        type=workers,
        default=2,
        metavar="N",
        help="Decode clips in N processes (0 or more, default: 2).",
    )

    flags.add_argument(
        "--strict",
        action="store_true",
        help="Stop at the first clip that cannot be read (default: name it and skip it).",
    )


def add_hand_detector_flag(flags: FlagGroup) -> None:
    """Add the detector that cuts out the hand."""
    flags.add_argument(
        "--hand-detector",
        type=Path,
        metavar="FILE",
        help="Detector of hands, ONNX or IR, for models that take cut-out hands (--crop hand).",
    )


def add_person_flag(flags: FlagGroup, effect: str) -> None:
    """Add the pattern that finds the person in a path. `effect` says what persons change."""
    flags.add_argument(
        "--person-regex",
        metavar="REGEX",
        help="Regular expression whose first group is the person in a clip's path, "
        rf"as in '(p\d+)_'. {effect}",
    )


def add_folds_flag(flags: FlagGroup, effect: str) -> None:
    """Add the folder of a study by folds. `effect` says what the command does with it."""
    flags.add_argument(
        "--folds",
        type=Path,
        metavar="DIR",
        help=f"Folder of the checkpoints of train.py --folds. {effect}",
    )


def add_negative_list_flags(flags: FlagGroup) -> None:
    """Add the annotation files and data roots of clips that show no gesture."""
    flags.add_argument(
        "--negative-ann-files",
        type=path_list,
        default=[],
        metavar="FILES",
        help="Annotation files of clips of people who do other things, separated by commas.",
    )

    flags.add_argument(
        "--negative-data-roots",
        type=path_list,
        default=[],
        metavar="DIRS",
        help="Folders in which the paths of these files start: one for all, or one per file.",
    )


def add_negative_flags(parser: argparse.ArgumentParser) -> None:
    """Add the group of flags of negatives: clips without a gesture, and their false alarms."""
    negatives = parser.add_argument_group("negatives: people who do other things (any labels)")
    add_negative_list_flags(negatives)

    negatives.add_argument(
        "--false-alarm-rate",
        type=share_between,
        default=0.01,
        metavar="R",
        help="Share of negatives that may be taken for a gesture (between 0 and 1, default: 0.01).",
    )


def check_clips_or_folds(arguments: argparse.Namespace, split: str) -> None:
    """Check that the clips of a split are given, or --folds, whose clips take their place.

    Raises UserError: both, none, or one flag without the other. Flags that are not given are None,
    and are set to empty lists.
    """
    names = (f"{split}_ann_files", f"{split}_data_roots")
    flags = [f"--{name.replace('_', '-')}" for name in names]
    missing = [
        flag for flag, name in zip(flags, names, strict=True) if getattr(arguments, name) is None
    ]
    if arguments.folds is None and missing:
        raise user_error(", ".join(missing), "is missing", "clips, or --folds DIR")
    if arguments.folds is not None and len(missing) < len(names):
        raise user_error("--folds", "brings its own clips", fix=f"leave out {' and '.join(flags)}")
    if arguments.folds is not None:
        vars(arguments).update({name: [] for name in names})


def check_negatives(ann_files: Sequence[Path], data_roots: Sequence[Path]) -> None:
    """Raise UserError when only one of the two flags of negatives is given."""
    if bool(ann_files) != bool(data_roots):
        raise user_error(
            "--negative-ann-files, --negative-data-roots",
            "one is given without the other",
            "both or none",
        )

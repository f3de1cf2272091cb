"""`tools/data/make_negatives.py`: cut clips without a gesture out of long videos."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_float
from action_recognition.commands.data.common_flags import (
    add_force_flag,
    add_list_flags,
    add_output_flag,
    add_seed_flag,
)
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.data.listed_clips import ListedClip
    from action_recognition.dataset_tools.negatives import Stretch

_DESCRIPTION = (
    "Add lines for stretches of long videos in which no gesture is annotated. The annotation has "
    "to name every gesture of its videos. Each file keeps its clips and gets stretches of its own "
    "videos, so that nobody changes sides."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/make_negatives.py`."""
    parser = argparse.ArgumentParser(prog=program("make_negatives.py"), description=_DESCRIPTION)
    add_list_flags(parser)
    _add_output_flags(parser)
    add_force_flag(parser)
    _add_stretch_flags(parser)
    _add_place_flags(parser)
    add_seed_flag(parser, "the choice of stretches")
    return parser


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--negative-label",
        default="no gesture",
        metavar="NAME",
        help="Class of the new lines (default: no gesture).",
    )
    add_output_flag(parser, "Folder for the annotation files with the new lines.")


def _add_stretch_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ratio",
        type=positive_float,
        default=1.0,
        metavar="X",
        help="Number of stretches for each clip of an average class, above 0 (default: 1).",
    )


def _add_place_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--length-s",
        type=positive_float,
        metavar="S",
        help="Length of a stretch in seconds, above 0 (default: lengths of the gestures).",
    )

    parser.add_argument(
        "--margin-s",
        type=positive_float,
        default=0.5,
        metavar="S",
        help="Distance from every gesture in seconds, above 0 (default: 0.5).",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, find stretches without a gesture, and write the annotation files."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.data.dataset_files import dataset_text, refuse_existing, write_lists
    from action_recognition.data.listed_clips import listed_clips
    from action_recognition.dataset_tools.negatives import NegativeOptions, find_stretches

    refuse_existing(arguments.output, arguments.force)
    clips, classes = listed_clips(arguments.ann_files, arguments.data_roots, arguments.classes)
    negative_label = arguments.negative_label
    # One seed always gives the same stretches.
    options = NegativeOptions(
        arguments.margin_s, arguments.ratio, arguments.length_s, arguments.seed
    )
    stretches, said = find_stretches(clips, negative_label, options)

    # A new class gets the next label, so that the other labels stay.
    if negative_label not in classes:
        classes = [*classes, negative_label]
    label = classes.index(negative_label)
    lines = _extended_lines(clips, stretches, label)
    write_lists(arguments.output, lines, classes, dataset_text(negative_label))
    for line in said:
        print(line)
    print(f"written to {arguments.output}, with {negative_label!r} as label {label}")
    return 0


def _extended_lines(
    clips: Sequence[ListedClip], stretches: Sequence[Stretch], label: int
) -> dict[str, list[str]]:
    """Return the lines of each split: those of the clips as they are, then the new ones."""
    lines: dict[str, list[str]] = {}
    for clip in clips:
        lines.setdefault(clip.split, []).append(clip.line)
    for stretch in stretches:
        line = stretch.line(label)
        if line is not None:
            lines[stretch.split].append(line)
    return lines

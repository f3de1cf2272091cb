"""`tools/data/make_negatives.py`: clips without a gesture out of long videos."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import (
    class_list,
    path_list,
    positive_float,
    whole_number,
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make_negatives.py",
        description="Add lines for stretches of long videos in which no gesture is annotated. The annotation has to name every gesture of "
        "its videos. Each file keeps its clips and gets stretches of its own videos, so that nobody changes sides.",
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
        metavar="DIRS",
        help="where their paths start: one, or one a file",
    )
    parser.add_argument(
        "--classes",
        type=class_list,
        metavar="A,B,...",
        help="class names (default: classes.json beside the annotation)",
    )
    parser.add_argument(
        "--negative-label",
        default="no gesture",
        metavar="NAME",
        help="the class that they get (default: no gesture)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="gets the annotation files, with the lines added",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there already")
    parser.add_argument(
        "--ratio",
        type=positive_float,
        default=1.0,
        metavar="X",
        help="stretches for each clip of an average class (default: 1)",
    )
    parser.add_argument(
        "--length-s",
        type=positive_float,
        metavar="S",
        help="length of a stretch (default: lengths of the gestures)",
    )
    parser.add_argument(
        "--margin-s",
        type=positive_float,
        default=0.5,
        metavar="S",
        help="distance from every gesture (default: 0.5)",
    )
    parser.add_argument("--seed", type=whole_number, default=0, metavar="N", help="(default: 0)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.data.dataset_files import dataset_text, refuse_existing, write_lists
    from action_recognition.data.listed_clips import listed_clips
    from action_recognition.dataset_tools.negatives import NegativeOptions, find_stretches

    refuse_existing(arguments.output, arguments.force)
    clips, classes = listed_clips(arguments.ann_files, arguments.data_roots, arguments.classes)
    options = NegativeOptions(
        arguments.margin_s, arguments.ratio, arguments.length_s, arguments.seed
    )
    stretches, said = find_stretches(clips, arguments.negative_label, options)
    if arguments.negative_label not in classes:
        classes = [*classes, arguments.negative_label]
    label = classes.index(arguments.negative_label)
    lines: dict[str, list[str]] = {}
    for clip in clips:
        lines.setdefault(clip.split, []).append(clip.line)
    for stretch in stretches:
        lines[stretch.split] += [line for line in (stretch.line(label),) if line is not None]
    write_lists(arguments.output, lines, classes, dataset_text(arguments.negative_label))
    for line in said:
        print(line)
    print(f"written to {arguments.output}, with {arguments.negative_label!r} as label {label}")
    return 0

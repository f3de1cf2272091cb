"""`tools/data/build_dataset.py`: make photos in the size of training, once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.common_flags import (
    add_image_extension_flag,
    add_jobs_flag,
    add_list_flags,
    add_output_flag,
)
from action_recognition.commands.flags import add_hand_detector_flag
from action_recognition.errors import user_error
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.dataset_tools.photo_building import PhotoBuilder

_DESCRIPTION = (
    "Write the photos of annotation files upright, in RGB and at the size of training, with new "
    "annotation files. --crop keeps the hands only. Started again, it resumes where it stopped."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/build_dataset.py`."""
    parser = argparse.ArgumentParser(prog=program("build_dataset.py"), description=_DESCRIPTION)
    add_list_flags(parser)
    _add_picture_flags(parser)
    _add_crop_flags(parser)
    add_jobs_flag(parser)
    return parser


def _add_picture_flags(parser: argparse.ArgumentParser) -> None:
    add_output_flag(parser, "The new data root. It gets the annotation files too.")
    parser.add_argument(
        "--size",
        type=positive_int,
        default=320,
        metavar="N",
        help="Longer side of a photo in pixels at most, 1 or more (default: 320).",
    )

    add_image_extension_flag(parser)


def _add_crop_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--crop",
        choices=("none", "boxes", "hand"),
        default="none",
        help="Keep whole photos, the boxes of --boxes, or the hand that --hand-detector finds "
        "(default: none).",
    )
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="PATH",
        help="Annotation of HaGRID, a JSON file or a folder of them. Each hand becomes a picture.",
    )

    add_hand_detector_flag(parser)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, write photos and annotation files. Return 1 where photos were left out."""
    arguments = build_parser().parse_args(argv)
    _check(arguments)
    from action_recognition.commands.data import reports
    from action_recognition.data.annotations import find_annotation_files
    from action_recognition.data.labels import training_labels

    sources = (arguments.ann_files, arguments.data_roots)
    labels, _ = training_labels(arguments.ann_files, arguments.classes, (), arguments.data_roots)
    pairs = find_annotation_files(*sources)
    _check_output(arguments.output, pairs)

    builder = _builder(arguments)
    with reports.shown_progress("building") as progress:
        lines, left_out = builder.build(pairs, labels, arguments.jobs, progress)

    # Photos that cannot be read are named and left out.
    reports.print_left_out(left_out)
    reports.write_new_root(arguments.output, reports.list_texts(lines), labels, sources)
    num_pictures = sum(map(len, lines.values()))
    print(f"{num_pictures} pictures in {arguments.output}, {len(left_out)} left out")
    return 1 if left_out else 0


def _builder(arguments: argparse.Namespace) -> PhotoBuilder:
    from action_recognition.dataset_tools.photo_boxes import read_boxes
    from action_recognition.dataset_tools.photo_building import BuildSettings, PhotoBuilder
    from action_recognition.detection.hand_finder import HandFinder

    boxes = read_boxes(arguments.boxes) if arguments.crop == "boxes" else None
    finder = HandFinder(arguments.hand_detector) if arguments.crop == "hand" else None
    settings = BuildSettings(arguments.size, arguments.image_extension, arguments.crop)
    return PhotoBuilder(arguments.output, settings, boxes, finder)


def _check(arguments: argparse.Namespace) -> None:
    """Raise UserError when the flag of a crop is missing, or given without its crop."""
    for crop, flag, value in (
        ("boxes", "--boxes", arguments.boxes),
        ("hand", "--hand-detector", arguments.hand_detector),
    ):
        if (arguments.crop == crop) != (value is not None):
            raise user_error(flag, f"and --crop {crop} belong together", fix="give both or neither")


def _check_output(output: Path, pairs: Sequence[tuple[Path, Path]]) -> None:
    """Raise UserError when the new photos would overwrite the old ones."""
    if any(root.resolve() == output.resolve() for _, root in pairs):
        raise user_error(
            "--output",
            f"{output} is the data root of the photos themselves",
            "another folder",
        )

"""`tools/data/extract.py`: write the frames of clips as folders of numbered images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.common_flags import (
    add_image_extension_flag,
    add_jobs_flag,
    add_list_flags,
    add_output_flag,
)
from action_recognition.program import program

_DESCRIPTION = (
    "Write the frames of clips (video_start to video_end of their lines) as folders of numbered "
    "images, with new annotation files. Started again, it resumes where it stopped."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/extract.py`."""
    parser = argparse.ArgumentParser(prog=program("extract.py"), description=_DESCRIPTION)
    add_list_flags(parser)
    _add_image_flags(parser)
    add_jobs_flag(parser)
    return parser


def _add_image_flags(parser: argparse.ArgumentParser) -> None:
    add_output_flag(parser, "The new data root. It gets the annotation files too.")
    parser.add_argument(
        "--max-image-size",
        type=positive_int,
        default=256,
        metavar="N",
        help="Longer side of an image in pixels at most, 1 or more (default: 256).",
    )

    add_image_extension_flag(parser)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, write images and annotation files. Return 1 where clips were left out."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data import reports
    from action_recognition.data.annotations import find_annotation_files
    from action_recognition.data.labels import training_labels
    from action_recognition.dataset_tools.extraction import extract_lists
    from action_recognition.dataset_tools.image_folders import ImageSettings

    sources = (arguments.ann_files, arguments.data_roots)
    labels, _ = training_labels(arguments.ann_files, arguments.classes, (), arguments.data_roots)
    pairs = find_annotation_files(*sources)

    settings = ImageSettings(arguments.max_image_size, arguments.image_extension)
    with reports.shown_progress("extracting frames") as progress:
        lines, left_out = extract_lists(
            pairs, labels, arguments.output, settings, arguments.jobs, progress
        )

    # Clips that cannot be read are named and left out.
    reports.print_left_out(left_out)
    reports.write_new_root(arguments.output, reports.list_texts(lines), labels, sources)
    num_clips = sum(map(len, lines.values()))
    print(f"{num_clips} clips extracted to {arguments.output}, {len(left_out)} left out")
    return 1 if left_out else 0

"""`tools/data/extract.py`: frames of clips as folders of numbered images."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import class_list, path_list, positive_int


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="extract.py",
        description="Write the frames of clips (video_start to video_end of their lines) as folders of numbered images, with new "
        "annotation files. Run again, it goes on where it stopped.",
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
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="the new data root; gets the annotation files too",
    )
    parser.add_argument(
        "--max-image-size",
        type=positive_int,
        default=256,
        metavar="N",
        help="longer side in pixels (default: 256)",
    )
    parser.add_argument(
        "--image-extension", choices=("jpg", "png"), default="jpg", help="(default: jpg)"
    )
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--jobs",
        type=positive_int,
        default=cores,
        metavar="N",
        help=f"clips at a time (default: {cores})",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.data.annotations import find_annotation_files
    from action_recognition.data.dataset_files import (
        DATASET_FILE,
        classes_text,
        described,
        write_together,
    )
    from action_recognition.data.labels import CLASSES_FILE, training_labels
    from action_recognition.dataset_tools.extraction import ImageSettings, extract_lists

    labels, _ = training_labels(arguments.ann_files, arguments.classes, (), arguments.data_roots)
    pairs = find_annotation_files(arguments.ann_files, arguments.data_roots)
    settings = ImageSettings(arguments.max_image_size, arguments.image_extension)
    with shown_progress("extracting frames") as progress:
        lines, left_out = extract_lists(
            pairs, labels, arguments.output, settings, arguments.jobs, progress
        )
    for line, reason in left_out:
        print(f"left out: {line}: {reason}", file=sys.stderr)
    texts = {name: "".join(f"{line}\n" for line in found) for name, found in lines.items()}
    texts |= {
        CLASSES_FILE: classes_text(labels),
        DATASET_FILE: described(arguments.ann_files, arguments.data_roots),
    }
    write_together(arguments.output, texts)
    print(
        f"{sum(map(len, lines.values()))} clips extracted to {arguments.output}, {len(left_out)} left out"
    )
    return 1 if left_out else 0

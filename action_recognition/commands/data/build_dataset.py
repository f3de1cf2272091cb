"""`tools/data/build_dataset.py`: photos in the size that training wants, made once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import class_list, path_list, positive_int
from action_recognition.errors import user_error


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="build_dataset.py",
        description="Write the photos of annotation files upright and in RGB at the size that training wants, perhaps their hands only, "
        "with new annotation files. Run again, it goes on where it stopped.",
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
        "--size",
        type=positive_int,
        default=320,
        metavar="N",
        help="longer side in pixels at most (default: 320)",
    )
    parser.add_argument(
        "--image-extension", choices=("jpg", "png"), default="jpg", help="(default: jpg)"
    )
    parser.add_argument(
        "--crop",
        choices=("none", "boxes", "hand"),
        default="none",
        help="boxes: those of --boxes; hand: by --hand-detector",
    )
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="PATH",
        help="HaGRID's annotation, a JSON file or a folder of them: a picture for each hand",
    )
    parser.add_argument(
        "--hand-detector", type=Path, metavar="FILE", help="a detector of hands, ONNX or IR"
    )
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--jobs",
        type=positive_int,
        default=cores,
        metavar="N",
        help=f"photos at a time (default: {cores})",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    _check(arguments)
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.data.annotations import find_annotation_files
    from action_recognition.data.dataset_files import (
        DATASET_FILE,
        classes_text,
        described,
        write_together,
    )
    from action_recognition.data.hand_crops import HandFinder
    from action_recognition.data.labels import CLASSES_FILE, training_labels
    from action_recognition.dataset_tools.photo_building import (
        BuildSettings,
        PhotoBuilder,
        read_boxes,
    )

    labels, _ = training_labels(arguments.ann_files, arguments.classes, (), arguments.data_roots)
    pairs = find_annotation_files(arguments.ann_files, arguments.data_roots)
    if any(root.resolve() == arguments.output.resolve() for _, root in pairs):
        raise user_error(
            "--output",
            f"{arguments.output} is the data root of the photos themselves",
            "a folder of its own",
        )
    boxes = read_boxes(arguments.boxes) if arguments.crop == "boxes" else None
    finder = HandFinder(arguments.hand_detector) if arguments.crop == "hand" else None
    builder = PhotoBuilder(
        arguments.output,
        BuildSettings(arguments.size, arguments.image_extension, arguments.crop),
        boxes,
        finder,
    )
    with shown_progress("building") as progress:
        lines, left_out = builder.build(pairs, labels, arguments.jobs, progress)
    for line, reason in left_out:
        print(f"left out: {line}: {reason}", file=sys.stderr)
    texts = {name: "".join(f"{line}\n" for line in found) for name, found in lines.items()}
    texts |= {
        CLASSES_FILE: classes_text(labels),
        DATASET_FILE: described(arguments.ann_files, arguments.data_roots),
    }
    write_together(arguments.output, texts)
    print(
        f"{sum(map(len, lines.values()))} pictures in {arguments.output}, {len(left_out)} left out"
    )
    return 1 if left_out else 0


def _check(arguments: argparse.Namespace) -> None:
    """Each crop has a flag of its own. Errors: the flag is missing, or there without its crop."""
    for crop, flag, value in (
        ("boxes", "--boxes", arguments.boxes),
        ("hand", "--hand-detector", arguments.hand_detector),
    ):
        if (arguments.crop == crop) != (value is not None):
            raise user_error(flag, f"and --crop {crop} belong together", fix="give both or neither")

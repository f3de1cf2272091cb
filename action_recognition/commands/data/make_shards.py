"""`tools/data/make_shards.py`: the videos of annotation files as a few large tar files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import class_list, path_list, positive_int, whole_number


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make_shards.py",
        description="Write the videos and frame folders of annotation files as shards: tar files in WebDataset's form. train.py and "
        "eval.py take them as --train-data-roots shards:DIR/train-*.tar. Run again, it goes on where it stopped.",
    )
    parser.add_argument(
        "--ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help="each gets shards of its name",
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
        help="gets NAME-000000.tar, ... and the annotation files",
    )
    parser.add_argument(
        "--shard-mb",
        type=positive_int,
        default=256,
        metavar="N",
        help="size of a shard in MB (default: 256)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="of the order of the videos (default: 0)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.progress import shown_progress
    from action_recognition.data.annotations import find_annotation_files, read_annotations
    from action_recognition.data.dataset_files import (
        DATASET_FILE,
        classes_text,
        described,
        write_together,
    )
    from action_recognition.data.labels import CLASSES_FILE, training_labels
    from action_recognition.dataset_tools.sharding import plan_shards, videos_of, write_shards
    from action_recognition.errors import user_error

    labels, _ = training_labels(arguments.ann_files, arguments.classes, (), arguments.data_roots)
    pairs = find_annotation_files(arguments.ann_files, arguments.data_roots)
    if len({file.name for file, _ in pairs}) < len(pairs):
        raise user_error(
            "--ann-files",
            "two annotation files have one name",
            "different names, since their shards get them too",
        )
    for file, root in pairs:
        videos = videos_of(read_annotations([file], [root], labels), root, arguments.seed)
        plan = list(plan_shards(videos, arguments.shard_mb * 1_000_000))
        with shown_progress(f"{file.stem}: shards") as progress:
            shards = write_shards(plan, arguments.output, file.stem, labels, progress)
        print(
            f"{file.stem}: {len(videos)} videos in {len(shards)} shards: shards:{arguments.output}/{file.stem}-*.tar"
        )
    texts = {file.name: file.read_text(encoding="utf-8-sig") for file, _ in pairs}
    texts |= {
        CLASSES_FILE: classes_text(labels),
        DATASET_FILE: described(arguments.ann_files, arguments.data_roots),
    }
    write_together(arguments.output, texts)
    return 0

"""`tools/data/make_shards.py`: pack the videos of annotation files into a few large tar files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import positive_int
from action_recognition.commands.data.common_flags import (
    add_list_flags,
    add_output_flag,
    add_seed_flag,
)
from action_recognition.errors import user_error
from action_recognition.program import program

_DESCRIPTION = (
    "Write the videos and frame folders of annotation files as shards: tar files in WebDataset's "
    "form, named after the annotation files. train.py and eval.py take them as --train-data-roots "
    "shards:DIR/train-*.tar. Started again, it resumes where it stopped."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/make_shards.py`."""
    parser = argparse.ArgumentParser(prog=program("make_shards.py"), description=_DESCRIPTION)
    add_list_flags(parser)
    _add_shard_flags(parser)
    add_seed_flag(parser, "the order of the videos")
    return parser


def _add_shard_flags(parser: argparse.ArgumentParser) -> None:
    add_output_flag(parser, "Folder for NAME-000000.tar, ... and the annotation files.")

    parser.add_argument(
        "--shard-mb",
        type=positive_int,
        default=256,
        metavar="N",
        help="Size of a shard in MB, 1 or more (default: 256).",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, write the shards and the annotation files."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.data.reports import write_new_root
    from action_recognition.data.annotations import find_annotation_files
    from action_recognition.data.labels import training_labels

    sources = (arguments.ann_files, arguments.data_roots)
    labels, _ = training_labels(arguments.ann_files, arguments.classes, (), arguments.data_roots)
    pairs = find_annotation_files(*sources)
    _check_names(pairs)

    # The annotation files stay as they are. Only the data root changes.
    for file, root in pairs:
        _write_shards_of(file, root, labels, arguments)
    texts = {file.name: file.read_text(encoding="utf-8-sig") for file, _ in pairs}
    write_new_root(arguments.output, texts, labels, sources)
    return 0


def _check_names(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Raise UserError for annotation files of one name: their shards are named after them."""
    if len({file.name for file, _ in pairs}) < len(pairs):
        raise user_error(
            "--ann-files",
            "two annotation files have one name",
            "different names, since their shards get them too",
        )


def _write_shards_of(
    file: Path, root: Path, labels: Sequence[str], arguments: argparse.Namespace
) -> None:
    """Write the shards of one annotation file and print the data root that takes them."""
    from action_recognition.commands.data.reports import shown_progress
    from action_recognition.data.annotations import read_annotations
    from action_recognition.dataset_tools.sharding import plan_shards, videos_of, write_shards

    videos = videos_of(read_annotations([file], [root], labels), root, arguments.seed)
    plan = list(plan_shards(videos, arguments.shard_mb * 1_000_000))
    with shown_progress(f"{file.stem}: shards") as progress:
        shards = write_shards(plan, arguments.output, file.stem, labels, progress)

    pattern = f"shards:{arguments.output}/{file.stem}-*.tar"
    print(f"{file.stem}: {len(videos)} videos in {len(shards)} shards: {pattern}")

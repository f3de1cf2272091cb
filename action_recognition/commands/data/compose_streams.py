"""`tools/data/compose_streams.py`: long videos with known events, made of clips."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import (
    class_list,
    path_list,
    positive_float,
    positive_int,
    whole_number,
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compose_streams.py",
        description="Make streams with known events out of clips, for eval.py --stream: one person a stream, rest between the gestures, "
        "cuts marked. Clips of people who do other things become streams without events.",
    )
    parser.add_argument(
        "--ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help="clips not trained on, seven columns a line",
    )
    parser.add_argument(
        "--data-roots",
        type=path_list,
        required=True,
        metavar="DIRS",
        help="where their paths start",
    )
    people = parser.add_mutually_exclusive_group(required=True)
    people.add_argument(
        "--person-regex",
        metavar="REGEX",
        help=r"its first group is the person in a clip's path, as in '(p\d+)_'",
    )
    people.add_argument(
        "--metadata",
        type=Path,
        metavar="CSV",
        help="a table with a column file and a column person (or signer)",
    )
    parser.add_argument(
        "--classes",
        type=class_list,
        metavar="A,B,...",
        help="class names (default: classes.json beside the annotation)",
    )
    parser.add_argument(
        "--negative-ann-files",
        type=path_list,
        default=[],
        metavar="FILES",
        help="clips of people who do other things",
    )
    parser.add_argument(
        "--negative-data-roots",
        type=path_list,
        default=[],
        metavar="DIRS",
        help="where their paths start",
    )
    parser.add_argument(
        "--gap-s",
        type=positive_float,
        default=2.0,
        metavar="S",
        help="shortest rest between gestures (default: 2)",
    )
    parser.add_argument(
        "--max-clips",
        type=positive_int,
        default=20,
        metavar="N",
        help="gestures a stream, at most (default: 20)",
    )
    parser.add_argument("--seed", type=whole_number, default=0, metavar="N", help="(default: 0)")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="gets the videos and streams.json"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace streams that are there already"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from action_recognition.data.listed_clips import listed_clips
    from action_recognition.data.stream_files import STREAMS_FILE, write_streams
    from action_recognition.dataset_tools.resplitting import people_of
    from action_recognition.dataset_tools.stream_composition import (
        CompositionOptions,
        compose_all,
        plan_single,
        plan_streams,
    )
    from action_recognition.errors import user_error

    target = arguments.output / STREAMS_FILE
    if target.exists() and not arguments.force:
        raise user_error(
            "--output", f"{target} is there already", fix="name another folder, or --force"
        )
    if bool(arguments.negative_ann_files) != bool(arguments.negative_data_roots):
        raise user_error(
            "--negative-ann-files, --negative-data-roots",
            "one is given without the other",
            "both or none",
        )
    clips, _ = listed_clips(arguments.ann_files, arguments.data_roots, arguments.classes)
    if any(clip.numbers is None for clip in clips):
        raise user_error(
            "--ann-files", "a line has two columns", "seven columns, which say where the clip lies"
        )
    options = CompositionOptions(
        gap_min_s=arguments.gap_s, max_clips=arguments.max_clips, seed=arguments.seed
    )
    planned = plan_streams(
        clips, people_of(clips, arguments.person_regex, arguments.metadata), options
    )
    others = []
    if arguments.negative_ann_files:
        negatives, _ = listed_clips(
            arguments.negative_ann_files, arguments.negative_data_roots, None
        )
        others = plan_single([clip for clip in negatives if clip.numbers is not None], options)
    arguments.output.mkdir(parents=True, exist_ok=True)
    streams = compose_all(planned, arguments.output, True, options, print) + compose_all(
        others, arguments.output, False, options, print
    )
    write_streams(target, streams)
    print(f"written to {target}: {sum(stream.duration_s for stream in streams) / 60:.1f} minutes")
    return 0

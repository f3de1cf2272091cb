"""`tools/data/compose_streams.py`: make long videos with known events out of clips."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import positive_float, positive_int
from action_recognition.commands.data.common_flags import (
    add_force_flag,
    add_list_flags,
    add_output_flag,
    add_people_flags,
    add_seed_flag,
)
from action_recognition.commands.flags import add_negative_list_flags, check_negatives
from action_recognition.errors import user_error
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.data.listed_clips import ListedClip
    from action_recognition.data.stream_files import AnnotatedStream
    from action_recognition.dataset_tools.streams.plan import CompositionOptions, Planned

_DESCRIPTION = (
    "Make streams with known events out of clips, for eval.py --stream. Each stream shows one "
    "person, with rest between the gestures and marked cuts. Clips of people who do other things "
    "become streams without events. Clips need lines of seven columns, and must not have been "
    "trained on. With --landmarks the streams are landmarks of hands instead of videos."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/compose_streams.py`."""
    parser = argparse.ArgumentParser(prog=program("compose_streams.py"), description=_DESCRIPTION)
    add_list_flags(parser)
    # A stream shows one person, so persons are required.
    add_people_flags(parser, is_required=True)
    add_negative_list_flags(parser)

    _add_composition_flags(parser)
    add_seed_flag(parser, "the order of the clips")
    add_output_flag(parser, "Folder for the videos and streams.json.")
    add_force_flag(parser)
    return parser


def _add_composition_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gap-s",
        type=positive_float,
        default=2.0,
        metavar="S",
        help="Shortest rest between two gestures in seconds, above 0 (default: 2).",
    )

    parser.add_argument(
        "--max-clips",
        type=positive_int,
        default=20,
        metavar="N",
        help="Gestures per stream at most, 1 or more (default: 20).",
    )

    parser.add_argument(
        "--negative-hours",
        type=positive_float,
        metavar="H",
        help="Compose so many hours of the negatives, above 0: all of them again and again, in "
        "another order and at another speed (default: each negative once, in its own stream).",
    )

    parser.add_argument(
        "--landmarks",
        type=positive_float,
        metavar="FPS",
        nargs="?",
        const=10.0,
        help="Write landmarks of hands, NAME.npz, for models over landmarks. FPS is the rate at "
        "which the model tracks hands, above 0 (default: 10).",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, plan the streams and write them."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.data.stream_files import STREAMS_FILE, write_streams
    from action_recognition.dataset_tools.streams.plan import CompositionOptions

    # streams.json is written last, so it marks a folder that is whole.
    target = arguments.output / STREAMS_FILE
    if target.exists() and not arguments.force:
        raise user_error(
            "--output", f"{target} already exists", fix="name another folder, or --force"
        )
    _check_negative_flags(arguments)

    # Both plans first: an error in the negatives shows before the first stream is written.
    options = CompositionOptions(
        rate_fps=arguments.landmarks or CompositionOptions.rate_fps,
        gap_min_s=arguments.gap_s,
        max_clips=arguments.max_clips,
        seed=arguments.seed,
    )
    planned = _plan_gestures(arguments, options)
    others = _plan_negatives(arguments, options)

    compose = _composer(arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    streams = compose(planned, arguments.output, True, options)
    streams = streams + compose(others, arguments.output, False, options)
    write_streams(target, streams)
    print(f"written to {target}: {sum(stream.duration_s for stream in streams) / 60:.1f} minutes")
    return 0


def _check_negative_flags(arguments: argparse.Namespace) -> None:
    """Raise UserError for a flag of negatives without the others that it needs."""
    check_negatives(arguments.negative_ann_files, arguments.negative_data_roots)
    if arguments.negative_hours and not arguments.negative_ann_files:
        fix = "add --negative-ann-files and --negative-data-roots"
        raise user_error("--negative-hours", "there are no negatives to compose", fix=fix)


def _composer(
    arguments: argparse.Namespace,
) -> Callable[[Planned, Path, bool, CompositionOptions], list[AnnotatedStream]]:
    """Return the function that writes streams: as videos, or as landmarks."""
    if arguments.landmarks:
        from action_recognition.dataset_tools.streams.landmarks import compose_landmarks

        return compose_landmarks
    from action_recognition.dataset_tools.streams.pictures import compose_pictures

    return compose_pictures


def _plan_gestures(arguments: argparse.Namespace, options: CompositionOptions) -> Planned:
    """Plan streams of gestures. Raises UserError for a line that does not name a stretch."""
    from action_recognition.data.listed_clips import listed_clips
    from action_recognition.dataset_tools.resplitting import people_of
    from action_recognition.dataset_tools.streams.plan import plan_streams

    clips, _ = listed_clips(arguments.ann_files, arguments.data_roots, arguments.classes)
    # A line of two columns names no stretch of its video.
    if any(clip.numbers is None for clip in clips):
        raise user_error(
            "--ann-files",
            "a line has two columns",
            "seven columns, which name the frames of the clip",
        )
    people = people_of(clips, arguments.person_regex, arguments.metadata)
    return plan_streams(clips, people, options)


def _plan_negatives(arguments: argparse.Namespace, options: CompositionOptions) -> Planned:
    """Plan streams without events, and print how much of them is different.

    Lines without numbers are left out. Raises UserError: the hours cannot be filled.
    """
    if not arguments.negative_ann_files:
        return []
    from action_recognition.data.listed_clips import listed_clips
    from action_recognition.dataset_tools.streams.plan import plan_hours, plan_single

    clips: list[ListedClip] = []
    # File by file: the labels of each are those of its own data set.
    roots = arguments.negative_data_roots
    for number, file in enumerate(arguments.negative_ann_files):
        root = roots[number] if len(roots) > 1 else roots[0]
        clips += listed_clips([file], [root], None)[0]
    clips = [clip for clip in clips if clip.numbers is not None]
    if not arguments.negative_hours:
        return plan_single(clips, options)

    if not clips:
        found = "no line has seven columns, which name the frames of a clip"
        raise user_error("--negative-ann-files", found)
    records = [clip.record for clip in clips]
    lengths_s = [(item.clip_end - item.clip_start) / item.frame_rate_fps for item in records]
    print(f"negatives: {len(clips)} clips, {sum(lengths_s) / 60:.1f} minutes of different film")
    return plan_hours(clips, arguments.negative_hours, options)

"""`tools/data/track_hands.py`: track the hands of annotated clips before training, in parts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from action_recognition.commands.arguments import jobs, part_of, positive_float
from action_recognition.commands.data.common_flags import add_list_flags
from action_recognition.program import program

_DESCRIPTION = (
    "Track the hands of all clips of annotation files, as train.py does before it trains, and keep "
    "their landmarks in the cache folder ($ACTION_RECOGNITION_CACHE). Several machines that share "
    "the folder take a part each. Started again, it goes on where it stopped."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/track_hands.py`."""
    parser = argparse.ArgumentParser(prog=program("track_hands.py"), description=_DESCRIPTION)
    add_list_flags(parser)
    parser.add_argument(
        "--frame-rate",
        type=positive_float,
        default=10.0,
        metavar="FPS",
        help="The template's input.tracking_rate_fps, above 0 (default: 10).",
    )
    add_share_flags(parser)
    return parser


def add_share_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that spread work over machines and cores."""
    parser.add_argument(
        "--part",
        type=part_of,
        default=(1, 1),
        metavar="I/N",
        help="Only the I-th of N parts of the clips, for several machines (default: 1/1).",
    )
    parser.add_argument(
        "--jobs", type=jobs, metavar="N", help="Processes (default: one for each core)."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and track. Return 1 where a clip cannot be read."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.console import say
    from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
    from action_recognition.data.landmarks.tracking import TrackingOptions, track_clips
    from action_recognition.data.listed_clips import listed_clips

    clips, _ = listed_clips(arguments.ann_files, arguments.data_roots, arguments.classes)
    part, num_parts = arguments.part
    records = [clip.record for clip in clips[part - 1 :: num_parts]]
    store = LandmarkStore(default_store_folder(), arguments.frame_rate)
    damaged = track_clips(store, records, TrackingOptions(None, arguments.jobs))

    for line, reason in damaged:
        print(f"{line}: {reason}", file=sys.stderr)
    there = len(records) - len(damaged)
    say(f"{there} of {len(records)} clips have landmarks in {store.folder}")
    return 1 if damaged else 0

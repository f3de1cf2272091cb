"""`tools/data/landmarks.py`: the hand landmarks of videos as arrays, and drawn into the picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import positive_float
from action_recognition.commands.hands.track import add_share_flags
from action_recognition.program import program

_DESCRIPTION = (
    "Track the hands of a video, photo or folder, and write their landmarks as .npz files: "
    "frame_index, time_ms, hand_id, handedness, handedness_score, landmarks_px, world_m, presence, "
    "frame_size_hw, tracked_frames. docs/landmarks.md explains them. Files that are there are kept."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/data/landmarks.py`."""
    parser = argparse.ArgumentParser(prog=program("landmarks.py"), description=_DESCRIPTION)

    # From a clip to its landmarks, and to a picture of them.
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="FILE|FOLDER",
        help="A video, a photo, a folder of numbered images, or a folder that has some below it.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE.npz|FOLDER",
        help="File to write, or for a folder of several the folder for one file each.",
    )
    parser.add_argument(
        "--draw",
        type=Path,
        metavar="OUT.mp4",
        help="Also write the input with hands drawn into it.",
    )
    _add_tracking_flags(parser)
    return parser


def _add_tracking_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--frame-rate",
        type=positive_float,
        metavar="FPS",
        help="Frames to track a second: every n-th frame of the video (default: all frames).",
    )

    add_share_flags(parser)
    parser.add_argument(
        "--hand-models",
        type=Path,
        metavar="DIR",
        help="Folder of the networks (default: where tools/fetch_hands.py puts them).",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, track and write. Return 1 where a file of a folder cannot be read."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.commands.hands.draw_landmarks import draw_landmarks
    from action_recognition.console import say
    from action_recognition.data.landmarks.tracking import TrackingOptions
    from action_recognition.dataset_tools.landmark_files import (
        check_places,
        clips_below,
        part_of_clips,
        write_landmarks,
    )

    source, output = arguments.input, arguments.output
    clips = clips_below(source)
    check_places(source, clips, output, arguments.draw, arguments.part[1])
    options = TrackingOptions(arguments.hand_models, arguments.jobs)
    chosen = part_of_clips(clips, *arguments.part)
    written = write_landmarks(source, chosen, output, arguments.frame_rate, options)

    for path, reason in written.unreadable:
        print(f"{path}: {reason}", file=sys.stderr)
    if written.unreadable and source in (path for path, _ in written.unreadable):
        return 2
    if arguments.draw is not None:
        draw_landmarks(source, written.files[0], arguments.draw)
        say(f"saved: {arguments.draw}")
    return 1 if written.unreadable else 0

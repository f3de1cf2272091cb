"""`tools/collect.py`: take photos of your own gestures, in a folder for each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import class_list, positive_float, positive_int
from action_recognition.errors import user_error
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.photos.collector import CollectOptions

_DESCRIPTION = (
    "Take photos of gestures with a camera or out of a video, in a folder for each class. Started "
    "again, it continues the numbers of the folder."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/collect.py`."""
    parser = argparse.ArgumentParser(prog=program("collect.py"), description=_DESCRIPTION)
    _add_photo_names(parser)
    _add_person_flags(parser)
    _add_camera_flags(parser)
    _add_square_flags(parser)
    _add_timing_flags(parser)
    _add_burst_flags(parser)
    _add_flags_without_keys(parser)
    return parser


def _add_photo_names(parser: argparse.ArgumentParser) -> None:
    """Add the values that name a photo: its folder, class, person and session."""
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="Folder of the photos: FOLDER/CLASS/PERSON_SESSION_NUMBER.jpg.",
    )

    parser.add_argument(
        "--classes",
        type=class_list,
        required=True,
        metavar="A,B,...",
        help="Names of up to nine classes. The keys 1 to 9 take their photos.",
    )


def _add_person_flags(parser: argparse.ArgumentParser) -> None:
    """Add the names that let a split keep people apart."""
    parser.add_argument(
        "--person",
        required=True,
        metavar="NAME",
        help="Name of the person in the photos, so that a split can keep people apart.",
    )

    parser.add_argument(
        "--session",
        required=True,
        metavar="NAME",
        help="Name of the sitting. Another day, light or clothes make another one.",
    )


def _add_camera_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        default="0",
        metavar="CAMERA|FILE",
        help="Number of a camera, or a video (default: 0).",
    )

    parser.add_argument(
        "--no-mirror",
        action="store_true",
        help="Show the picture as the camera gives it. Photos are never mirrored.",
    )


def _add_square_flags(parser: argparse.ArgumentParser) -> None:
    """Add the part of a frame that becomes the photo."""
    parser.add_argument(
        "--square",
        type=positive_float,
        default=0.8,
        metavar="SHARE",
        help="Side of the kept square as a share of the frame's short side "
        "(above 0, up to 1, default: 0.8).",
    )

    parser.add_argument(
        "--whole", action="store_true", help="Keep whole frames instead of the square."
    )


def _add_timing_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--countdown",
        type=float,
        default=2.0,
        metavar="S",
        help="Seconds from the key to the photo, 0 or more (default: 2).",
    )


def _add_burst_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--burst",
        type=positive_int,
        default=5,
        metavar="N",
        help="Number of photos that the key b takes, 1 or more (default: 5).",
    )

    parser.add_argument(
        "--burst-every",
        type=positive_float,
        default=0.4,
        metavar="S",
        help="Seconds between the photos of a burst, above 0 (default: 0.4).",
    )


def _add_flags_without_keys(parser: argparse.ArgumentParser) -> None:
    without = parser.add_argument_group("without keys")
    # For videos, and for cameras that nobody sits at.
    without.add_argument("--label", metavar="CLASS", help="Take photos of this class all the time.")

    without.add_argument(
        "--every",
        type=positive_float,
        default=0.5,
        metavar="S",
        help="Seconds between these photos, above 0 (default: 0.5).",
    )
    without.add_argument("--no-show", action="store_true", help="Open no window. Needs --label.")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and take photos."""
    arguments = build_parser().parse_args(argv)
    _check(arguments)
    from action_recognition.live.sources.frame_sources import open_source
    from action_recognition.photos.collector import balance, collect
    from action_recognition.photos.store import PhotoStore, Session

    session = Session(arguments.person, arguments.session)
    store = PhotoStore(arguments.folder, arguments.classes, session)
    source = open_source(arguments.source, folder_rate_fps=30.0, say=print)

    # The counts show which class needs photos.
    print(f"already there: {balance(store)}")
    num_taken = collect(store, source, _options(arguments))
    print(f"took {num_taken} photos into {arguments.folder}")
    return 0


def _options(arguments: argparse.Namespace) -> CollectOptions:
    from action_recognition.photos.collector import CollectOptions

    return CollectOptions(
        # None keeps whole frames.
        share=None if arguments.whole else arguments.square,
        countdown_s=arguments.countdown,
        num_burst=arguments.burst,
        burst_every_s=arguments.burst_every,
        mirror=not arguments.no_mirror,
        show=not arguments.no_show,
        label=arguments.label,
        every_s=arguments.every,
    )


def _check(arguments: argparse.Namespace) -> None:
    """Raise UserError for flags that contradict each other and for values out of range."""
    if arguments.label is not None and arguments.label not in arguments.classes:
        raise user_error(
            "--label", f"{arguments.label!r} is not among --classes", ", ".join(arguments.classes)
        )
    if arguments.no_show and arguments.label is None:
        raise user_error(
            "--no-show", "without a window there are no keys to press", fix="add --label CLASS"
        )

    # Ranges that argparse does not check.
    if arguments.square > 1.0:
        raise user_error("--square", f"found {arguments.square:g}", "above 0, up to 1")
    if not 0.0 <= arguments.countdown < 3600.0:
        raise user_error("--countdown", f"found {arguments.countdown:g}", "0 or more seconds")

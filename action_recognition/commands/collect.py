"""`tools/collect.py`: photos of one's own gestures, a folder for each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import class_list, positive_float, positive_int
from action_recognition.errors import user_error


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="collect.py",
        description="Take photos of gestures with a camera, or out of a video: a folder for each class. Goes on where it was.",
    )
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="where the photos go: FOLDER/CLASS/PERSON_SESSION_NUMBER.jpg",
    )
    parser.add_argument(
        "--classes",
        type=class_list,
        required=True,
        metavar="A,B,...",
        help="up to nine; the keys 1 to 9 take them",
    )
    parser.add_argument(
        "--person",
        required=True,
        metavar="NAME",
        help="who is photographed, so that a split can keep people apart",
    )
    parser.add_argument(
        "--session",
        required=True,
        metavar="NAME",
        help="which sitting: another day, light or clothes are another one",
    )
    parser.add_argument(
        "--source",
        default="0",
        metavar="CAMERA|FILE",
        help="a camera's number or a video (default: 0)",
    )
    parser.add_argument(
        "--square",
        type=positive_float,
        default=0.8,
        metavar="SHARE",
        help="of the short side (default: 0.8)",
    )
    parser.add_argument(
        "--whole", action="store_true", help="keep whole frames instead of what is in the square"
    )
    parser.add_argument(
        "--countdown",
        type=float,
        default=2.0,
        metavar="S",
        help="from the key to the photo (default: 2 s)",
    )
    parser.add_argument(
        "--burst",
        type=positive_int,
        default=5,
        metavar="N",
        help="photos of the key b (default: 5)",
    )
    parser.add_argument(
        "--burst-every",
        type=positive_float,
        default=0.4,
        metavar="S",
        help="between them (default: 0.4 s)",
    )
    parser.add_argument(
        "--no-mirror",
        action="store_true",
        help="show the picture as the camera gives it; photos never are mirrored",
    )
    without = parser.add_argument_group("without keys")
    without.add_argument("--label", metavar="CLASS", help="take photos of this class all the time")
    without.add_argument(
        "--every",
        type=positive_float,
        default=0.5,
        metavar="S",
        help="seconds between them (default: 0.5)",
    )
    without.add_argument("--no-show", action="store_true", help="open no window; needs --label")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    _check(arguments)
    from action_recognition.live.sources.frame_sources import open_source
    from action_recognition.photos.collector import CollectOptions, balance, collect
    from action_recognition.photos.store import PhotoStore, Session

    store = PhotoStore(
        arguments.folder, arguments.classes, Session(arguments.person, arguments.session)
    )
    options = CollectOptions(
        share=None if arguments.whole else arguments.square,
        countdown_s=arguments.countdown,
        num_burst=arguments.burst,
        burst_every_s=arguments.burst_every,
        mirror=not arguments.no_mirror,
        show=not arguments.no_show,
        label=arguments.label,
        every_s=arguments.every,
    )
    source = open_source(arguments.source, folder_rate_fps=30.0, say=print)
    print(f"there already: {balance(store)}")
    print(f"took {collect(store, source, options)} photos into {arguments.folder}")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if arguments.label is not None and arguments.label not in arguments.classes:
        raise user_error(
            "--label", f"{arguments.label!r} is not among --classes", ", ".join(arguments.classes)
        )
    if arguments.no_show and arguments.label is None:
        raise user_error(
            "--no-show", "without a window there are no keys to press", fix="add --label CLASS"
        )
    if arguments.square > 1.0:
        raise user_error("--square", f"found {arguments.square:g}", "above 0, up to 1")
    if not 0.0 <= arguments.countdown < 3600.0:
        raise user_error("--countdown", f"found {arguments.countdown:g}", "0 or more seconds")

"""`demo.py` of a work dir: the flags. Heavy packages are imported when the run starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_recognition.commands.arguments import jobs, positive_int, whole_number
from action_recognition.program import program

if TYPE_CHECKING:
    from action_recognition.live.demo import DemoOptions

_DESCRIPTION = "Recognise gestures in a video, a folder of frames or a camera's picture."


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `demo.py`."""
    parser = argparse.ArgumentParser(prog=program("demo.py"), description=_DESCRIPTION)
    _add_source_flags(parser)
    _add_output_flags(parser)
    _add_window_flag(parser)
    _add_speed_flags(parser)
    _add_order_flags(parser)

    regions = parser.add_argument_group("where to look")
    _add_region_flags(regions)
    _add_view_flags(regions)
    _add_mirror_flag(regions)

    _add_event_flags(parser.add_argument_group("events"))
    return parser


def _add_source_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="An exported model.xml or model.onnx, or a checkpoint of train.py.",
    )
    parser.add_argument(
        "--input",
        required=True,
        action="append",
        metavar="SOURCE",
        help="A video, a folder of numbered images, a camera's number, an rtsp:// or http:// "
        "address, a pipe, or - for standard input. Repeat the flag for more sources.",
    )


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="Write the annotated video to this file (.mp4, .mkv, .mov).",
    )

    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="Write one line per window: time_s, label, score and the next two labels.",
    )


def _add_window_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-show",
        action="store_true",
        help="Open no window. Needed on a machine without a display.",
    )


def _add_speed_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stride",
        type=positive_int,
        metavar="N",
        help="Model frames from one inference to the next, 1 or more "
        "(default: 4, or fewer for models of few frames per second).",
    )

    parser.add_argument(
        "--threads",
        type=jobs,
        metavar="N",
        help="CPU threads of the inference, 1 or more (default: all).",
    )


def _add_order_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hint",
        choices=["latency", "throughput"],
        help="latency runs one inference after the other; throughput runs persons and sources "
        "side by side in OpenVINO (default: throughput for several sources).",
    )

    # A camera drops the frames that come while the model is busy.
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="Play a file at its own frame rate and drop frames as a camera would.",
    )


def _add_region_flags(group: argparse._ArgumentGroup) -> None:
    """Add the part of the picture that the model sees: one box, or what a detector finds."""
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--box",
        metavar="L,T,R,B",
        help="Look at a fixed part of the picture: left,top,right,bottom, each 0 to 1.",
    )

    where.add_argument(
        "--detector",
        type=Path,
        metavar="FILE",
        help="Follow every hand or person that this OpenVINO or ONNX detector finds.",
    )


def _add_view_flags(group: argparse._ArgumentGroup) -> None:
    # These need a detector.
    group.add_argument(
        "--max-persons",
        type=positive_int,
        default=4,
        metavar="N",
        help="Follow at most N of those that the detector finds, 1 or more (default: 4).",
    )

    group.add_argument(
        "--pick",
        action="store_true",
        help="Look at one person only. Keys 1 to 9 choose the person, 0 takes everybody.",
    )


def _add_mirror_flag(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--mirror",
        action="store_true",
        help="The picture comes mirrored: swap the labels that swap in a mirror.",
    )


def _add_event_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--decision",
        type=Path,
        metavar="FILE",
        help="Take the decision rules from this decision.json of eval.py --stream "
        "(see docs/live.md).",
    )
    group.add_argument(
        "--personal",
        type=Path,
        metavar="FILE",
        help="Take thresholds for one person from this personal.json of calibrate.py --personal.",
    )
    group.add_argument(
        "--events",
        metavar="FILE|-",
        help="Write one line of JSON per event to this file, or to standard output (-).",
    )

    group.add_argument(
        "--keep-events",
        type=Path,
        metavar="DIR",
        help="Keep a short film of every event, in a folder for each label below this one.",
    )
    group.add_argument(
        "--hand-events",
        action="store_true",
        help="Also tell when a hand comes or goes (models over hand landmarks).",
    )

    _add_reaction_flags(group)


def _add_reaction_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--serve",
        type=whole_number,
        metavar="PORT",
        help="Send events to WebSocket clients on this port of 127.0.0.1. 0 takes a free port.",
    )

    group.add_argument(
        "--commands",
        type=Path,
        metavar="FILE",
        help='Start these programs on events. The file holds {"label": ["program", "argument"]}.',
    )


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and run. Paths start where the command is typed, not in `work_dir`."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.live.demo import run_demo

    run_demo(_options(arguments))
    return 0


def _options(arguments: argparse.Namespace) -> DemoOptions:
    """Return the options of the demo. Flags with another name or form there are translated."""
    from action_recognition.live.demo import DemoOptions
    from action_recognition.live.regions import parse_box

    options = dict(vars(arguments))
    source, *more_sources = options.pop("input")
    box = options.pop("box")
    # The other flags have the names of the options.
    return DemoOptions(
        source=source,
        more_sources=tuple(more_sources),
        show=not options.pop("no_show"),
        num_threads=options.pop("threads"),
        box=None if box is None else parse_box(box),
        **options,
    )

"""`demo.py` of a work dir: the flags; everything heavy is imported when the run starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import positive_int, whole_number


def build_parser() -> argparse.ArgumentParser:
    """The flags of `demo.py`."""
    parser = argparse.ArgumentParser(
        prog="demo.py",
        description="Recognise gestures in a video, a folder of frames or a camera's picture.",
    )
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="an exported model.xml or model.onnx, or a checkpoint of train.py",
    )
    parser.add_argument(
        "--input",
        required=True,
        action="append",
        metavar="SOURCE",
        help="a video, a folder of numbered images, a camera's number, an rtsp:// or http:// address, a pipe or - ; may be given again",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write the annotated video here (.mp4, .mkv, .mov)",
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write one line per window: time_s, label, score and the next two",
    )
    parser.add_argument(
        "--no-show",
        action="store_true",
        help="open no window (needed on a machine without a display)",
    )
    parser.add_argument(
        "--stride",
        type=positive_int,
        metavar="N",
        help="model frames from one inference to the next (default: 4, fewer for slow models)",
    )
    parser.add_argument(
        "--threads",
        type=positive_int,
        metavar="N",
        help="CPU threads of the inference (default: all)",
    )
    parser.add_argument(
        "--hint",
        choices=["latency", "throughput"],
        help="latency: one inference after the other; throughput: persons and streams side by side, in OpenVINO (default: by the inputs)",
    )
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="play a file at its rate, dropping frames as a camera would",
    )
    _add_region(parser.add_argument_group("where to look"))
    _add_events(parser.add_argument_group("events"))
    return parser


def _add_region(group: argparse._ArgumentGroup) -> None:
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--box",
        metavar="L,T,R,B",
        help="a fixed part of the picture: left,top,right,bottom, each 0 to 1",
    )
    where.add_argument(
        "--detector",
        type=Path,
        metavar="FILE",
        help="an OpenVINO or ONNX detector of hands or persons: each is followed",
    )
    group.add_argument(
        "--max-persons",
        type=positive_int,
        default=4,
        metavar="N",
        help="of a detector, the first ones (default: 4)",
    )
    group.add_argument(
        "--pick",
        action="store_true",
        help="look at one person only; keys 1 to 9 choose, 0 is everybody",
    )
    group.add_argument(
        "--mirror",
        action="store_true",
        help="the picture comes mirrored: labels that swap in a mirror are swapped",
    )


def _add_events(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--decision",
        type=Path,
        metavar="FILE",
        help="decision.json as eval.py --stream writes it; see docs/live.md",
    )
    group.add_argument(
        "--events", metavar="FILE|-", help="write one line of JSON per event; - is standard output"
    )
    group.add_argument(
        "--serve",
        type=whole_number,
        metavar="PORT",
        help="send events to WebSocket clients on 127.0.0.1; 0: any free port",
    )
    group.add_argument(
        "--commands",
        type=Path,
        metavar="FILE",
        help='programs to start: {"label": ["program", "argument"]}',
    )


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and run. Paths are taken from where the command is typed, not from `work_dir`."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.live.demo import DemoOptions, run_demo
    from action_recognition.live.regions import parse_box

    run_demo(
        DemoOptions(
            model=arguments.model,
            source=arguments.input[0],
            more_sources=tuple(arguments.input[1:]),
            output=arguments.output,
            csv=arguments.csv,
            show=not arguments.no_show,
            stride=arguments.stride,
            num_threads=arguments.threads,
            hint=arguments.hint,
            events=arguments.events,
            decision=arguments.decision,
            mirror=arguments.mirror,
            box=parse_box(arguments.box) if arguments.box else None,
            detector=arguments.detector,
            max_persons=arguments.max_persons,
            pick=arguments.pick,
            realtime=arguments.realtime,
            serve=arguments.serve,
            commands=arguments.commands,
        )
    )
    return 0

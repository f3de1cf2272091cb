"""`demo.py` of a work dir: the flags; everything heavy is imported when the run starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import positive_int


def build_parser() -> argparse.ArgumentParser:
    """The flags of `demo.py`."""
    parser = argparse.ArgumentParser(prog="demo.py", description="Recognise gestures in a video, a folder of frames or a camera's picture.")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="FILE", help="an exported model.xml or model.onnx, or a checkpoint of train.py"
    )
    parser.add_argument(
        "--input", required=True, metavar="FILE|FOLDER|NUMBER", help="a video, a folder of numbered images, or a camera's number"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the annotated video here (.mp4, .mkv, .mov)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write one line per window: time_s, label, score and the next two")
    parser.add_argument("--no-show", action="store_true", help="open no window (needed on a machine without a display)")
    parser.add_argument(
        "--stride", type=positive_int, default=4, metavar="N", help="model frames from one inference to the next (default: 4)"
    )
    parser.add_argument("--threads", type=positive_int, metavar="N", help="CPU threads of the inference (default: all)")
    return parser


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and run. Paths are taken from where the command is typed, not from `work_dir`."""
    arguments = build_parser().parse_args(argv)
    from action_recognition.deploy.demo import DemoOptions, run_demo

    run_demo(
        DemoOptions(
            model=arguments.model,
            source=arguments.input,
            output=arguments.output,
            csv=arguments.csv,
            show=not arguments.no_show,
            stride=arguments.stride,
            num_threads=arguments.threads,
        )
    )
    return 0

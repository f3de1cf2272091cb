"""`tools/compare.py`: runs side by side."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.training.reporting.compare import print_comparison


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compare.py",
        description="Training runs side by side: what each reached, and in which settings they differ.",
    )
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="a folder that train.py saved checkpoints to",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table here too")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    print_comparison(arguments.runs, arguments.csv)
    return 0

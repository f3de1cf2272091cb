"""`tools/compare.py`: training runs side by side."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.files import check_result_places
from action_recognition.program import program
from action_recognition.training.reporting.compare import print_comparison

_DESCRIPTION = (
    "Show training runs side by side: their results and the settings in which they differ."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `tools/compare.py`."""
    parser = argparse.ArgumentParser(prog=program("compare.py"), description=_DESCRIPTION)
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="Folders to which train.py saved checkpoints.",
    )
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="Also write the table to this CSV file."
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and print the comparison."""
    arguments = build_parser().parse_args(argv)
    check_result_places({"--csv": arguments.csv}, ())
    print_comparison(arguments.runs, arguments.csv)
    return 0

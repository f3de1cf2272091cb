"""`eval.py` of a work dir: the flags; everything heavy is imported when the run starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import class_list, path_list, whole_number


def build_parser(work_dir: Path) -> argparse.ArgumentParser:
    """The flags of `eval.py`."""
    parser = argparse.ArgumentParser(prog="eval.py", description="Measure a model on annotated clips, one centre clip each.")
    parser.add_argument(
        "--load-weights", type=Path, required=True, metavar="FILE", help="a .pth checkpoint, a .onnx, or an IR (.xml or its .bin)"
    )
    parser.add_argument(
        "--test-ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help='annotation files, by commas; "" measures size and complexity only',
    )
    parser.add_argument(
        "--test-data-roots", type=path_list, required=True, metavar="DIRS", help="where their paths start: one for all, or one a file"
    )
    parser.add_argument("--save-metrics-to", type=Path, required=True, metavar="FILE", help="metrics.yaml; what it holds already is kept")
    parser.add_argument(
        "--save-output-to", type=Path, metavar="DIR", help="confusion_matrix.png and predictions.csv (default: beside metrics.yaml)"
    )
    parser.add_argument(
        "--hand-detector", type=Path, metavar="FILE", help="cuts out the hand, for a model that was trained so (--crop hand)"
    )
    parser.add_argument("--classes", type=class_list, metavar="A,B,...", help="checked against the model's own labels")
    parser.add_argument("--num-workers", type=whole_number, default=2, metavar="N", help="processes that decode clips (default: 2)")
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first clip that cannot be read (default: name it, skip it, count it)"
    )
    return parser


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and evaluate."""
    arguments = vars(build_parser(work_dir).parse_args(argv))
    from action_recognition.evaluation.run import EvalOptions, evaluate

    evaluate(work_dir, EvalOptions(**arguments))
    return 0

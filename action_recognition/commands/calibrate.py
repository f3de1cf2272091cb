"""`calibrate.py` of a work dir: the flags; everything heavy is imported when the run starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import path_list, whole_number
from action_recognition.errors import user_error


def build_parser() -> argparse.ArgumentParser:
    """The flags of `calibrate.py`."""
    parser = argparse.ArgumentParser(
        prog="calibrate.py",
        description="Fit a temperature and thresholds on validation clips, and put them into the model: a checkpoint, from which export.py "
        "takes them, or an exported folder. The model's output, the cosine of each label, stays as it is.",
    )
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="a checkpoint of train.py, or an exported .xml or .onnx; changed",
    )
    parser.add_argument(
        "--val-ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help="annotation files by commas: clips that were not trained on",
    )
    parser.add_argument(
        "--val-data-roots",
        type=path_list,
        required=True,
        metavar="DIRS",
        help="where their paths start: one for all, or one a file",
    )
    add_negatives(parser)
    parser.add_argument(
        "--person-regex",
        metavar="REGEX",
        help=r"its first group is the person in a clip's path, as in '(p\d+)_': folds and intervals by person",
    )
    parser.add_argument(
        "--save-to",
        type=Path,
        metavar="DIR",
        help="calibration.json, reliability.png, risk_coverage.png (default: beside the weights)",
    )
    parser.add_argument(
        "--num-workers",
        type=whole_number,
        default=2,
        metavar="N",
        help="processes that decode clips (default: 2)",
    )
    parser.add_argument(
        "--hand-detector",
        type=Path,
        metavar="FILE",
        help="for a model that was trained with --crop hand",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first clip that cannot be read (default: name it, skip it)",
    )
    return parser


def add_negatives(parser: argparse.ArgumentParser) -> None:
    """The flags of clips that show no gesture."""
    negatives = parser.add_argument_group("negatives: people who do other things (any labels)")
    negatives.add_argument(
        "--negative-ann-files",
        type=path_list,
        default=[],
        metavar="FILES",
        help="annotation files of such clips",
    )
    negatives.add_argument(
        "--negative-data-roots",
        type=path_list,
        default=[],
        metavar="DIRS",
        help="where their paths start",
    )
    negatives.add_argument(
        "--false-alarm-rate",
        type=rate,
        default=0.01,
        metavar="R",
        help="share of negatives taken for a gesture, 0 to 1 (default: 0.01)",
    )


def check_negatives(ann_files: Sequence[Path], data_roots: Sequence[Path]) -> None:
    """A `UserError` when only one of the two flags is given."""
    if bool(ann_files) != bool(data_roots):
        raise user_error(
            "--negative-ann-files, --negative-data-roots",
            "one is given without the other",
            "both or none",
        )


def rate(text: str) -> float:
    """A share between 0 and 1, both excluded.

    >>> rate("0.05")
    0.05
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: a number between 0 and 1, such as 0.01"
        )
    return value


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and calibrate; the model says all that is needed, so the work dir's template is not read."""
    arguments = build_parser().parse_args(argv)
    check_negatives(arguments.negative_ann_files, arguments.negative_data_roots)
    from action_recognition.evaluation.calibrating import CalibrateOptions, calibrate

    calibrate(CalibrateOptions(**vars(arguments)))
    return 0

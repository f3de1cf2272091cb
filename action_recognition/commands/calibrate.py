"""`calibrate.py` of a work dir: the flags. Heavy packages are imported when the run starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.flags import (
    add_decoding_flags,
    add_folds_flag,
    add_hand_detector_flag,
    add_negative_flags,
    add_person_flag,
    add_split_flags,
    check_clips_or_folds,
    check_negatives,
)

_DESCRIPTION = (
    "Fit a temperature and thresholds on validation clips and put them into the model. The model "
    "is a checkpoint, from which export.py takes them, or an exported folder. The model's output, "
    "the cosine of each label, stays as it is."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `calibrate.py`."""
    parser = argparse.ArgumentParser(prog="calibrate.py", description=_DESCRIPTION)
    _add_model_flags(parser)
    add_split_flags(parser, "val", "clips that the model was not trained on", is_required=False)
    parser.set_defaults(val_ann_files=None, val_data_roots=None)
    add_folds_flag(parser, "Its held-out clips take the place of the --val flags.")

    add_negative_flags(parser)
    add_person_flag(parser, "Folds and intervals are then by person.")
    add_hand_detector_flag(parser)
    add_decoding_flags(parser)
    return parser


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="A checkpoint of train.py, or an exported .xml or .onnx. It is changed in place.",
    )

    parser.add_argument(
        "--save-to",
        type=Path,
        metavar="DIR",
        help="Folder for calibration.json, reliability.png and risk_coverage.png "
        "(default: beside the weights).",
    )


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and calibrate.

    The model holds all that is needed, so the template of `work_dir` is not read.
    """
    arguments = build_parser().parse_args(argv)
    check_negatives(arguments.negative_ann_files, arguments.negative_data_roots)
    check_clips_or_folds(arguments, "val")
    from action_recognition.evaluation.calibrating import CalibrateOptions, calibrate

    calibrate(CalibrateOptions(**vars(arguments)))
    return 0

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
from action_recognition.errors import Problem, UserError
from action_recognition.program import program

_DESCRIPTION = (
    "Fit a temperature and thresholds on validation clips and put them into the model. The model "
    "is a checkpoint, from which export.py takes them, or an exported folder. The model's output, "
    "the cosine of each label, stays as it is. With --personal the model is left alone: "
    "thresholds for one person go into a file beside it."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `calibrate.py`."""
    parser = argparse.ArgumentParser(prog=program("calibrate.py"), description=_DESCRIPTION)
    _add_model_flags(parser)
    add_split_flags(parser, "val", "clips that the model was not trained on", is_required=False)
    parser.set_defaults(val_ann_files=None, val_data_roots=None)
    add_folds_flag(parser, "Its held-out clips take the place of the --val flags.")

    add_negative_flags(parser)
    add_person_flag(parser, "Folds and intervals are then by person.")
    add_hand_detector_flag(parser)
    add_decoding_flags(parser)
    _add_personal_flags(parser.add_argument_group("personal tuning: no list of clips is needed"))
    return parser


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="A checkpoint of train.py, or an exported .xml or .onnx. It is changed in place, "
        "except with --personal.",
    )

    parser.add_argument(
        "--save-to",
        type=Path,
        metavar="DIR",
        help="Folder for calibration.json, reliability.png and risk_coverage.png "
        "(default: beside the weights).",
    )


def _add_personal_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--personal",
        nargs="?",
        const="",
        metavar="FILE",
        help="Write thresholds for one person to this file (default: personal.json beside the "
        "model). demo.py, run.py and Predictor take it.",
    )
    group.add_argument(
        "--others",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILM",
        help="Films of this person doing other things, two minutes together or more.",
    )
    group.add_argument(
        "--examples",
        type=Path,
        metavar="DIR",
        help="Clips of this person's gestures, three of each, in a folder for each gesture.",
    )
    group.add_argument(
        "--decision",
        type=Path,
        metavar="FILE",
        help="Start from the rules of this decision.json (default: those of the demo).",
    )


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and calibrate.

    The model holds all that is needed, so the template of `work_dir` is not read.
    """
    arguments = build_parser().parse_args(argv)
    if arguments.personal is not None:
        return _tune(arguments)
    of_personal = ("others", "examples", "decision")
    _refuse(arguments, of_personal, "belongs to --personal", "add --personal, or leave it out")
    for name in ("personal", "others", "examples", "decision"):
        delattr(arguments, name)

    check_negatives(arguments.negative_ann_files, arguments.negative_data_roots)
    check_clips_or_folds(arguments, "val")
    from action_recognition.evaluation.calibrating import CalibrateOptions, calibrate

    calibrate(CalibrateOptions(**vars(arguments)))
    return 0


def _tune(arguments: argparse.Namespace) -> int:
    """Fit thresholds to one person. Raises UserError: flags of another job, or missing ones."""
    others = ("val_ann_files", "val_data_roots", "folds", "negative_ann_files", "save_to")
    _refuse(arguments, others, "is not for --personal", "leave it out")
    missing = [flag for flag in ("others", "examples") if not getattr(arguments, flag)]
    if missing:
        form = "--personal --others FILM --examples DIR"
        raise UserError(Problem(f"--{name}", "is missing", form) for name in missing)
    from action_recognition.evaluation.personal.tuning import PersonalOptions, tune

    tune(
        PersonalOptions(
            model=arguments.load_weights,
            examples=arguments.examples,
            others=arguments.others,
            personal=Path(arguments.personal) if arguments.personal else None,
            decision=arguments.decision,
            hand_detector=arguments.hand_detector,
        )
    )
    return 0


def _refuse(arguments: argparse.Namespace, names: Sequence[str], found: str, fix: str) -> None:
    """Raise a UserError for every flag of `names` that was given."""
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(arguments, name)]
    if given:
        raise UserError(Problem(flag, found, fix=fix) for flag in given)

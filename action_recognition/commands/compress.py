"""`compress.py` of a work dir: the flags. Heavy packages are imported when the run starts."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from action_recognition.commands.arguments import path_list, points, positive_int, whole_number
from action_recognition.commands.flags import (
    add_decoding_flags,
    add_hand_detector_flag,
    add_negative_flags,
    add_person_flag,
    check_negatives,
)
from action_recognition.program import program

_DESCRIPTION = (
    "Quantise a model with NNCF on training clips and write model_int8.xml beside the exported "
    "models. Layers return to floating point until the loss of top-1 is within the limit, on "
    "clips that the quantisation did not see. All models are calibrated."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `compress.py`."""
    parser = argparse.ArgumentParser(prog=program("compress.py"), description=_DESCRIPTION)
    _add_model_flags(parser)
    _add_clip_flags(parser, "train", "training clips, for the quantisation and the gate")
    _add_clip_flags(parser, "val", "validation clips, for the gate and the calibration")

    _add_gate_flags(parser)
    _add_calibration_flags(parser)
    add_hand_detector_flag(parser)
    add_decoding_flags(parser)
    return parser


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="A checkpoint, which is exported first where needed, or an exported model.xml.",
    )

    parser.add_argument(
        "--save-model-to",
        type=Path,
        metavar="DIR",
        help="The exported folder (default: that of model.xml; for a checkpoint, export/ in the "
        "work dir).",
    )


def _add_clip_flags(parser: argparse.ArgumentParser, split: str, clips: str) -> None:
    parser.add_argument(
        f"--{split}-ann-files",
        type=path_list,
        required=True,
        metavar="FILES",
        help=f"Annotation files of {clips}, separated by commas.",
    )

    parser.add_argument(
        f"--{split}-data-roots",
        type=path_list,
        metavar="DIRS",
        help="Folders in which the paths of these files start: one for all, or one per file "
        "(default: the folder of each file).",
    )


def _add_gate_flags(parser: argparse.ArgumentParser) -> None:
    gate = parser.add_argument_group("accuracy gate")
    gate.add_argument(
        "--max-drop",
        type=points,
        default=1.0,
        metavar="P",
        help="Largest loss of top-1 in points, 0 to 100 (default: 1.0). One lost clip is always "
        "allowed, except by 0.",
    )

    _add_count_flags(gate)
    _add_training_flags(gate)


def _add_count_flags(gate: argparse._ArgumentGroup) -> None:
    count = partial(gate.add_argument, type=positive_int, metavar="N")
    count(
        "--num-folds",
        default=3,
        help="Number of folds of the gate; 1 measures on clips that were seen (default: 3).",
    )

    count("--calibration-clips", default=128, help="Clips to quantise on (default: 128).")
    count(
        "--max-clips",
        default=600,
        help="Clips of the gate at most; training clips are drawn (default: 600).",
    )


def _add_training_flags(gate: argparse._ArgumentGroup) -> None:
    whole = partial(gate.add_argument, type=whole_number, metavar="N")
    whole(
        "--qat-epochs",
        default=0,
        help="Also fine-tune a checkpoint for N epochs with simulated quantisation, once per fold "
        "and once more. The better network is written (0 or more, default: 0).",
    )

    whole("--seed", default=0, help="Seed of the drawn clips and folds (default: 0).")


def _add_calibration_flags(parser: argparse.ArgumentParser) -> None:
    add_person_flag(parser, "Folds are then by person.")
    parser.add_argument(
        "--calibrate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="Calibrate on the validation clips as calibrate.py does (default: on).",
    )

    add_negative_flags(parser)


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and compress."""
    arguments = vars(build_parser().parse_args(argv))
    check_negatives(arguments["negative_ann_files"], arguments["negative_data_roots"])
    # Without roots, paths start in the folder of their annotation file.
    for split in ("train", "val"):
        folders = [path.parent for path in arguments[f"{split}_ann_files"]]
        arguments[f"{split}_data_roots"] = arguments[f"{split}_data_roots"] or folders
    from action_recognition.compression.compress_folder import compress
    from action_recognition.compression.compress_inputs import CompressOptions

    # The card of the delivered model shows the command.
    command = shlex.join(["compress.py", *(sys.argv[1:] if argv is None else argv)])
    compress(work_dir, CompressOptions(**arguments, command=command))
    return 0

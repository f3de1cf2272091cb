"""`compress.py` of a work dir: the flags; everything heavy is imported when the run starts."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import path_list, points, positive_int, whole_number
from action_recognition.commands.calibrate import add_negatives, check_negatives


def build_parser() -> argparse.ArgumentParser:
    """The flags of `compress.py`."""
    parser = argparse.ArgumentParser(
        prog="compress.py",
        description="Write model_int8.xml beside the exported models: quantised by NNCF on training clips, with layers given back to "
        "floating point until the loss of top-1, on clips that the quantisation did not see, is within the limit. Calibrates all of them.",
    )
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="a checkpoint, exported first where needed, or an exported model.xml",
    )
    parser.add_argument(
        "--save-model-to",
        type=Path,
        metavar="DIR",
        help="the exported folder (default: that of model.xml; for a checkpoint export/ here)",
    )
    for split, what in (
        ("train", "clips that it was trained on: to quantise on, and for the gate"),
        ("val", "clips for the gate, and to calibrate"),
    ):
        parser.add_argument(
            f"--{split}-ann-files",
            type=path_list,
            required=True,
            metavar="FILES",
            help=f"annotation files by commas: {what}",
        )
        parser.add_argument(
            f"--{split}-data-roots",
            type=path_list,
            metavar="DIRS",
            help="where their paths start (default: the folder of each file)",
        )
    gate = parser.add_argument_group("accuracy gate")
    gate.add_argument(
        "--max-drop",
        type=points,
        default=1.0,
        metavar="P",
        help="largest loss of top-1 in points (default: 1.0)",
    )
    gate.add_argument(
        "--num-folds",
        type=positive_int,
        default=3,
        metavar="N",
        help="folds of the gate; 1 measures on clips that were seen",
    )
    gate.add_argument(
        "--calibration-clips",
        type=positive_int,
        default=128,
        metavar="N",
        help="clips to quantise on (default: 128)",
    )
    gate.add_argument(
        "--max-clips",
        type=positive_int,
        default=600,
        metavar="N",
        help="clips of the gate, training ones drawn (default: 600)",
    )
    gate.add_argument(
        "--qat-epochs",
        type=whole_number,
        default=0,
        metavar="N",
        help="also fine-tune a checkpoint for so many epochs to be quantised (folds + 1 times); the better network is written (default: 0)",
    )
    gate.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="draws the clips and folds (default: 0)",
    )
    parser.add_argument(
        "--person-regex",
        metavar="REGEX",
        help=r"its first group is the person in a clip's path, as in '(p\d+)_': folds by person",
    )
    parser.add_argument(
        "--calibrate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="as calibrate.py on the validation clips (default: on)",
    )
    add_negatives(parser)
    parser.add_argument(
        "--hand-detector",
        type=Path,
        metavar="FILE",
        help="for a model that was trained with --crop hand",
    )
    parser.add_argument(
        "--num-workers",
        type=whole_number,
        default=2,
        metavar="N",
        help="processes that decode clips (default: 2)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first clip that cannot be read (default: name it, skip it)",
    )
    return parser


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and compress."""
    arguments = vars(build_parser().parse_args(argv))
    check_negatives(arguments["negative_ann_files"], arguments["negative_data_roots"])
    for split in ("train", "val"):
        arguments[f"{split}_data_roots"] = arguments[f"{split}_data_roots"] or [
            path.parent for path in arguments[f"{split}_ann_files"]
        ]
    from action_recognition.compression.compress_folder import CompressOptions, compress

    command = shlex.join(["compress.py", *(sys.argv[1:] if argv is None else argv)])
    compress(work_dir, CompressOptions(**arguments, command=command))
    return 0

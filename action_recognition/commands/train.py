"""`train.py` of a work dir: the flags; everything heavy is imported when the run starts."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import (
    class_list,
    clip_counts,
    minutes,
    path_list,
    positive_float,
    positive_int,
    start_weights,
    whole_number,
)
from action_recognition.errors import user_error
from action_recognition.template import MODEL_FILE, TEMPLATE_FILE, load_template_dir

PLAN_FLAGS = ("preset", "folds", "person_regex", "learning_curve")
"""What decides about several runs; the other flags are those of one."""


def build_parser(work_dir: Path) -> argparse.ArgumentParser:
    """The flags, with the template's values in the help."""
    template, _ = load_template_dir(work_dir)
    basic = template.hyper_parameters.basic
    parser = argparse.ArgumentParser(
        prog="train.py", description=f"Train {template.name} on annotated clips."
    )
    data = parser.add_argument_group("data (lists are separated by commas)")
    for split, name in (("train", "training"), ("val", "validation")):
        needed = split == "train"
        also = "" if needed else "; not with --folds"
        data.add_argument(
            f"--{split}-ann-files",
            type=path_list,
            default=[],
            required=needed,
            metavar="FILES",
            help=f"annotation files of the {name} clips{also}",
        )
        data.add_argument(
            f"--{split}-data-roots",
            type=path_list,
            default=[],
            required=needed,
            metavar="DIRS",
            help="where their paths start: one for all, or one a file; folders, or shards:PATTERN",
        )
    data.add_argument(
        "--classes",
        type=class_list,
        metavar="A,B,...",
        help="class names in label order (default: classes.json beside the annotation)",
    )
    data.add_argument(
        "--num-workers",
        type=whole_number,
        metavar="N",
        help=f"processes that decode clips (default: {template.training.num_workers})",
    )
    data.add_argument(
        "--frame-cache",
        type=Path,
        metavar="DIR",
        help="keep small decoded frames here: the same clips, faster from the second epoch on",
    )
    data.add_argument(
        "--frame-cache-gb",
        type=positive_float,
        default=20.0,
        metavar="N",
        help="its limit in GB (default: 20)",
    )
    data.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first clip that cannot be read (default: name it, skip it, count it)",
    )
    start = parser.add_argument_group("start")
    start.add_argument(
        "--load-weights",
        type=start_weights,
        metavar="imagenet|kinetics700|FILE",
        help="start from these weights; the head starts fresh where one of their labels is not there (a file named imagenet is ./imagenet)",
    )
    start.add_argument(
        "--resume-from",
        metavar="latest|auto|FILE",
        help="go on with an interrupted run, to the bit; auto starts afresh where there is nothing to go on from",
    )
    names = "resnet18, tf_efficientnet_lite0 (its weights are installed), ..."
    recipe = parser.add_argument_group("recipe")
    recipe.add_argument(
        "--backbone",
        metavar="NAME",
        help=f"photos: another network of timm than model.yaml's: {names}",
    )
    recipe.add_argument(
        "--crop",
        choices=["hand"],
        help="cut the hand out of every picture first; needs --hand-detector",
    )
    recipe.add_argument(
        "--hand-detector",
        type=Path,
        metavar="FILE",
        help="a detector of hands, ONNX or IR (docs/photos.md)",
    )
    recipe.add_argument(
        "--epochs",
        type=positive_int,
        metavar="N",
        help=f"scales the whole schedule (default: {basic.epochs})",
    )
    recipe.add_argument(
        "--batch-size",
        type=positive_int,
        metavar="N",
        help=f"clips per device (default: {basic.batch_size})",
    )
    recipe.add_argument(
        "--base-learning-rate",
        type=positive_float,
        metavar="RATE",
        help=f"(default: {basic.base_learning_rate})",
    )
    recipe.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="of everything random (default: 0)",
    )
    recipe.add_argument(
        "--accumulate",
        type=positive_int,
        default=1,
        metavar="N",
        help="batches whose gradients make one step (default: 1)",
    )
    _add_plan(parser.add_argument_group("runs"))
    machine = parser.add_argument_group("machine and output")
    machine.add_argument(
        "--gpu-num",
        type=whole_number,
        metavar="N",
        help=f"0 trains on the CPU (default: {template.gpu_num}, or as many as there are)",
    )
    machine.add_argument(
        "--precision",
        choices=["32", "bf16-mixed", "16-mixed"],
        default="32",
        help="what the backbone computes in; head and losses always take 32 bits (default: 32; 16-mixed needs a GPU)",
    )
    machine.add_argument(
        "--compile",
        action="store_true",
        help="compile the backbone first: minutes, for shorter steps on most GPUs",
    )
    machine.add_argument(
        "--num-nodes",
        type=positive_int,
        default=1,
        metavar="N",
        help="machines that train together, see docs/cluster.md (default: 1)",
    )
    machine.add_argument(
        "--save-checkpoints-to",
        type=Path,
        default=work_dir / "outputs",
        metavar="DIR",
        help="(default: outputs in the work dir)",
    )
    machine.add_argument(
        "--save-every-minutes",
        type=minutes,
        default=10.0,
        metavar="M",
        help="also save within an epoch (default: 10; 0: only at its end and at a signal)",
    )
    _add_measuring(parser.add_argument_group("measuring"))
    machine.add_argument(
        "--tensorboard-dir",
        type=Path,
        metavar="DIR",
        help="(default: tensorboard in the checkpoints' folder)",
    )
    parser.add_argument("--config", help=argparse.SUPPRESS)
    return parser


def _add_plan(runs: argparse._ArgumentGroup) -> None:
    runs.add_argument(
        "--preset",
        choices=["small-data"],
        help="for few clips: head on cached features, then the upper blocks; needs --load-weights",
    )
    runs.add_argument(
        "--folds",
        type=positive_int,
        metavar="N",
        help="N models, each validated on other clips: mean and each are said",
    )
    runs.add_argument(
        "--person-regex",
        metavar="REGEX",
        help="its first group is the person in a clip's path: with --folds no person is on both sides",
    )
    runs.add_argument(
        "--learning-curve",
        type=clip_counts,
        metavar="3,5,10,all",
        help="one model for each number of training clips a class: would more clips help?",
    )


def _add_measuring(measuring: argparse._ArgumentGroup) -> None:
    measuring.add_argument(
        "--profile",
        action="store_true",
        help="watch 20 steps of the run: where their time goes, and a trace",
    )
    before = measuring.add_mutually_exclusive_group()
    before.add_argument(
        "--find-batch-size",
        dest="find",
        action="store_const",
        const="batch_size",
        help="train nothing: which batches fit, and how fast",
    )
    before.add_argument(
        "--find-lr",
        dest="find",
        action="store_const",
        const="lr",
        help="keep nothing: 100 steps at growing rates, a plot",
    )


def main(work_dir: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and train."""
    arguments = vars(build_parser(work_dir).parse_args(argv))
    if arguments.pop("config") not in (None, MODEL_FILE):
        raise user_error(
            "--config",
            "is not used any more",
            f"{MODEL_FILE} and {TEMPLATE_FILE} in the work dir",
            "edit them",
        )
    # Threads that wait by spinning take the cores from the processes that decode: 5 clips/s instead of 38 were seen on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from action_recognition.training.options import TrainOptions
    from action_recognition.training.studies.choose_study import Plan, carry_out

    plan = Plan(**{name: arguments.pop(name) for name in PLAN_FLAGS})
    carry_out(work_dir, TrainOptions(**arguments), plan)
    return 0

"""`train.py` of a work dir: the flags. Heavy packages are imported when the run starts."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from action_recognition.commands.arguments import (
    clip_counts,
    minutes,
    positive_float,
    positive_int,
    start_weights,
    whole_number,
    workers,
)
from action_recognition.commands.flags import (
    add_classes_flag,
    add_hand_detector_flag,
    add_person_flag,
    add_split_flags,
)
from action_recognition.errors import user_error
from action_recognition.program import program
from action_recognition.template import MODEL_FILE, TEMPLATE_FILE, Template, load_template_dir
from action_recognition.template.document import BasicHyperParameters

PLAN_FLAGS = ("preset", "folds", "person_regex", "learning_curve")
"""The flags that decide about several runs. The others are those of one run."""


def build_parser(work_dir: Path) -> argparse.ArgumentParser:
    """Return the parser of `train.py`. Its help shows the values of the template in `work_dir`."""
    template, _ = load_template_dir(work_dir)
    parser = argparse.ArgumentParser(
        prog=program("train.py"), description=f"Train {template.name} on annotated clips."
    )
    _add_data_flags(parser, template)
    _add_start_flags(parser)
    _add_recipe_flags(parser, template)
    _add_plan_flags(parser)

    machine = parser.add_argument_group("machine and output")
    _add_device_flags(machine, template)
    _add_machine_flags(machine)
    _add_output_flags(machine, work_dir)
    _add_tensorboard_flag(machine, work_dir)
    _add_measuring_flags(parser)

    # A flag of the original toolkit, accepted to say what replaces it.
    parser.add_argument("--config", help=argparse.SUPPRESS)
    return parser


def _add_data_flags(parser: argparse.ArgumentParser, template: Template) -> None:
    data = parser.add_argument_group("data (lists are separated by commas)")
    add_split_flags(data, "train", "the training clips")
    add_split_flags(data, "val", "the validation clips (not with --folds)", is_required=False)
    add_classes_flag(data)
    _add_reading_flags(data, template.training.num_workers)
    _add_cache_flags(data)


def _add_reading_flags(data: argparse._ArgumentGroup, num_workers: int) -> None:
    data.add_argument(
        "--num-workers",
        type=workers,
        metavar="N",
        help=f"Decode clips in N processes (0 or more, default: {num_workers}).",
    )

    data.add_argument(
        "--strict",
        action="store_true",
        help="Stop at the first clip that cannot be read (default: name it, skip it, count it).",
    )


def _add_cache_flags(data: argparse._ArgumentGroup) -> None:
    data.add_argument(
        "--frame-cache",
        type=Path,
        metavar="DIR",
        help="Keep small decoded frames in this folder. The clips stay the same and are read "
        "faster from the second epoch on.",
    )

    data.add_argument(
        "--frame-cache-gb",
        type=positive_float,
        default=20.0,
        metavar="N",
        help="Size limit of the frame cache in GB, above 0 (default: 20).",
    )


def _add_start_flags(parser: argparse.ArgumentParser) -> None:
    start = parser.add_argument_group("start")
    start.add_argument(
        "--load-weights",
        type=start_weights,
        metavar="imagenet|kinetics700|FILE",
        help="Start from these weights. The head starts fresh where their labels lack one of "
        "yours. A file named imagenet is ./imagenet.",
    )

    start.add_argument(
        "--resume-from",
        metavar="latest|auto|FILE",
        help="Resume an interrupted run, with the same bits as without the interruption. "
        "auto starts a new run where there is none to resume.",
    )


def _add_recipe_flags(parser: argparse.ArgumentParser, template: Template) -> None:
    recipe = parser.add_argument_group("recipe")
    _add_photo_flags(recipe)
    basic = template.hyper_parameters.basic

    _add_step_flags(recipe, basic)
    _add_batch_flags(recipe, basic)
    recipe.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="Seed of everything random, 0 or more (default: 0).",
    )


def _add_photo_flags(recipe: argparse._ArgumentGroup) -> None:
    recipe.add_argument(
        "--backbone",
        metavar="NAME",
        help="For photos, take this network of timm instead of model.yaml's: resnet18, "
        "tf_efficientnet_lite0 (its weights are installed), ...",
    )
    recipe.add_argument(
        "--crop",
        choices=["hand"],
        help="Cut the hand out of every picture first. Needs --hand-detector.",
    )

    add_hand_detector_flag(recipe)


def _add_step_flags(recipe: argparse._ArgumentGroup, basic: BasicHyperParameters) -> None:
    recipe.add_argument(
        "--epochs",
        type=positive_int,
        metavar="N",
        help=f"Number of epochs; scales the whole schedule (1 or more, default: {basic.epochs}).",
    )

    recipe.add_argument(
        "--base-learning-rate",
        type=positive_float,
        metavar="RATE",
        help=f"Base learning rate, above 0 (default: {basic.base_learning_rate}).",
    )


def _add_batch_flags(recipe: argparse._ArgumentGroup, basic: BasicHyperParameters) -> None:
    recipe.add_argument(
        "--batch-size",
        type=positive_int,
        metavar="N",
        help=f"Clips per batch and device, 1 or more (default: {basic.batch_size}).",
    )

    recipe.add_argument(
        "--accumulate",
        type=positive_int,
        default=1,
        metavar="N",
        help="Batches whose gradients make one step, 1 or more (default: 1).",
    )


def _add_plan_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `PLAN_FLAGS`."""
    runs = parser.add_argument_group("runs")
    _add_preset_flag(runs)

    _add_fold_flags(runs)
    runs.add_argument(
        "--learning-curve",
        type=clip_counts,
        metavar="3,5,10,all",
        help="Train one model for each number of training clips per class, to see whether more "
        "clips would help.",
    )


def _add_preset_flag(runs: argparse._ArgumentGroup) -> None:
    runs.add_argument(
        "--preset",
        choices=["small-data"],
        help="For few clips, train the head on cached features, then the upper blocks. "
        "Needs --load-weights.",
    )


def _add_fold_flags(runs: argparse._ArgumentGroup) -> None:
    runs.add_argument(
        "--folds",
        type=positive_int,
        metavar="N",
        help="Train N models, each validated on other clips, and print each result and the mean.",
    )

    # Clips of one person look alike: on both sides they would flatter the result.
    add_person_flag(runs, "With --folds no person is in training and validation of one model.")


def _add_device_flags(machine: argparse._ArgumentGroup, template: Template) -> None:
    # A computer with fewer GPUs than the template takes those that it has.
    machine.add_argument(
        "--gpu-num",
        type=workers,
        metavar="N",
        help="Number of GPUs; 0 trains on the CPU "
        f"(default: {template.gpu_num}, or as many as there are).",
    )

    machine.add_argument(
        "--num-nodes",
        type=positive_int,
        default=1,
        metavar="N",
        help="Machines that train together, 1 or more; see docs/cluster.md (default: 1).",
    )


def _add_machine_flags(machine: argparse._ArgumentGroup) -> None:
    machine.add_argument(
        "--precision",
        choices=["32", "bf16-mixed", "16-mixed"],
        default="32",
        help="Precision of the backbone. Head and losses always compute in 32 bits. "
        "16-mixed needs a GPU (default: 32).",
    )

    machine.add_argument(
        "--compile",
        action="store_true",
        help="Compile the backbone first, which takes minutes and makes steps shorter on most "
        "GPUs.",
    )


def _add_output_flags(machine: argparse._ArgumentGroup, work_dir: Path) -> None:
    machine.add_argument(
        "--save-checkpoints-to",
        type=Path,
        default=work_dir / "outputs",
        metavar="DIR",
        help="Folder for checkpoints and reports (default: outputs in the work dir).",
    )
    machine.add_argument(
        "--save-every-minutes",
        type=minutes,
        default=10.0,
        metavar="M",
        help="Also save every M minutes within an epoch. 0 saves at its end and at a signal only "
        "(default: 10).",
    )


def _add_tensorboard_flag(machine: argparse._ArgumentGroup, work_dir: Path) -> None:
    machine.add_argument(
        "--tensorboard-dir",
        type=Path,
        metavar="DIR",
        help="Folder for TensorBoard (default: tensorboard in the folder of the checkpoints).",
    )


def _add_measuring_flags(parser: argparse.ArgumentParser) -> None:
    measuring = parser.add_argument_group("measuring")
    measuring.add_argument(
        "--profile",
        action="store_true",
        help="Profile 20 steps of the run: write a trace and where their time goes.",
    )

    _add_probe_flags(measuring)


def _add_probe_flags(measuring: argparse._ArgumentGroup) -> None:
    """Add the two measurements that replace the run, of which one can be given."""
    before = measuring.add_mutually_exclusive_group()
    before.add_argument(
        "--find-batch-size",
        dest="find",
        action="store_const",
        const="batch_size",
        help="Train nothing: measure which batch sizes fit into memory, and their speed.",
    )
    before.add_argument(
        "--find-lr",
        dest="find",
        action="store_const",
        const="lr",
        help="Keep nothing: train 100 steps at growing learning rates and plot the loss.",
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

    # Threads that wait by spinning take the cores from the processes that decode:
    # 5 clips/s instead of 38 were measured on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from action_recognition.training.options import TrainOptions
    from action_recognition.training.studies.choose_study import Plan, carry_out

    plan = Plan(**{name: arguments.pop(name) for name in PLAN_FLAGS})
    carry_out(work_dir, TrainOptions(**arguments), plan)
    return 0

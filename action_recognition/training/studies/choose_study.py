"""Which runs a call of `train.py` stands for: one, one per fold, or one per size of the training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.console import say
from action_recognition.errors import Problem, UserError
from action_recognition.training.checkpoints.resume import AUTO
from action_recognition.training.few_clips.small_data import train_small_data
from action_recognition.training.options import TrainOptions
from action_recognition.training.run import train
from action_recognition.training.studies.folds import TrainOne, train_folds
from action_recognition.training.studies.learning_curve import train_learning_curve
from action_recognition.training.studies.subsets import few_clips_note


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The flags of `train.py` that decide about runs; in `learning_curve` None stands for all clips."""

    preset: str | None = None
    folds: int | None = None
    person_regex: str | None = None
    learning_curve: Sequence[int | None] | None = None


def carry_out(work_dir: Path, options: TrainOptions, plan: Plan) -> None:
    """Train as planned; a `UserError` names flags that do not go together."""
    _check(options, plan)
    if (
        plan.preset is None
        and options.resume_from is None
        and (note := few_clips_note(options.train_ann_files, options.train_data_roots))
    ):
        say(note)
    train_one: TrainOne = train if plan.preset is None else train_small_data
    if plan.folds is not None:
        train_folds(work_dir, options, plan.folds, plan.person_regex, train_one)
    elif plan.learning_curve is not None:
        train_learning_curve(work_dir, options, plan.learning_curve, train_one)
    else:
        train_one(work_dir, options)


def _check(options: TrainOptions, plan: Plan) -> None:
    problems = []
    has_val = bool(options.val_ann_files)
    if plan.folds is None and not has_val:
        few = (
            " (--preset small-data trains that many models in minutes)"
            if plan.preset is None
            else ""
        )
        fix = f"name validation clips of other people, or add --folds 3 --person-regex REGEX, which holds out persons in turn{few}"
        problems.append(Problem("--val-ann-files", "is missing", fix=fix))
    if has_val != bool(options.val_data_roots):
        given, missing = (
            ("--val-ann-files", "--val-data-roots")
            if has_val
            else ("--val-data-roots", "--val-ann-files")
        )
        problems.append(
            Problem(missing, f"is missing beside {given}", fix="give both, or with --folds neither")
        )
    if plan.folds is not None and has_val:
        problems.append(
            Problem(
                "--folds",
                "makes its own validation clips",
                fix="leave out --val-ann-files and --val-data-roots",
            )
        )
    if plan.folds is not None and plan.learning_curve is not None:
        problems.append(
            Problem("--learning-curve", "does not go with --folds", fix="give one of the two")
        )
    if plan.person_regex is not None and plan.folds is None:
        problems.append(
            Problem(
                "--person-regex",
                "says who is held out by --folds, which is missing",
                fix="add --folds N",
            )
        )
    if options.resume_from is not None and (
        plan.folds is not None or plan.learning_curve is not None
    ):
        problems.append(
            Problem("--resume-from", "goes on with one run, not with several", fix="leave it out")
        )
    if options.find is not None and (plan.preset, plan.folds, plan.learning_curve) != (
        None,
        None,
        None,
    ):
        found = "is found for one run, without --preset, --folds and --learning-curve"
        problems.append(
            Problem(f"--find-{options.find.replace('_', '-')}", found, fix="leave these out")
        )
    if options.resume_from not in (None, AUTO) and options.load_weights is not None:
        found = "does not go with --load-weights: the weights are those of the checkpoint"
        problems.append(
            Problem(
                "--resume-from",
                found,
                fix=f"leave one out; --resume-from {AUTO} takes both, for its fresh start",
            )
        )
    if problems:
        raise UserError(dict.fromkeys(problems))

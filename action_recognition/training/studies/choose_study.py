"""The runs that `train.py` stands for: one, one per fold, or one per training set size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.console import say
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.template import LandmarkInput
from action_recognition.training.checkpoints.resume import AUTO
from action_recognition.training.few_clips.small_data import preset_problems, train_small_data
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import prepare
from action_recognition.training.run import checked_devices, train_prepared
from action_recognition.training.studies.folds import TrainOne, train_folds
from action_recognition.training.studies.learning_curve import train_learning_curve
from action_recognition.training.studies.side_by_side import runs_at_once
from action_recognition.training.studies.subsets import few_clips_note


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The flags of `train.py` that decide about runs. In `learning_curve` None is all clips."""

    preset: str | None = None
    folds: int | None = None
    person_regex: str | None = None
    learning_curve: Sequence[int | None] | None = None


def carry_out(work_dir: Path, options: TrainOptions, plan: Plan) -> None:
    """Train as planned. Raises UserError: flags that contradict each other."""
    _check(options, plan)
    run = prepare(work_dir, options)
    takes_landmarks = isinstance(run.template.input, LandmarkInput)
    if takes_landmarks and plan.preset is not None:
        found = f"is for pixels, and {run.template.name} learns from few clips as it is"
        raise user_error(f"--preset {plan.preset}", found, fix="leave it out")
    is_fresh = plan.preset is None and options.resume_from is None
    if not takes_landmarks and is_fresh and (note := few_clips_note(run.train_files.scan)):
        say(note)

    # A study writes the annotation files of its first run before that run checks anything.
    train_one: TrainOne = train_prepared if plan.preset is None else train_small_data
    if plan.folds is not None:
        devices = checked_devices(run)
        at_once = runs_at_once(run, devices, plan.folds + 1) if plan.preset is None else 1
        train_folds(run, plan.folds, plan.person_regex, train_one, at_once)
    elif plan.learning_curve is not None:
        checked_devices(run)
        train_learning_curve(run, plan.learning_curve, train_one)
    else:
        train_one(run)


def _check(options: TrainOptions, plan: Plan) -> None:
    """Raise UserError with all that contradicts itself."""
    problems = [
        *_problems_of_clips(options, plan),
        *_problems_of_studies(options, plan),
        *_problems_of_resuming(options),
    ]
    if plan.preset is not None:
        problems += preset_problems(options)
    if problems:
        raise UserError(dict.fromkeys(problems))


def _problems_of_clips(options: TrainOptions, plan: Plan) -> list[Problem]:
    """Return what is wrong with the flags that name validation clips."""
    problems = []

    # One run needs clips to validate on. Folds make their own.
    has_val = bool(options.val_ann_files)
    if plan.folds is None and not has_val:
        few = " (--preset small-data trains that many models in minutes)"
        fix = (
            "name validation clips of other people, or add --folds 3 --person-regex REGEX, which "
            f"holds out persons in turn{few if plan.preset is None else ''}"
        )
        problems.append(Problem("--val-ann-files", "is missing", fix=fix))

    # A root for each list, or none of both.
    if has_val != bool(options.val_data_roots):
        flags = ("--val-ann-files", "--val-data-roots")
        given, missing = flags if has_val else flags[::-1]
        fix = "give both, or with --folds neither"
        problems.append(Problem(missing, f"is missing beside {given}", fix=fix))

    if plan.folds is not None and has_val:
        fix = "leave out --val-ann-files and --val-data-roots"
        problems.append(Problem("--folds", "makes its own validation clips", fix=fix))
    return problems


def _problems_of_studies(options: TrainOptions, plan: Plan) -> list[Problem]:
    """Return what is wrong with the flags that ask for several runs."""
    problems = []
    if plan.folds is not None and plan.learning_curve is not None:
        fix = "give one of the two"
        problems.append(Problem("--learning-curve", "does not go with --folds", fix=fix))
    if plan.person_regex is not None and plan.folds is None:
        found = "says who is held out by --folds, which is missing"
        problems.append(Problem("--person-regex", found, fix="add --folds N"))

    # What is meant for one run.
    several = plan.folds is not None or plan.learning_curve is not None
    resumes_folds = plan.folds is not None and options.resume_from == AUTO
    if options.resume_from is not None and several and not resumes_folds:
        found = "continues with one run, not with several"
        fix = f"leave it out; with --folds, {AUTO} goes on where each fold stopped"
        problems.append(Problem("--resume-from", found, fix=fix))
    if options.find is not None and (several or plan.preset is not None):
        found = "is found for one run, without --preset, --folds and --learning-curve"
        flag = f"--find-{options.find.replace('_', '-')}"
        problems.append(Problem(flag, found, fix="leave these out"))
    return problems


def _problems_of_resuming(options: TrainOptions) -> list[Problem]:
    """Return a contradiction between weights to start from and a run to resume."""
    if options.resume_from in (None, AUTO) or options.load_weights is None:
        return []
    found = "does not go with --load-weights: the weights are those of the checkpoint"
    fix = f"leave one out; --resume-from {AUTO} takes both, for its fresh start"
    return [Problem("--resume-from", found, fix=fix)]

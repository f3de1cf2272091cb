"""Cross validation: every clip is validated once, by a model that never saw its person."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_recognition.console import say
from action_recognition.data.labels import training_labels
from action_recognition.data.listed_clips import ListedClip, listed_clips
from action_recognition.data.people import compile_person_regex
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.template import load_template_dir
from action_recognition.training.options import TrainOptions
from action_recognition.training.reporting.compare import RunSummary, cell, with_head_alone
from action_recognition.training.reporting.head_result import HEAD_RESULT_FILE
from action_recognition.training.studies.subsets import write_annotations

FOLDS_FILE = "folds.csv"
_PROBLEMS_SHOWN = 5

TrainOne = Callable[[Path, TrainOptions], Path]
"""What trains one model: (work dir, options) -> the checkpoint."""


@dataclass(frozen=True)
class Fold:
    """One fold's run: who is validated on, on how many clips, with what result."""

    number: int
    people: tuple[str, ...]
    num_val_clips: int
    run: RunSummary


def train_folds(
    work_dir: Path,
    options: TrainOptions,
    num_folds: int,
    person_regex: str | None,
    train_one: TrainOne,
) -> list[Fold]:
    """Train one model per fold into `fold_1`, `fold_2`, ... of the checkpoints' folder; write folds.csv and say mean and each.

    A person is the first group of `person_regex` in a clip's path; without it every video stands for itself.
    """
    template, _ = load_template_dir(work_dir)
    labels, labels_from = training_labels(
        options.train_ann_files, options.classes, template.labels, options.train_data_roots
    )
    say(f"{labels_from} ({len(labels)} classes)")
    clips, _ = listed_clips(options.train_ann_files, options.train_data_roots, labels)
    people = people_of(clips, person_regex)
    if person_regex is None:
        say(
            "warning: no --person-regex: folds are made by video, so a person may stand on both sides, and the accuracy flatters"
        )
    fold_of = assign_folds(people, [clip.record.label for clip in clips], num_folds, options.seed)
    for line in _lonely_classes(clips, fold_of, labels):
        say(line)
    folds = []
    for number in range(num_folds):
        held_out = sorted(
            {person for person, fold in zip(people, fold_of, strict=True) if fold == number}
        )
        folder = options.save_checkpoints_to / f"fold_{number + 1}"
        parts = [
            [clip for clip, fold in zip(clips, fold_of, strict=True) if (fold == number) == held]
            for held in (False, True)
        ]
        say(
            f"fold {number + 1} of {num_folds}: {len(parts[1])} validation clips of {_names(held_out)}"
        )
        (folder / HEAD_RESULT_FILE).unlink(missing_ok=True)  # of an earlier run
        train_one(work_dir, _fold_options(options, parts, folder, labels))
        folds.append(Fold(number + 1, tuple(held_out), len(parts[1]), with_head_alone(folder)))
    write_folds(options.save_checkpoints_to / FOLDS_FILE, folds)
    for line in folds_lines(folds):
        say(line)
    return folds


def people_of(clips: Sequence[ListedClip], person_regex: str | None) -> list[str]:
    """The person of every clip; a `UserError` names a broken expression, or the paths that it does not match."""
    if person_regex is None:
        return [clip.path for clip in clips]
    pattern = compile_person_regex(person_regex)
    found = [pattern.search(clip.path) for clip in clips]
    names = [match.group(1) if match else None for match in found]
    without = [clip for clip, name in zip(clips, names, strict=True) if not name]
    if without:
        problems = [
            Problem(clip.record.line, f"--person-regex finds no person in {clip.path!r}")
            for clip in without
        ]
        more = [
            Problem(
                "--person-regex", f"and {len(problems) - _PROBLEMS_SHOWN} more paths like these"
            )
        ]
        raise UserError(
            [*problems[:_PROBLEMS_SHOWN], *(more if len(problems) > _PROBLEMS_SHOWN else [])]
        )
    return [str(name) for name in names]


def assign_folds(
    people: Sequence[str], labels: Sequence[int], num_folds: int, seed: int
) -> list[int]:
    """The fold (0..num_folds - 1) of every clip: all clips of a person in one, classes as evenly over the folds as that allows.

    Persons with many clips are placed first, each where the counts of its classes then differ least from equal shares.
    """
    names = sorted(set(people))
    if not 2 <= num_folds <= len(names):
        raise user_error(
            "--folds",
            f"found {num_folds}",
            f"2 to {len(names)}, the number of persons (of videos without --person-regex)",
        )
    counts = np.zeros((len(names), max(labels) + 1))
    np.add.at(counts, ([names.index(person) for person in people], list(labels)), 1)
    share = counts.sum(axis=0) / num_folds
    # Ties in size fall by the seed; a stable sort keeps that order.
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    filled = np.zeros((num_folds, counts.shape[1]))
    fold_of: dict[str, int] = {}
    for place, person in enumerate(order):
        excess = ((filled + counts[person] - share) ** 2 - (filled - share) ** 2).sum(axis=1)
        left = len(order) - place
        empty = filled.sum(axis=1) == 0
        if empty.sum() == left:  # as many persons left as folds without any
            excess[~empty] = np.inf
        fold = int(np.argmin(excess))
        filled[fold] += counts[person]
        fold_of[names[person]] = fold
    return [fold_of[person] for person in people]


def folds_lines(folds: Sequence[Fold]) -> list[str]:
    """The result of each fold, then mean and standard deviation over folds."""
    lines = [
        f"fold {fold.number}: val top-1 {cell(fold.run.best_top1, 'best_top1')} %, top-5 {cell(fold.run.best_top5, 'best_top5')} % "
        f"({fold.num_val_clips} clips of {_names(fold.people)})"
        for fold in folds
    ]
    values = [fold.run.best_top1 for fold in folds if fold.run.best_top1 is not None]
    if values:
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        lines.append(
            f"{len(values)} folds: val top-1 {np.mean(values):.1f} % on average, standard deviation {deviation:.1f}"
        )
    return lines


def write_folds(path: Path, folds: Sequence[Fold]) -> None:
    """A row per fold; persons are joined by blanks."""
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["fold", "val_clips", "best_val_top1", "val_top5", "best_epoch", "people"])
        for fold in folds:
            run = fold.run
            results = [cell(value, "") for value in (run.best_top1, run.best_top5, run.best_epoch)]
            writer.writerow([fold.number, fold.num_val_clips, *results, " ".join(fold.people)])
    partial.replace(path)


def _fold_options(
    options: TrainOptions, parts: Sequence[Sequence[ListedClip]], folder: Path, labels: list[str]
) -> TrainOptions:
    (train_files, train_roots), (val_files, val_roots) = (
        write_annotations(part, folder, name)
        for part, name in zip(parts, ("train", "val"), strict=True)
    )
    return dataclasses.replace(
        options,
        train_ann_files=train_files,
        train_data_roots=train_roots,
        val_ann_files=val_files,
        val_data_roots=val_roots,
        save_checkpoints_to=folder,
        tensorboard_dir=None
        if options.tensorboard_dir is None
        else options.tensorboard_dir / folder.name,
        classes=labels,
    )


def _lonely_classes(
    clips: Sequence[ListedClip], fold_of: Sequence[int], labels: Sequence[str]
) -> list[str]:
    """A warning for every class of which some fold would have no training clip."""
    folds_of = {
        name: {fold_of[i] for i, clip in enumerate(clips) if clip.record.label == label}
        for label, name in enumerate(labels)
    }
    return [
        f"warning: all clips of {name!r} are of one person: fold {next(iter(folds)) + 1} trains without them, and can only be wrong there"
        for name, folds in folds_of.items()
        if len(folds) == 1
    ]


def _names(people: Sequence[str], shown: int = 4) -> str:
    more = f" and {len(people) - shown} more" if len(people) > shown else ""
    return ", ".join(people[:shown]) + more

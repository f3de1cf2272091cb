"""Cross validation: every clip is validated once, by a model that never saw its person.

The study ends with a model of all clips. The folds say how good it is.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from action_recognition.checkpoint import copy_checkpoint
from action_recognition.console import say
from action_recognition.data.landmarks.tracking import tracked_store
from action_recognition.data.listed_clips import ListedClip, listed_clips
from action_recognition.data.people import compile_person_regex
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.files import write_csv, write_json
from action_recognition.template import LandmarkInput
from action_recognition.training.checkpoints.saving import BEST
from action_recognition.training.machine.run_lock import sole_run
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import PreparedRun, prepare
from action_recognition.training.reporting.compare import cell
from action_recognition.training.reporting.head_result import (
    HEAD_FILE,
    HEAD_RESULT_FILE,
    HeadResult,
    read_head_result,
)
from action_recognition.training.reporting.run_summary import RunSummary, summarise
from action_recognition.training.studies.fold_choice import FoldModel, write_fold_models
from action_recognition.training.studies.side_by_side import Job, train_side_by_side
from action_recognition.training.studies.subsets import options_of_part, write_annotations

FOLDS_FILE = "folds.csv"
_ROOTS_FILE = "val_roots.json"
_PROBLEMS_SHOWN = 5

TrainOne = Callable[[PreparedRun], Path]
"""A function that trains one model, and returns its checkpoint."""


@dataclass(frozen=True)
class Fold:
    """The run of one fold: people it was validated on, number of their clips, results.

    `run` is the network of the last epoch. `head` is the head alone, if the preset trained one.
    """

    number: int
    people: tuple[str, ...]
    num_val_clips: int
    run: RunSummary
    head: HeadResult | None = None

    def result(self, is_head: bool) -> tuple[float | None, float | None]:
        """Return top-1 (mean over classes) and top-5 in % of one of the two networks."""
        if is_head:
            return (None, None) if self.head is None else (self.head.accuracy, self.head.top5)
        return self.run.last_top1, self.run.last_top5


def train_folds(
    run: PreparedRun,
    num_folds: int,
    person_regex: str | None,
    train_one: TrainOne,
    at_once: int = 1,
) -> list[Fold]:
    """Train one model per fold into `fold_1`, `fold_2`, ..., then one of all clips.

    With `at_once` above 1, so many train at the same time, in processes that `train_one` does not
    reach: they train as `train_prepared` does.
    The last epoch of each fold counts: a model of all clips has nothing to choose an epoch by.
    Writes folds.csv and folds.json, and prints each result and their mean. A person is the first
    group of `person_regex` in a clip's path. Without it every video stands for itself.
    """
    options, folder = run.options, run.options.save_checkpoints_to
    clips, _ = listed_clips(options.train_ann_files, options.train_data_roots, run.labels)
    people = people_of(clips, person_regex)
    if person_regex is None:
        side = "a person may be on both sides, and the accuracy flatters"
        say(f"warning: no --person-regex: folds are made by video, so {side}")
    fold_of = assign_folds(people, [clip.record.label for clip in clips], num_folds, options.seed)
    for line in _lonely_classes(clips, fold_of, run.labels):
        say(line)

    # Another run in this folder is refused before anything of the first one is replaced.
    by_fold = _Folds(run, clips, people, fold_of)
    with sole_run(folder):
        if at_once > 1:
            folds = _train_side_by_side(by_fold, at_once)
        else:
            folds = [_train_fold(by_fold, number, train_one) for number in range(num_folds)]

        # The network that is better on average, then one like it of all clips.
        is_head = head_is_better(folds)
        write_folds(folder / FOLDS_FILE, folds, is_head)
        if at_once == 1:
            _train_on_all(run, train_one, is_head, num_folds)
        _write_models(folder, folds, is_head)
    for line in folds_lines(folds, is_head):
        say(line)
    return folds


@dataclass(frozen=True)
class _Folds:
    """The clips of a run with their persons and folds (0..N - 1)."""

    run: PreparedRun
    clips: Sequence[ListedClip]
    people: Sequence[str]
    fold_of: Sequence[int]

    @property
    def number(self) -> int:
        """The number of folds."""
        return max(self.fold_of) + 1

    def folder(self, number: int) -> Path:
        """Return the folder of a fold (0..N - 1)."""
        return self.run.options.save_checkpoints_to / f"fold_{number + 1}"

    def options(self, number: int) -> TrainOptions:
        """Say who is held out, write the annotation files, and return the options of the run.

        The result of an earlier run is removed.
        """
        parts = [self._clips(number, held) for held in (False, True)]
        held_out = _names(self._held_out(number))
        say(f"fold {number + 1} of {self.number}: {len(parts[1])} validation clips of {held_out}")
        folder = self.folder(number)
        (folder / HEAD_RESULT_FILE).unlink(missing_ok=True)
        return _fold_options(self.run, parts, folder)

    def result(self, number: int) -> Fold:
        """Read the result of a fold that was trained."""
        folder = self.folder(number)
        people, num_val = self._held_out(number), len(self._clips(number, True))
        return Fold(number + 1, people, num_val, summarise(folder), read_head_result(folder))

    def _clips(self, number: int, held: bool) -> list[ListedClip]:
        pairs = zip(self.clips, self.fold_of, strict=True)
        return [clip for clip, fold in pairs if (fold == number) == held]

    def _held_out(self, number: int) -> tuple[str, ...]:
        pairs = zip(self.people, self.fold_of, strict=True)
        return tuple(sorted({person for person, fold in pairs if fold == number}))


def _train_fold(folds: _Folds, number: int, train_one: TrainOne) -> Fold:
    """Train the run that holds out the clips of the fold `number`."""
    # The fold's folder is held too, before the result of an earlier run goes.
    with sole_run(folds.folder(number)):
        prepared = prepare(folds.run.work_dir, folds.options(number))
        train_one(dataclasses.replace(prepared, best_is="last"))
    return folds.result(number)


def _train_side_by_side(folds: _Folds, at_once: int) -> list[Fold]:
    """Train all folds and the model of all clips, several at the same time."""
    run, numbers = folds.run, range(folds.number)
    if isinstance(run.template.input, LandmarkInput):
        # Hands are tracked on all cores before: each of the runs would do it again.
        tracked_store(run.template.input.tracking_rate_fps, run.train)
    with ExitStack() as held:
        for number in numbers:
            held.enter_context(sole_run(folds.folder(number)))
        jobs = [Job(f"fold {n + 1}", run.work_dir, folds.options(n)) for n in numbers]
        train_side_by_side([*jobs, Job("all clips", run.work_dir, run.options)], at_once)
    return [folds.result(number) for number in numbers]


def head_is_better(folds: Sequence[Fold]) -> bool:
    """Return True if the head alone is better than the fine-tuned network, on average of folds."""
    pairs = [(fold.result(True)[0], fold.result(False)[0]) for fold in folds]
    known = [(head, tuned) for head, tuned in pairs if head is not None and tuned is not None]
    if not known:
        return any(head is not None for head, _ in pairs)
    heads, tuned = zip(*known, strict=True)
    return float(np.mean(heads)) >= float(np.mean(tuned))


def _train_on_all(run: PreparedRun, train_one: TrainOne, is_head: bool, num_folds: int) -> None:
    """Train the network of all clips. `best.pth` is the one that the folds chose."""
    say(f"fold {num_folds + 1} of {num_folds + 1}: a model of all clips, which holds nobody out")
    latest = train_one(dataclasses.replace(run, best_is="last"))
    if is_head:
        copy_checkpoint(latest.with_name(HEAD_FILE), latest.with_name(BEST))


def _write_models(folder: Path, folds: Sequence[Fold], is_head: bool) -> None:
    """Write which checkpoint measured which clips."""
    models = []
    for fold in folds:
        name = f"fold_{fold.number}"
        files = sorted((folder / name).glob("val*.txt"))
        roots = json.loads((folder / name / _ROOTS_FILE).read_text(encoding="utf-8"))
        weights = f"{name}/{HEAD_FILE if is_head else BEST}"
        names = tuple(f"{name}/{file.name}" for file in files)
        models.append(FoldModel(weights, names, tuple(roots)))
    write_fold_models(folder, models)


def people_of(clips: Sequence[ListedClip], person_regex: str | None) -> list[str]:
    """Return the person of every clip.

    Raises UserError: a broken expression, or the paths that it does not match.
    """
    if person_regex is None:
        return [clip.path for clip in clips]
    pattern = compile_person_regex(person_regex)
    found = [pattern.search(clip.path) for clip in clips]
    names = [match.group(1) if match else None for match in found]
    problems = [
        Problem(clip.record.line, f"--person-regex finds no person in {clip.path!r}")
        for clip, name in zip(clips, names, strict=True)
        if not name
    ]
    if not problems:
        return [str(name) for name in names]

    # A wrong expression matches no path: a few of them show it.
    hidden = len(problems) - _PROBLEMS_SHOWN
    more = [Problem("--person-regex", f"and {hidden} more paths like these")] if hidden > 0 else []
    raise UserError([*problems[:_PROBLEMS_SHOWN], *more])


def assign_folds(
    people: Sequence[str], labels: Sequence[int], num_folds: int, seed: int
) -> list[int]:
    """Return the fold (0..num_folds - 1) of every clip: all clips of a person in one fold.

    Classes are spread as evenly over the folds as that allows. Persons with many clips are placed
    first, each where the counts of its classes then differ least from equal shares.
    """
    names = sorted(set(people))
    if not 2 <= num_folds <= len(names):
        allowed = f"2 to {len(names)}, the number of persons (of videos without --person-regex)"
        raise user_error("--folds", f"found {num_folds}", allowed)
    counts = np.zeros((len(names), max(labels) + 1))
    np.add.at(counts, ([names.index(person) for person in people], list(labels)), 1)

    # Persons by size. Ties fall by the seed: a stable sort keeps that order.
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    fold_of = {
        names[person]: fold
        for person, fold in zip(order, _place_persons(counts[order], num_folds), strict=True)
    }
    return [fold_of[person] for person in people]


def _place_persons(counts: NDArray[np.float64], num_folds: int) -> list[int]:
    """Return a fold for each person, given the `counts` (persons, classes) of their clips."""
    share = counts.sum(axis=0) / num_folds
    filled = np.zeros((num_folds, counts.shape[1]))
    folds = []
    for place, own in enumerate(counts):
        excess = ((filled + own - share) ** 2 - (filled - share) ** 2).sum(axis=1)
        empty = filled.sum(axis=1) == 0
        # Fill the empty folds when only as many persons are left.
        if empty.sum() == len(counts) - place:
            excess[~empty] = np.inf
        folds.append(int(np.argmin(excess)))
        filled[folds[-1]] += own
    return folds


def folds_lines(folds: Sequence[Fold], is_head: bool) -> list[str]:
    """Return the result of each fold, then mean and standard deviation over the folds."""
    lines = []
    for fold in folds:
        top1, top5 = (cell(value, "best_top1") for value in fold.result(is_head))
        tested = f"{fold.num_val_clips} clips of {_names(fold.people)}"
        lines.append(f"fold {fold.number}: val top-1 {top1} %, top-5 {top5} % ({tested})")
    values = _top1s(folds, is_head)
    if any(fold.head is not None for fold in folds):
        both = [f"{np.mean(_top1s(folds, head)):.1f} %" for head in (True, False)]
        chosen = "the head alone" if is_head else "the fine-tuned network"
        lines.append(f"folds: head alone {both[0]}, fine-tuned {both[1]}: best.pth is {chosen}")
    if values:
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        mean = f"val top-1 {np.mean(values):.1f} % on average"
        lines.append(f"{len(values)} folds: {mean}, standard deviation {deviation:.1f}")
    return lines


def _top1s(folds: Sequence[Fold], is_head: bool) -> list[float]:
    results = (fold.result(is_head)[0] for fold in folds)
    return [top1 for top1 in results if top1 is not None]


def write_folds(path: Path, folds: Sequence[Fold], is_head: bool) -> None:
    """Write a CSV with a row per fold. Persons are joined by blanks."""
    rows = [["fold", "val_clips", "val_top1", "val_top5", "network", "people"]]
    for fold in folds:
        results = [cell(value, "") for value in fold.result(is_head)]
        results.append("head" if is_head else "fine-tuned" if fold.head else "last epoch")
        people = " ".join(fold.people)
        rows.append([str(fold.number), str(fold.num_val_clips), *results, people])
    write_csv(path, rows)


def _fold_options(
    run: PreparedRun, parts: Sequence[Sequence[ListedClip]], folder: Path
) -> TrainOptions:
    """Write the annotation files of a fold, and return the options of its run."""
    train_files, train_roots = write_annotations(parts[0], folder, "train")
    val_files, val_roots = write_annotations(parts[1], folder, "val")
    write_json(folder / _ROOTS_FILE, [str(root.resolve()) for root in val_roots])
    return dataclasses.replace(
        options_of_part(run, folder),
        train_ann_files=train_files,
        train_data_roots=train_roots,
        val_ann_files=val_files,
        val_data_roots=val_roots,
    )


def _lonely_classes(
    clips: Sequence[ListedClip], fold_of: Sequence[int], labels: Sequence[str]
) -> list[str]:
    """Return a warning for every class of which some fold would have no training clip."""
    lines = []
    for label, name in enumerate(labels):
        folds = {fold_of[i] for i, clip in enumerate(clips) if clip.record.label == label}
        if len(folds) == 1:
            (fold,) = folds
            alone = f"fold {fold + 1} trains without them, and can only be wrong there"
            lines.append(f"warning: all clips of {name!r} are of one person: {alone}")
    return lines


def _names(people: Sequence[str], shown: int = 4) -> str:
    more = f" and {len(people) - shown} more" if len(people) > shown else ""
    return ", ".join(people[:shown]) + more

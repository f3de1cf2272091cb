"""The checkpoint that a run goes on from, and whether it can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from action_recognition.checkpoint import (
    RawCheckpoint,
    TrainedModel,
    read_checkpoint,
    trained_model,
)
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.template import ModelConfig, Template
from action_recognition.training.checkpoints.saving import LATEST, PREVIOUS, RUN_KEY
from action_recognition.training.reporting.compare import flatten

AUTO, LATEST_KEYWORD = "auto", "latest"
_MATTERS_NOT = (
    "name",
    "domain",
    "problem",
    "gpu_num",
    "dependencies",
    "metrics",
    "summary",
    "training_target",
    "inference_target",
    "output_format",
)
_MAY_CHANGE = (
    "hyper_parameters.basic.epochs",
    "training.num_workers",
    "training.early_stop_epochs",
)
_BATCH_SIZE = "hyper_parameters.basic.batch_size"  # counts together with the number of processes
_START_ANEW = "start from its weights with --load-weights"


@dataclass(frozen=True)
class Change:
    """One difference between the run that wrote a checkpoint and the one that wants to go on from it."""

    what: str
    before: object
    now: object
    safe: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.before} before, {self.now} now"


def find_checkpoint(
    resume_from: str | None, folder: Path
) -> tuple[RawCheckpoint | None, str | None]:
    """The checkpoint that `--resume-from` means, and what to say about it: a file, `latest`, or `auto`, which may find none.

    A damaged `latest.pth` is an error that offers the one before it; `auto` takes that by itself, and is an error when both are damaged.
    """
    if resume_from is None:
        return None, None
    if resume_from not in (AUTO, LATEST_KEYWORD):
        return _resumable(Path(resume_from)), None
    latest, previous = folder / LATEST, folder / PREVIOUS
    if resume_from == AUTO and not latest.is_file() and not previous.is_file():
        return None, f"--resume-from auto: no {LATEST} in {folder}: a fresh start"
    try:
        return _resumable(latest), None
    except UserError as error:
        before = _readable(previous)
        if before is None:
            raise
        if resume_from == AUTO:
            return (
                before,
                f"warning: {error.problems[0].found}: {latest}; going on from the one before it, {_place(before)}",
            )
        problem = error.problems[0]
        fix = f"--resume-from {previous} goes on from the one before it ({_place(before)})"
        raise user_error(problem.where, problem.found, problem.allowed, fix) from None


def is_finished(raw: RawCheckpoint, epochs: int) -> bool:
    """Whether a run of so many epochs has nothing left to do after this checkpoint."""
    done = int(raw.content["epoch"]) + 1
    callbacks = raw.content.get("callbacks", {}).values()
    stopped = any(isinstance(state, dict) and state.get("stopped_epoch") for state in callbacks)
    return done > epochs or (_is_complete(raw) and (done == epochs or stopped))


def changes_since(raw: RawCheckpoint, template: Template, run: Mapping[str, Any]) -> list[Change]:
    """What differs between the run that wrote the checkpoint and this one; `run` is what its checkpoints keep under `run`."""
    stored = trained_model(raw)
    before, now = (
        dict(flatten(item.model_dump(mode="json"))) for item in (stored.template, template)
    )
    keys = [key for key in before | now if not key.startswith(_MATTERS_NOT) and key != _BATCH_SIZE]
    changes = [
        Change(f"template.yaml: {key}", before.get(key), now.get(key), key in _MAY_CHANGE)
        for key in keys
        if before.get(key) != now.get(key)
    ]
    return changes + _run_changes(raw.content.get(RUN_KEY, {}), run, _is_complete(raw))


def check_changes(raw: RawCheckpoint, changes: Sequence[Change]) -> list[str]:
    """Lines about the changes with which going on is safe; the others end in a `UserError` that lists them."""
    unsafe = [change for change in changes if not change.safe]
    if unsafe:
        where = f"--resume-from: {raw.path}"
        raise UserError(
            Problem(where, str(change), "as before", f"take that back, or {_START_ANEW}")
            for change in unsafe
        )
    return [f"note: {change}" for change in changes]


def check_same_network(raw: RawCheckpoint, labels: Sequence[str], model: ModelConfig) -> None:
    """Weights and optimiser fit these labels and this network, else a `UserError`."""
    stored = trained_model(raw)
    problems = _network_problems(stored, labels, model)
    if problems:
        where = f"--resume-from: {raw.path}"
        raise UserError(Problem(where, found, allowed, _START_ANEW) for found, allowed in problems)


def check_epochs_left(raw: RawCheckpoint, epochs: int) -> None:
    """A `UserError` where a run of so many epochs has nothing left to do."""
    if is_finished(raw, epochs):
        done = int(raw.content["epoch"]) + 1
        raise user_error(
            f"--epochs: {epochs}",
            f"the checkpoint has {done} epochs behind it",
            f"more than {done}",
        )


def _run_changes(
    before: Mapping[str, Any], now: Mapping[str, Any], between_epochs: bool
) -> list[Change]:
    changes = [
        Change(what, before[what], now[what], False)
        for what in ("seed", "train_data")
        if before.get(what, now[what]) != now[what]
    ]
    if (
        before.get("val_data", now["val_data"]) != now["val_data"]
    ):  # training is the same; the best score is of other clips
        changes.append(Change("val_data", before["val_data"], now["val_data"], True))
    parts = ("world_size", "batch_size", "accumulate")
    if not before or all(before[part] == now[part] for part in parts):
        return changes
    then, new = (tuple(run[part] for part in parts) for run in (before, now))
    same_step = _product(then) == _product(
        new
    )  # of as many clips: the same clips in the same steps
    safe = same_step and (between_epochs or before["accumulate"] == now["accumulate"])
    words = "{} process(es) x batch {} x {} accumulated = {} clips a step"
    return [
        *changes,
        Change(
            "clips a step",
            words.format(*then, _product(then)),
            words.format(*new, _product(new)),
            safe,
        ),
    ]


def _product(parts: Sequence[int]) -> int:
    processes, batch_size, accumulate = parts
    return processes * batch_size * accumulate


def _resumable(path: Path) -> RawCheckpoint:
    raw = read_checkpoint(path)
    if raw.form != "trained_model" or "loops" not in raw.content:
        found = "holds weights only, no optimiser and epoch to go on from"
        raise user_error(f"--resume-from: {path}", found, fix="start from it with --load-weights")
    return raw


def _readable(path: Path) -> RawCheckpoint | None:
    try:
        return _resumable(path)
    except UserError:
        return None


def _place(raw: RawCheckpoint) -> str:
    return f"epoch {int(raw.content['epoch']) + 1}, step {raw.content['global_step']}"


def _network_problems(
    stored: TrainedModel, labels: Sequence[str], model: ModelConfig
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if stored.labels != tuple(labels):
        theirs, ours = (
            f"{len(names)}: {', '.join(list(names)[:3])}, ..." for names in (stored.labels, labels)
        )
        found.append(
            (f"was trained on other labels ({theirs})", f"the labels of this run ({ours})")
        )
    if stored.model != model:
        found.append(
            ("holds another network than model.yaml", "a checkpoint of a run with this model.yaml")
        )
    return found


def _is_complete(raw: RawCheckpoint) -> bool:
    """Whether the stored epoch ran to its end (most checkpoints lie within one)."""
    progress = raw.content["loops"]["fit_loop"]["epoch_progress"]["current"]
    return bool(progress["processed"] > raw.content["epoch"])

"""The checkpoint that a run resumes from, and the epochs that are left after it."""

from __future__ import annotations

from pathlib import Path

from action_recognition.checkpoint import RawCheckpoint, read_checkpoint
from action_recognition.errors import UserError, user_error
from action_recognition.training.checkpoints.saving import LATEST, PREVIOUS
from action_recognition.training.checkpoints.state_check import check_state

AUTO, LATEST_KEYWORD = "auto", "latest"


def find_checkpoint(
    resume_from: str | None, folder: Path
) -> tuple[RawCheckpoint | None, str | None]:
    """Return the checkpoint that `--resume-from` names, and a line to print about it.

    `resume_from` is a file, `latest`, or `auto`, which may find no checkpoint. A damaged
    `latest.pth` is an error that suggests `previous.pth`. With `auto` the run resumes from
    `previous.pth` instead.

    Errors: UserError when the named checkpoint cannot be resumed from, or when both are damaged.
    """
    if resume_from is None:
        return None, None

    # A path names the file itself.
    if resume_from not in (AUTO, LATEST_KEYWORD):
        return _resumable(Path(resume_from)), None

    # A fresh start is only right where no run has been, not where its files are damaged.
    files = [folder / LATEST, folder / PREVIOUS]
    if resume_from == AUTO and not any(file.is_file() for file in files):
        return None, f"--resume-from auto: no {LATEST} in {folder}, so the run starts afresh"
    return _latest_or_previous(folder, take_previous=resume_from == AUTO)


def _latest_or_previous(folder: Path, *, take_previous: bool) -> tuple[RawCheckpoint, str | None]:
    """Return `latest.pth`. Where it is damaged, return `previous.pth` or suggest it."""
    latest, previous = folder / LATEST, folder / PREVIOUS
    try:
        return _resumable(latest), None
    except UserError as error:
        before = _readable(previous)
        if before is None:
            raise
        problem = error.problems[0]

    place = f"epoch {int(before.content['epoch']) + 1}, step {before.content['global_step']}"
    if take_previous:
        warning = f"warning: {problem.found}: {latest}"
        return before, f"{warning}; resuming from the one before it, {place}"
    fix = f"--resume-from {previous} resumes from the one before it ({place})"
    raise user_error(problem.where, problem.found, problem.allowed, fix)


def _resumable(path: Path) -> RawCheckpoint:
    """Read a checkpoint that `train.py` wrote. Errors: UserError for a file of weights only."""
    raw = read_checkpoint(path)

    # A checkpoint of Lightning has the state of its loops.
    if raw.form != "trained_model" or "loops" not in raw.content:
        found = "holds weights only, so there is no optimiser and no epoch to resume from"
        raise user_error(f"--resume-from: {path}", found, fix="start from it with --load-weights")
    check_state(raw)
    return raw


def _readable(path: Path) -> RawCheckpoint | None:
    try:
        return _resumable(path)
    except UserError:
        return None


def is_finished(raw: RawCheckpoint, epochs: int) -> bool:
    """Return True if a run of this many epochs has nothing left to do after the checkpoint."""
    done = int(raw.content["epoch"]) + 1
    callbacks = raw.content.get("callbacks", {}).values()

    # Early stopping stores the epoch at which it ended the run.
    stopped = any(isinstance(state, dict) and state.get("stopped_epoch") for state in callbacks)
    return done > epochs or (epoch_is_complete(raw) and (done == epochs or stopped))


def check_epochs_left(raw: RawCheckpoint, epochs: int) -> None:
    """Raise a UserError if a run of this many epochs has nothing left to do."""
    if is_finished(raw, epochs):
        done = int(raw.content["epoch"]) + 1
        found = f"the checkpoint has completed {done} epochs"
        raise user_error(f"--epochs: {epochs}", found, f"more than {done}")


def epoch_is_complete(raw: RawCheckpoint) -> bool:
    """Return True if the stored epoch ended. Most checkpoints lie within an epoch."""
    progress = raw.content["loops"]["fit_loop"]["epoch_progress"]["current"]
    return bool(progress["processed"] > raw.content["epoch"])

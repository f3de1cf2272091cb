"""The checkpoint that a run goes on from, and whether it can."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from action_recognition.checkpoint import RawCheckpoint, TrainedModel, read_checkpoint, trained_model
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.template import ModelConfig, Template


def checkpoint_to_go_on_from(
    path: Path, labels: Sequence[str], template: Template, model: ModelConfig, epochs: int | None
) -> RawCheckpoint:
    """The checkpoint at `path`; `epochs` is what --epochs gives, None for as many as the checkpoint was meant for.

    A `UserError` says what does not let a run with these labels, template and network go on from it.
    """
    raw = read_checkpoint(path)
    if raw.form != "trained_model" or "loops" not in raw.content:
        raise user_error(
            f"--resume-from: {path}", "holds weights only, no optimiser and epoch to go on from", fix="start from it with --load-weights"
        )
    stored = trained_model(raw)
    problems = _differences(stored, labels, template, model)
    if problems:
        where, fix = f"--resume-from: {path}", "start from it with --load-weights"
        raise UserError(Problem(where, found, allowed, fix) for found, allowed in problems)
    epochs_done = int(raw.content["epoch"]) + 1
    wanted = epochs or stored.template.hyper_parameters.basic.epochs
    if wanted < epochs_done or (wanted == epochs_done and _is_complete(raw)):
        raise user_error(f"--epochs: {wanted}", f"the checkpoint has {epochs_done} epochs behind it", f"more than {epochs_done}")
    return raw


def _differences(stored: TrainedModel, labels: Sequence[str], template: Template, model: ModelConfig) -> list[tuple[str, str]]:
    """What was found and what would be allowed, of all that the state of an optimiser depends on."""
    found: list[tuple[str, str]] = []
    if stored.labels != tuple(labels):
        theirs, ours = (f"{len(names)}: {', '.join(list(names)[:3])}, ..." for names in (stored.labels, labels))
        found.append((f"was trained on other labels ({theirs})", f"the labels of this run ({ours})"))
    if stored.model != model:
        found.append(("holds another network than model.yaml", "a checkpoint of a run with this model.yaml"))
    before, now = stored.template.training, template.training
    if before.optimizer != now.optimizer:
        found.append((f"was trained with {before.optimizer!r}", f"training.optimizer of template.yaml, {now.optimizer!r}"))
    if (before.ema_decay is None) != (now.ema_decay is None):
        found.append((f"was trained with ema_decay {before.ema_decay}", f"training.ema_decay of template.yaml, {now.ema_decay}"))
    return found


def _is_complete(raw: RawCheckpoint) -> bool:
    """Whether the stored epoch ran to its end (a checkpoint of Ctrl-C may lie within one)."""
    progress = raw.content["loops"]["fit_loop"]["epoch_progress"]["current"]
    return bool(progress["processed"] > raw.content["epoch"])

"""Differences between the run that wrote a checkpoint and the run that resumes from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from action_recognition.checkpoint import RawCheckpoint, TrainedModel, trained_model
from action_recognition.errors import Problem, UserError
from action_recognition.template import ModelConfig, Template
from action_recognition.training.checkpoints.resume import epoch_is_complete
from action_recognition.training.checkpoints.saving import RUN_KEY
from action_recognition.training.reporting.run_summary import flatten

# Keys of the template that do not change what a run computes.
_IGNORED_KEYS = (
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
_SAFE_KEYS = (
    "hyper_parameters.basic.epochs",
    "training.num_workers",
    "training.early_stop_epochs",
)
# The batch size counts together with the number of processes, see `_step_changes`.
_BATCH_SIZE = "hyper_parameters.basic.batch_size"
_STEP_PARTS = ("world_size", "batch_size", "accumulate")
_START_FROM_WEIGHTS = "start from its weights with --load-weights"


@dataclass(frozen=True)
class Change:
    """One difference between the run that wrote a checkpoint and the run that resumes from it."""

    what: str
    before: object
    now: object
    safe: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.before} before, {self.now} now"


def changes_since(raw: RawCheckpoint, template: Template, run: Mapping[str, Any]) -> list[Change]:
    """Return the differences between the run that wrote the checkpoint and this one.

    `run` is the section that this run's checkpoints keep under the key `run`.
    """
    # Settings are compared as text by dotted key.
    before, now = (
        dict(flatten(item.model_dump(mode="json")))
        for item in (trained_model(raw).template, template)
    )

    # A key may exist in only one of the templates.
    keys = [key for key in before | now if not key.startswith(_IGNORED_KEYS) and key != _BATCH_SIZE]
    changes = [
        Change(f"template.yaml: {key}", before.get(key), now.get(key), key in _SAFE_KEYS)
        for key in keys
        if before.get(key) != now.get(key)
    ]
    return changes + _run_changes(raw.content.get(RUN_KEY, {}), run, epoch_is_complete(raw))


def check_changes(raw: RawCheckpoint, changes: Sequence[Change]) -> list[str]:
    """Return a line for each change if all of them are safe.

    Errors: UserError that lists every change with which the run cannot resume.
    """
    unsafe = [change for change in changes if not change.safe]
    if unsafe:
        where = f"--resume-from: {raw.path}"
        fix = f"undo this change, or {_START_FROM_WEIGHTS}"
        raise UserError(Problem(where, str(change), "as before", fix) for change in unsafe)
    return [f"note: {change}" for change in changes]


def check_same_network(raw: RawCheckpoint, labels: Sequence[str], model: ModelConfig) -> None:
    """Raise a UserError if the checkpoint's weights and optimiser do not fit labels and network."""
    problems = _network_problems(trained_model(raw), labels, model)
    if problems:
        where = f"--resume-from: {raw.path}"
        raise UserError(
            Problem(where, found, allowed, _START_FROM_WEIGHTS) for found, allowed in problems
        )


def _run_changes(
    before: Mapping[str, Any], now: Mapping[str, Any], between_epochs: bool
) -> list[Change]:
    # Other clips or another order of them cannot continue the same epoch.
    changes = [
        Change(what, before[what], now[what], False)
        for what in ("seed", "train_data")
        if before.get(what, now[what]) != now[what]
    ]
    # The training stays the same. Only the best score so far belongs to other clips.
    if before.get("val_data", now["val_data"]) != now["val_data"]:
        changes.append(Change("val_data", before["val_data"], now["val_data"], True))
    return [*changes, *_step_changes(before, now, between_epochs)]


def _step_changes(
    before: Mapping[str, Any], now: Mapping[str, Any], between_epochs: bool
) -> list[Change]:
    """Return a change if processes, batch size or accumulated batches differ."""
    if not before or all(before[part] == now[part] for part in _STEP_PARTS):
        return []
    old, new = (tuple(run[part] for part in _STEP_PARTS) for run in (before, now))

    # With as many clips a step, the run takes the same clips in the same steps.
    same_step = math.prod(old) == math.prod(new)
    safe = same_step and (between_epochs or before["accumulate"] == now["accumulate"])
    words = "{} process(es) x batch {} x {} accumulated = {} clips a step"
    old_words, new_words = (words.format(*parts, math.prod(parts)) for parts in (old, new))
    return [Change("clips a step", old_words, new_words, safe)]


def _network_problems(
    stored: TrainedModel, labels: Sequence[str], model: ModelConfig
) -> list[tuple[str, str]]:
    """Return (found, allowed) for each way in which a checkpoint does not fit this run."""
    problems = []

    # The head has one direction per label, in this order.
    if stored.labels != tuple(labels):
        theirs, ours = (
            f"{len(names)}: {', '.join(list(names)[:3])}, ..." for names in (stored.labels, labels)
        )
        found = f"was trained on other labels ({theirs})"
        problems.append((found, f"the labels of this run ({ours})"))

    if stored.model != model:
        found = "holds another network than model.yaml"
        problems.append((found, "a checkpoint of a run with this model.yaml"))
    return problems

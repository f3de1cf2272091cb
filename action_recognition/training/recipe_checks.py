"""Notes and errors about data and recipe before a run starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from action_recognition.data.annotations import ClipRecord, ClipTable
from action_recognition.errors import user_error
from action_recognition.models.recogniser import Recogniser
from action_recognition.schedules import ScaledSchedule
from action_recognition.template import Training

MAX_NAMES_SHOWN = 10


def class_notes(train: ClipTable, val: Sequence[ClipRecord], labels: Sequence[str]) -> list[str]:
    """Return notes about classes without a training clip.

    The network cannot learn them. Their validation clips count as wrong.
    """
    trained, validated = set(train.labels.tolist()), {record.label for record in val}
    untrained = [label for label in range(len(labels)) if label not in trained]

    # Only a class with validation clips lowers the score.
    notes = []
    if unseen := [label for label in untrained if label not in validated]:
        names = _names(unseen, labels)
        notes.append(
            f"note: no training clip of {names}; the network cannot learn what it never sees"
        )
    if wrong := [label for label in untrained if label in validated]:
        names = _names(wrong, labels)
        notes.append(
            f"note: validation clips but no training clip of {names}; they can only be wrong"
        )
    return notes


def untrained_note(training: Training, schedule: ScaledSchedule) -> str | None:
    """Return a note for a run without start weights whose recipe keeps random weights frozen."""
    # The keys that keep weights or statistics as they are.
    keys = []
    if schedule.freeze_epochs:
        keys.append(f"schedule.freeze_epochs to 0 (now {schedule.freeze_epochs} in this run)")
    if training.frozen_blocks:
        keys.append(f"frozen_blocks to 0 (now {training.frozen_blocks})")
    if training.batch_norm == "frozen":
        keys.append("batch_norm to train")
    if not keys:
        return None

    found = "note: the backbone that is frozen is untrained"
    return f"{found}; give start weights with --load-weights, or set training.{', '.join(keys)}"


def check_frozen_blocks(training: Training, network: Recogniser) -> None:
    """Raise a UserError if `frozen_blocks` is above the number of the backbone's stages."""
    num_stages = len(network.backbone.stages())
    if training.frozen_blocks > num_stages:
        where = "template.yaml: training.frozen_blocks"
        raise user_error(where, f"found {training.frozen_blocks}", f"0 to {num_stages}")


def _names(indices: Iterable[int], labels: Sequence[str]) -> str:
    names = [repr(labels[index]) for index in indices]
    shown, num_more = ", ".join(names[:MAX_NAMES_SHOWN]), len(names) - MAX_NAMES_SHOWN
    return f"{shown} and {num_more} more classes" if num_more > 0 else shown

"""The state of a run in a checkpoint, checked before anything is built from it."""

from __future__ import annotations

from typing import Annotated, Any

from lightning.pytorch.callbacks import Callback
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from action_recognition.bounds import MAX_COUNT, MAX_SEED
from action_recognition.checkpoint import RawCheckpoint
from action_recognition.errors import UserError, user_error

_Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
_Positive = Annotated[int, Field(ge=1, le=MAX_COUNT)]
_FIX = "use the checkpoint as train.py wrote it, or start from its weights with --load-weights"


class _Part(BaseModel):
    """Base of the sections. Lightning's have more keys than this toolkit looks at."""

    model_config = ConfigDict(extra="ignore", strict=True)


class _Current(_Part):
    ready: _Count
    processed: _Count


class _Progress(_Part):
    current: _Current


class _FitLoop(_Part):
    epoch_progress: _Progress


class _Loops(_Part):
    fit_loop: _FitLoop


class _Run(_Part):
    """The section of `SaveLatest`. Old checkpoints lack some of it."""

    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    world_size: _Positive = 1
    batch_size: _Positive = 1
    accumulate: _Positive = 1
    train_data: str = ""
    val_data: str = ""


class _State(_Part):
    epoch: _Count
    global_step: _Count
    loops: _Loops
    run: _Run = Field(default_factory=_Run)
    # Lightning takes an empty list for one that fits, and starts with a fresh optimiser.
    optimizer_states: Annotated[list[dict[str, Any]], Field(min_length=1)]
    lr_schedulers: list[dict[str, Any]] = Field(default_factory=list)
    callbacks: dict[str, Any] = Field(default_factory=dict)


def check_state(raw: RawCheckpoint) -> None:
    """Raise UserError that names the first section which this toolkit's code cannot use."""
    try:
        _State.model_validate(raw.content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        found = f"{place}, a part of the run's state, is damaged ({first['msg']})"
        raise user_error(f"--resume-from: {raw.path}", found, fix=_FIX) from None


class HasStepped(Callback):
    """Knows whether the run has taken a step. Until then an error may come from its old state."""

    def __init__(self) -> None:
        self.yes = False

    def on_train_batch_end(self, *_: Any) -> None:
        """Note that a step was taken."""
        self.yes = True


def useless_state(raw: RawCheckpoint, error: Exception) -> UserError:
    """Return the user error for an exception of a resumed run before its first step.

    PyTorch and Lightning restore optimiser, schedule, loops and callbacks. They raise errors of
    many kinds for sections that were edited.
    """
    lines = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
    found = f"its state does not fit this run ({reason})"
    return user_error(f"--resume-from: {raw.path}", found, fix=_FIX)

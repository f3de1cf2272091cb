"""Copying tensors of a weights file into a network, with a report of every tensor.

The names of a file are mapped one by one, so that what a file holds and what the network takes can
be told apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from action_recognition.checkpoint import RawCheckpoint, trained_model
from action_recognition.console import counted
from action_recognition.models.causal import CausalRecogniser, causal_kernel
from action_recognition.models.head import CLASS_DIRECTIONS, HEAD_PREFIX
from action_recognition.models.pretrained import NO_LICENCE
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.tensor_names.original import original_names
from action_recognition.template import CausalConfig, ModelConfig

# Buffers of the original that follow from its architecture and that nothing here needs.
_DERIVED = re.compile(r"(tv_loss\.weights|cls_head\.fc_angular\.reg_mask)$")

_COUNTER = "num_batches_tracked"
# Reasons to leave out a tensor that is not missed.
_NOT_NEEDED, _BATCH_COUNTERS = "derived, not needed", "batch counters"
_OF_FRESH_HEAD = "of the head, which starts fresh"
_ON_PURPOSE = (_NOT_NEEDED, _BATCH_COUNTERS, _OF_FRESH_HEAD)


@dataclass
class LoadReport:
    """The outcome for every tensor. `skipped` holds reasons by the file's names of tensors."""

    source: str
    sha256: str
    loaded: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    licence: str = NO_LICENCE

    def record(self) -> dict[str, str]:
        """Return plain values for the record of a training run."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            "licence": self.licence,
            "report": str(self),
        }

    def __str__(self) -> str:
        parts = [f"{self.source}: {counted(len(self.loaded), 'tensor')} loaded"]

        # What is left out on purpose is no loss, and not told.
        reasons = Counter(why for why in self.skipped.values() if why not in _ON_PURPOSE)
        if reasons:
            why = "; ".join(f"{reasons[reason]} {reason}" for reason in sorted(reasons))
            parts.append(f"{reasons.total()} of the file not used ({why})")

        # The counters of batches count anew in any case.
        fresh = [name for name in self.fresh if not name.endswith(_COUNTER)]
        if any(name.startswith(HEAD_PREFIX) for name in fresh):
            parts.append("the head starts fresh")
        others = Counter(name.split(".")[0] for name in fresh if not name.startswith(HEAD_PREFIX))
        parts += [f"{others[part]} of the {part} start fresh" for part in sorted(others)]
        return ", ".join(parts)


def copy_tensors(
    network: Recogniser,
    model: ModelConfig,
    raw: RawCheckpoint,
    *,
    head: Literal["keep", "reset"],
    counters: bool,
) -> LoadReport:
    """Copy what fits from a weights file into `network`, and return the report.

    `head="reset"` leaves the head fresh. Without `counters`, the counters of batches in the norms
    are left fresh too.
    """
    # The names and the kernels that the file has for our tensors.
    target = network.state_dict()
    is_original = raw.form == "original"
    names = original_names(model) if is_original else {name: name for name in target}
    report = LoadReport(str(raw.path), raw.sha256)
    turn = _turned_to_the_past(network, raw)
    class_map = raw.class_map if head == "keep" else None

    # Tensor by tensor: each is copied or skipped with a reason.
    for theirs, value in raw.state_dict.items():
        ours = names.get(theirs, "")
        if reason := _reason_to_skip(theirs, ours, head, counters):
            report.skipped[theirs] = reason
            continue
        fitted = _fit(ours, turn(value, target[ours]), target[ours], class_map)
        if fitted is None:
            report.skipped[theirs] = "of another shape"
        else:
            target[ours].copy_(fitted)
            report.loaded.append(ours)

    # What the file did not fill stays as the network drew it.
    report.fresh = sorted(set(target) - set(report.loaded))
    network.load_state_dict(target)
    return report


def _reason_to_skip(
    theirs: str, ours: str, head: Literal["keep", "reset"], counters: bool
) -> str | None:
    """Return why a tensor is not wanted, or None for one to copy. `ours` is "" without a name."""
    if not ours:
        return _NOT_NEEDED if _DERIVED.search(theirs) else "unknown to this network"
    if head == "reset" and ours.startswith(HEAD_PREFIX):
        return _OF_FRESH_HEAD
    if not counters and ours.endswith(_COUNTER):
        return _BATCH_COUNTERS
    return None


def _turned_to_the_past(
    network: Recogniser, raw: RawCheckpoint
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the function that makes a file's kernels over time those of `network`.

    Kernels of a clip network become causal ones where only `network` is causal.
    """
    is_causal = raw.form == "trained_model" and isinstance(trained_model(raw).model, CausalConfig)
    if is_causal or not isinstance(network, CausalRecogniser):
        return lambda value, target: value
    return lambda value, target: (
        causal_kernel(value, target.shape[2]) if value.ndim == target.ndim == 5 else value
    )


def _fit(
    name: str, value: Tensor, target: Tensor, class_map: dict[int, int] | None
) -> Tensor | None:
    """Return `value` in the shape of `target`, or None where it does not fit.

    It fits with the same number of elements, or with class columns to pick ours from.
    """
    # Directions of at least as many classes: pick the columns of ours.
    if name == CLASS_DIRECTIONS and _has_more_classes(value, target):
        columns = _class_columns(value.shape[1], target.shape[1], class_map)
        return None if columns is None else value[:, columns]
    return value.reshape(target.shape) if value.numel() == target.numel() else None


def _has_more_classes(value: Tensor, target: Tensor) -> bool:
    """Return True for directions (E, C) of one embedding size, with at least as many classes."""
    return (
        value.ndim == 2 and value.shape[0] == target.shape[0] and value.shape[1] >= target.shape[1]
    )


def _class_columns(
    num_theirs: int, num_ours: int, class_map: dict[int, int] | None
) -> list[int] | None:
    """Return the file's column of each of our classes, or None where the file lacks one.

    `class_map` gives the label number by the file's own index. Without it, ours are the file's
    first ones.
    """
    if class_map is None:
        return list(range(num_ours))

    # By number, since the file states the number of each of its classes.
    column_of_label = {label: own for own, label in class_map.items() if own < num_theirs}
    columns = [column_of_label.get(label) for label in range(num_ours)]
    return [column for column in columns if column is not None] if None not in columns else None

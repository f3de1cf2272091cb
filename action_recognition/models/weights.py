"""Start weights and inference weights: what is copied, what is skipped, what stays fresh.

The names of the original's tensors are mapped one by one, so that what a file holds and what the network takes can be told apart.
Source: REFERENCE section 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import Tensor

from action_recognition.checkpoint import RawCheckpoint, TrainedModel, read_checkpoint, trained_model
from action_recognition.errors import user_error
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.s3d_mobilenet_v3 import block_configs
from action_recognition.template import ModelConfig, Template

HEAD_PREFIX = "head."
CLASS_DIRECTIONS = "head.class_directions"
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
# Buffers of the original that follow from its architecture and that nothing here needs.
_DERIVED = re.compile(r"(tv_loss\.weights|cls_head\.fc_angular\.reg_mask)$")


@dataclass
class LoadReport:
    """What became of every tensor; `skipped` gives the reason by the file's name of the tensor."""

    source: str
    sha256: str
    loaded: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        reasons = sorted(set(self.skipped.values()))
        skipped = "; ".join(f"{sum(r == reason for r in self.skipped.values())} {reason}" for reason in reasons)
        fresh = f" ({', '.join(sorted({name.split('.')[0] for name in self.fresh}))})" if self.fresh else ""
        return (
            f"{self.source}: {len(self.loaded)} tensors loaded, {len(self.skipped)} skipped{f' ({skipped})' if skipped else ''}, "
            f"{len(self.fresh)} left fresh{fresh}"
        )


def original_names(model: ModelConfig) -> dict[str, str]:
    """Every tensor name of the original (without `module.`) -> our name, for this architecture."""
    return dict(_original_names(model))


def _original_names(model: ModelConfig) -> Iterator[tuple[str, str]]:
    yield from _conv_norm("backbone.features.0", (0, 1), "backbone.stem")
    for index, block in enumerate(block_configs(model.backbone)):
        theirs, ours = f"backbone.features.{index + 1}.conv", f"backbone.blocks.{index}"
        expanded = block.expand_channels != _in_channels(model, index)
        if expanded:
            yield from _conv_norm(theirs, (0, 1), f"{ours}.expand")
        yield from _conv_norm(theirs, (3, 4) if expanded else (0, 1), f"{ours}.depthwise")
        if block.squeeze_excite:
            gate = 5 if expanded else 3
            for number, name in ((0, "reduce"), (2, "expand")):
                for part in ("weight", "bias"):
                    yield f"{theirs}.{gate}.fc.{number}.{part}", f"{ours}.squeeze_excite.{name}.{part}"
        yield from _conv_norm(theirs, (7, 8) if expanded else (4, 5), f"{ours}.project")
        if model.backbone.attention[index] != "none":
            attention = f"backbone.attentions.st_att_{index + 1}"
            yield from _attention_branch(f"{attention}.spatial_logits", 0, f"backbone.attentions.{index}.spatial")
            if model.backbone.attention[index] == "spatial_temporal":
                yield from _attention_branch(f"{attention}.temporal_logits", 1, f"backbone.attentions.{index}.temporal")
    yield from _conv_norm("backbone.conv.0", (0, 1), "backbone.last")
    yield "cls_head.fc_pre_angular.0.weight", "head.project.weight"
    for part in _NORM:
        yield f"cls_head.fc_pre_angular.1.{part}", f"head.norm.{part}"
    yield "cls_head.fc_angular.weight", CLASS_DIRECTIONS


def _in_channels(model: ModelConfig, index: int) -> int:
    return model.backbone.out_channels[index - 1] if index else model.backbone.stem_channels


def _attention_branch(theirs: str, first: int, ours: str) -> Iterator[tuple[str, str]]:
    # The temporal branch of the original starts with an empty module, so its numbers are one higher.
    yield from _conv_norm(theirs, (first, first + 1), f"{ours}.depthwise")
    yield from _conv_norm(theirs, (first + 3, first + 4), f"{ours}.project")


def _conv_norm(theirs: str, numbers: tuple[int, int], ours: str) -> Iterator[tuple[str, str]]:
    yield f"{theirs}.{numbers[0]}.weight", f"{ours}.conv.weight"
    for part in _NORM:
        yield f"{theirs}.{numbers[1]}.{part}", f"{ours}.norm.{part}"


def load_start_weights(network: Recogniser, model: ModelConfig, path: Path, labels: Sequence[str]) -> LoadReport:
    """Copy what fits from `path` into a network that will be trained on `labels`.

    The head stays fresh, as in the original, unless the file is a checkpoint of ours with the very same labels. Counters of batches
    are never taken over. Tensors that do not fit are skipped and reported; a file of which nothing fits is an error.
    """
    raw = read_checkpoint(path)
    same_labels = raw.form == "trained_model" and trained_model(raw).labels == tuple(labels)
    report = _copy(network, model, raw, head="keep" if same_labels else "reset", counters=False)
    if not report.loaded:
        raise user_error(
            str(path), "none of its tensors fits this network", f"weights of a {model.type}", "check that it belongs to this template"
        )
    return report


def load_for_inference(path: Path, template: Template, model: ModelConfig) -> TrainedModel:
    """A model to evaluate or export: a checkpoint of ours, or an original one read with the work dir's template.

    An original file carries label numbers at most: its labels are the template's, and where it has more classes than the template,
    the template's are picked (by number where the file states them, else the first ones).
    """
    raw = read_checkpoint(path)
    if raw.form == "trained_model":
        return trained_model(raw)
    network = build_recogniser(model, len(template.labels))
    report = _copy(network, model, raw, head="keep", counters=True)
    missing = [name for name in report.fresh if not name.endswith("num_batches_tracked")]
    if missing:
        raise user_error(
            str(path),
            f"does not fill the network: {len(missing)} tensors are missing or of another shape ({', '.join(missing[:3])}, ...)",
            f"weights of {template.name} with at least {len(template.labels)} classes",
        )
    record = {"source": str(path), "form": "original", "loaded": str(report)}
    return TrainedModel(network.state_dict(), tuple(template.labels), template, model, record, raw.sha256)


def _copy(network: Recogniser, model: ModelConfig, raw: RawCheckpoint, *, head: Literal["keep", "reset"], counters: bool) -> LoadReport:
    names = original_names(model) if raw.form == "original" else {name: name for name in network.state_dict()}
    target = network.state_dict()
    report = LoadReport(str(raw.path), raw.sha256)
    for theirs, value in raw.state_dict.items():
        ours = names.get(theirs)
        if ours is None:
            report.skipped[theirs] = "derived, not needed" if _DERIVED.search(theirs) else "unknown to this network"
        elif head == "reset" and ours.startswith(HEAD_PREFIX):
            report.skipped[theirs] = "of the head, which starts fresh"
        elif not counters and ours.endswith("num_batches_tracked"):
            report.skipped[theirs] = "batch counters"
        else:
            fitted = _fit(ours, value, target[ours], raw.class_map if head == "keep" else None)
            if fitted is None:
                report.skipped[theirs] = "of another shape"
            else:
                target[ours].copy_(fitted)
                report.loaded.append(ours)
    report.fresh = sorted(set(target) - set(report.loaded))
    network.load_state_dict(target)
    return report


def _fit(name: str, value: Tensor, target: Tensor, class_map: dict[int, int] | None) -> Tensor | None:
    """`value` in the shape of `target`, or None: same shape, same number of elements, or class columns to pick from."""
    if name == CLASS_DIRECTIONS and value.ndim == 2 and value.shape[0] == target.shape[0] and value.shape[1] >= target.shape[1]:
        columns = _class_columns(value.shape[1], target.shape[1], class_map)
        return None if columns is None else value[:, columns]
    return value.reshape(target.shape) if value.numel() == target.numel() else None


def _class_columns(num_theirs: int, num_ours: int, class_map: dict[int, int] | None) -> list[int] | None:
    """The file's column of each of our classes; None when one of ours is not among the file's."""
    if class_map is None:
        return list(range(num_ours))
    column_of_label = {label: own for own, label in class_map.items() if own < num_theirs}
    columns = [column_of_label.get(label) for label in range(num_ours)]
    return [column for column in columns if column is not None] if None not in columns else None

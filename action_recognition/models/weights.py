"""Start weights and inference weights: what is copied, what is skipped, what stays fresh.

The names of the original's tensors are mapped one by one, so that what a file holds and what the network takes can be told apart.
Source: REFERENCE section 6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from torch import Tensor

from action_recognition.checkpoint import (
    RawCheckpoint,
    TrainedModel,
    read_checkpoint,
    trained_model,
)
from action_recognition.download import StartKeyword
from action_recognition.errors import nearest, user_error
from action_recognition.models.build import build_recogniser
from action_recognition.models.causal import CausalRecogniser, causal_kernel
from action_recognition.models.image.start_weights import PREFIX, take_image_weights
from action_recognition.models.inflation import image_form, inflate
from action_recognition.models.pretrained import (
    KINETICS700_SOURCE,
    NO_LICENCE,
    imagenet_weights,
    kinetics700_file,
)
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.s3d_mobilenet_v3 import block_configs
from action_recognition.template import (
    CausalConfig,
    CausalS3DMobileNetV3Config,
    ModelConfig,
    S3DMobileNetV3Config,
    Template,
    TimmImageConfig,
    network_family,
)

HEAD_PREFIX = "head."
CLASS_DIRECTIONS = "head.class_directions"
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_ORIGINAL_MARK = "backbone.features.0.0.weight"
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
    licence: str = NO_LICENCE

    def record(self) -> dict[str, str]:
        """Plain values for the record of a training run."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            "licence": self.licence,
            "report": str(self),
        }

    def __str__(self) -> str:
        reasons = sorted(set(self.skipped.values()))
        skipped = "; ".join(
            f"{sum(r == reason for r in self.skipped.values())} {reason}" for reason in reasons
        )
        fresh = (
            f" ({', '.join(sorted({name.split('.')[0] for name in self.fresh}))})"
            if self.fresh
            else ""
        )
        return (
            f"{self.source}: {len(self.loaded)} tensors loaded, {len(self.skipped)} skipped{f' ({skipped})' if skipped else ''}, "
            f"{len(self.fresh)} left fresh{fresh}"
        )


def original_names(model: ModelConfig) -> dict[str, str]:
    """Every tensor name of the original (without `module.`) -> our name, for this architecture; none where it had no such network."""
    return (
        dict(_original_names(model))
        if isinstance(model, S3DMobileNetV3Config | CausalS3DMobileNetV3Config)
        else {}
    )


def _original_names(
    model: S3DMobileNetV3Config | CausalS3DMobileNetV3Config,
) -> Iterator[tuple[str, str]]:
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
                    yield (
                        f"{theirs}.{gate}.fc.{number}.{part}",
                        f"{ours}.squeeze_excite.{name}.{part}",
                    )
        yield from _conv_norm(theirs, (7, 8) if expanded else (4, 5), f"{ours}.project")
        if model.backbone.attention[index] != "none":
            attention = f"backbone.attentions.st_att_{index + 1}"
            yield from _attention_branch(
                f"{attention}.spatial_logits", 0, f"backbone.attentions.{index}.spatial"
            )
            if model.backbone.attention[index] == "spatial_temporal":
                yield from _attention_branch(
                    f"{attention}.temporal_logits", 1, f"backbone.attentions.{index}.temporal"
                )
    yield from _conv_norm("backbone.conv.0", (0, 1), "backbone.last")
    yield "cls_head.fc_pre_angular.0.weight", "head.project.weight"
    for part in _NORM:
        yield f"cls_head.fc_pre_angular.1.{part}", f"head.norm.{part}"
    yield "cls_head.fc_angular.weight", CLASS_DIRECTIONS


def _in_channels(model: S3DMobileNetV3Config | CausalS3DMobileNetV3Config, index: int) -> int:
    return model.backbone.out_channels[index - 1] if index else model.backbone.stem_channels


def _attention_branch(theirs: str, first: int, ours: str) -> Iterator[tuple[str, str]]:
    # The temporal branch of the original starts with an empty module, so its numbers are one higher.
    yield from _conv_norm(theirs, (first, first + 1), f"{ours}.depthwise")
    yield from _conv_norm(theirs, (first + 3, first + 4), f"{ours}.project")


def _conv_norm(theirs: str, numbers: tuple[int, int], ours: str) -> Iterator[tuple[str, str]]:
    yield f"{theirs}.{numbers[0]}.weight", f"{ours}.conv.weight"
    for part in _NORM:
        yield f"{theirs}.{numbers[1]}.{part}", f"{ours}.norm.{part}"


def load_start_weights(
    network: Recogniser, model: ModelConfig, start: Path | StartKeyword, labels: Sequence[str]
) -> LoadReport:
    """Copy what fits from `start` into a network that will be trained on `labels`.

    `start` is a file (a checkpoint of ours, of the original, or of a 2-D network, which is inflated, as is that of a model of photos)
    or a keyword. The head stays fresh, as in the original, unless the file is a checkpoint of ours whose labels are all among
    `labels`: then only the directions of labels that it does not have are fresh. Counters of batches are never taken over. Tensors that
    do not fit are skipped and reported; weights of another type of network, or of which nothing fits, are an error.
    """
    if start == "imagenet":
        image = imagenet_weights(model)
        report = LoadReport(image.source, image.sha256, licence=image.licence)
        return _inflate(network, model, image.state_dict, report)
    raw = read_checkpoint(_start_file(start, model))
    _check_type(raw, model)
    trained = trained_model(raw) if raw.form == "trained_model" else None
    if (state_dict := _image_weights(raw, model)) is not None:
        licence = _inherited_licence(trained) if trained else NO_LICENCE
        return _inflate(
            network, model, state_dict, LoadReport(str(raw.path), raw.sha256, licence=licence)
        )
    same_labels = trained is not None and trained.labels == tuple(labels)
    report = _copy(network, model, raw, head="keep" if same_labels else "reset", counters=False)
    if trained is not None:
        report.licence = _inherited_licence(trained)
        if not same_labels and set(trained.labels) <= set(labels):
            _keep_known_classes(network, trained, labels, report)
    if start == "kinetics700":
        report.source = KINETICS700_SOURCE
    return _if_something_fits(report, model)


def _keep_known_classes(
    network: Recogniser, trained: TrainedModel, labels: Sequence[str], report: LoadReport
) -> None:
    """The head of a model that knows some of `labels`: it is taken, but for the directions of the others."""
    target = network.state_dict()
    columns = [list(labels).index(label) for label in trained.labels]
    for name in [
        name
        for name in target
        if name.startswith(HEAD_PREFIX) and not name.endswith("num_batches_tracked")
    ]:
        value = trained.state_dict[name]
        place = target[name][:, columns] if name == CLASS_DIRECTIONS else target[name]
        if value.shape != place.shape:
            continue
        if name == CLASS_DIRECTIONS:
            target[name][:, columns] = value
        else:
            target[name].copy_(value)
        del report.skipped[name]
        report.loaded.append(name)
    report.fresh = [name for name in report.fresh if name not in report.loaded]


def _start_file(start: Path | StartKeyword, model: ModelConfig) -> Path:
    """The file that `start` names. Errors: there is none, or none for this type of network."""
    if start == "kinetics700":
        if network_family(model.type) != "s3d_mobilenet_v3":
            raise user_error(
                "--load-weights kinetics700",
                "is there for s3d_mobilenet_v3 only",
                f"imagenet, or a file with weights of {model.type}",
            )
        return kinetics700_file()
    file = Path(start)
    if not file.is_file():
        keywords = get_args(StartKeyword)
        fix = f"name a file that is there, take --load-weights {' or '.join(keywords)}, or leave the flag out to train from scratch"
        raise user_error(
            str(file), f"there is no such weights file{nearest(str(file), keywords)}", fix=fix
        )
    return file


def _inherited_licence(trained: TrainedModel) -> str:
    """What is known of a checkpoint of ours: the licence of the weights that it started from."""
    start = trained.record.get("start_weights")
    licence = start.get("licence") if isinstance(start, Mapping) else None
    return f"{licence} (of the weights that it started from)" if licence else NO_LICENCE


def _inflate(
    network: Recogniser, model: ModelConfig, state_dict: Mapping[str, Tensor], report: LoadReport
) -> LoadReport:
    """A 2-D network's weights as the backbone's; the report gets what became of them."""
    target = network.state_dict()
    if isinstance(model, TimmImageConfig):
        taken, report.skipped = take_image_weights(state_dict, target)
    else:
        form = image_form(state_dict)
        assert form is not None
        taken, report.skipped = inflate(
            form, state_dict, target, causal=isinstance(model, CausalConfig)
        )
    report.loaded = list(taken.values())
    report.fresh = sorted(set(target) - set(report.loaded))
    return _if_something_fits(report, model)


def _if_something_fits(report: LoadReport, model: ModelConfig) -> LoadReport:
    if not report.loaded:
        raise user_error(
            report.source,
            "none of its tensors fits this network",
            f"weights of a {model.type}",
            "check that it belongs to this template",
        )
    return report


def _image_weights(raw: RawCheckpoint, model: ModelConfig) -> Mapping[str, Tensor] | None:
    """The 2-D network of a file, for a network that it can be put into; None where the file holds no such network.

    It is a file of others as it is, or what a model of photos of ours holds below its head, by the names of timm.
    """
    if raw.form == "original":
        return (
            raw.state_dict
            if isinstance(model, TimmImageConfig) or image_form(raw.state_dict) is not None
            else None
        )
    if isinstance(model, TimmImageConfig) or not isinstance(
        trained_model(raw).model, TimmImageConfig
    ):
        return None
    network = {
        name.removeprefix(PREFIX): value
        for name, value in raw.state_dict.items()
        if name.startswith(PREFIX)
    }
    return network if image_form(network) is not None else None


def _check_type(raw: RawCheckpoint, model: ModelConfig) -> None:
    """Refuse weights that are known to be of another family of network than the template's."""
    if raw.form == "original" and isinstance(model, TimmImageConfig):
        return  # names and shapes tell: weights of which nothing fits are an error
    image = _image_weights(raw, model)
    form = image_form(image) if image is not None else None
    if form is not None:
        found: str = form.network
    elif raw.form == "trained_model":
        found = trained_model(raw).model.type
    else:
        found = "s3d_mobilenet_v3" if _ORIGINAL_MARK in raw.state_dict else model.type
    if network_family(found) != network_family(model.type) or (
        found != network_family(found) and found != model.type
    ):
        kind = f"the 2-D network ({form.name}) of {found}" if form else found
        raise user_error(
            str(raw.path),
            f"holds weights of {kind}",
            f"weights of {model.type}, the type in this work dir's model.yaml",
        )


def load_for_inference(path: Path, template: Template, model: ModelConfig) -> TrainedModel:
    """A model to evaluate or export: a checkpoint of ours, or an original one read with the work dir's template.

    An original file carries label numbers at most: its labels are the template's, and where it has more classes than the template,
    the template's are picked (by number where the file states them, else the first ones).
    """
    raw = read_checkpoint(path)
    if raw.form == "trained_model":
        return trained_model(raw)
    _check_type(raw, model)
    if isinstance(model, CausalConfig):
        found = "holds weights of a network for clips, which sees later frames"
        raise user_error(
            str(path),
            found,
            f"a checkpoint of {model.type}",
            "train one from it: train.py --load-weights",
        )
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
    return TrainedModel(
        network.state_dict(), tuple(template.labels), template, model, record, raw.sha256
    )


def _copy(
    network: Recogniser,
    model: ModelConfig,
    raw: RawCheckpoint,
    *,
    head: Literal["keep", "reset"],
    counters: bool,
) -> LoadReport:
    names = (
        original_names(model)
        if raw.form == "original"
        else {name: name for name in network.state_dict()}
    )
    target = network.state_dict()
    report = LoadReport(str(raw.path), raw.sha256)
    turn = _turned_to_the_past(network, raw)
    for theirs, value in raw.state_dict.items():
        ours = names.get(theirs)
        if ours is None:
            report.skipped[theirs] = (
                "derived, not needed" if _DERIVED.search(theirs) else "unknown to this network"
            )
        elif head == "reset" and ours.startswith(HEAD_PREFIX):
            report.skipped[theirs] = "of the head, which starts fresh"
        elif not counters and ours.endswith("num_batches_tracked"):
            report.skipped[theirs] = "batch counters"
        else:
            fitted = _fit(
                ours,
                turn(value, target[ours]),
                target[ours],
                raw.class_map if head == "keep" else None,
            )
            if fitted is None:
                report.skipped[theirs] = "of another shape"
            else:
                target[ours].copy_(fitted)
                report.loaded.append(ours)
    report.fresh = sorted(set(target) - set(report.loaded))
    network.load_state_dict(target)
    return report


def _turned_to_the_past(
    network: Recogniser, raw: RawCheckpoint
) -> Callable[[Tensor, Tensor], Tensor]:
    """What makes a file's kernels over time those of `network`: clip kernels become causal ones where only the network is causal."""
    is_causal = raw.form == "trained_model" and isinstance(trained_model(raw).model, CausalConfig)
    if is_causal or not isinstance(network, CausalRecogniser):
        return lambda value, target: value
    return lambda value, target: (
        causal_kernel(value, target.shape[2]) if value.ndim == target.ndim == 5 else value
    )


def _fit(
    name: str, value: Tensor, target: Tensor, class_map: dict[int, int] | None
) -> Tensor | None:
    """`value` in the shape of `target`, or None: same shape, same number of elements, or class columns to pick from."""
    if (
        name == CLASS_DIRECTIONS
        and value.ndim == 2
        and value.shape[0] == target.shape[0]
        and value.shape[1] >= target.shape[1]
    ):
        columns = _class_columns(value.shape[1], target.shape[1], class_map)
        return None if columns is None else value[:, columns]
    return value.reshape(target.shape) if value.numel() == target.numel() else None


def _class_columns(
    num_theirs: int, num_ours: int, class_map: dict[int, int] | None
) -> list[int] | None:
    """The file's column of each of our classes; None when one of ours is not among the file's."""
    if class_map is None:
        return list(range(num_ours))
    column_of_label = {label: own for own, label in class_map.items() if own < num_theirs}
    columns = [column_of_label.get(label) for label in range(num_ours)]
    return [column for column in columns if column is not None] if None not in columns else None

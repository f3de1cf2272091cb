"""The template that a run follows: the work dir's, with the values of flags and data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from action_recognition.checkpoint import RawCheckpoint, trained_model
from action_recognition.console import say
from action_recognition.data.dataset_files import DATASET_FILE, read_negative_label
from action_recognition.errors import nearest, user_error
from action_recognition.models.pretrained import check_timm_name, pixel_statistics
from action_recognition.template import (
    ImageModelConfig,
    LandmarkInput,
    ModelConfig,
    Template,
    TimmBackbone,
    TimmImageConfig,
)
from action_recognition.training.choose_frames import refuse_frame_flags
from action_recognition.training.options import TrainOptions

_BASIC_FLAGS = ("batch_size", "base_learning_rate", "epochs")


def flags_as_before(options: TrainOptions, resume: RawCheckpoint) -> TrainOptions:
    """Fill flags that are not given with the values of the run that is resumed."""
    before = trained_model(resume).template.hyper_parameters.basic
    not_given = [name for name in _BASIC_FLAGS if getattr(options, name) is None]
    return dataclasses.replace(options, **{name: getattr(before, name) for name in not_given})


def with_flags(
    template: Template, model: ModelConfig, options: TrainOptions
) -> tuple[Template, ModelConfig]:
    """Put the flags' values into template and network.

    Raises UserError: a backbone that does not exist, or one for a template that takes clips.
    """
    template = with_basic_flags(template, options)

    if isinstance(template.input, LandmarkInput):
        refuse_frame_flags(options)
        return template, model

    # `--crop hand` is the template's `input.crop`.
    if options.crop is not None:
        cropped = template.input.model_copy(update={"crop": options.crop})
        template = template.model_copy(update={"input": cropped})
    if options.backbone is None:
        return template, model

    # Another backbone of timm has its own pixel statistics.
    check_timm_name(options.backbone, "--backbone")
    if not isinstance(model, ImageModelConfig):
        found = f"{template.name} takes clips"
        raise user_error("--backbone", found, "templates of image_gesture", "leave it out")
    mean, scale = pixel_statistics(options.backbone)
    pixels = template.input.model_copy(update={"mean_values": mean, "scale_values": scale})
    backbone = TimmBackbone(name=options.backbone)
    changed = TimmImageConfig(type="image_timm", backbone=backbone, head=model.head)
    return template.model_copy(update={"input": pixels}), changed


def with_basic_flags(template: Template, options: TrainOptions) -> Template:
    """Put batch size, learning rate and epochs into the template, where they are given."""
    basic = template.hyper_parameters.basic
    given = {name: getattr(options, name) for name in _BASIC_FLAGS}
    changed = {
        name: value
        for name, value in given.items()
        if value is not None and value != getattr(basic, name)
    }
    basic = basic.model_copy(update=changed)
    hyper = template.hyper_parameters.model_copy(update={"basic": basic})
    return template.model_copy(update={"hyper_parameters": hyper})


def with_negative_label(template: Template, ann_file: Path, labels: Sequence[str]) -> Template:
    """Put the data set's class of no gesture into the template, and print it.

    `dataset.json` beside the first annotation file `ann_file` states it.
    Raises UserError: it is no label of this run.
    """
    name = read_negative_label(ann_file.parent)
    if name is None or name == template.negative_label:
        return template
    if name not in labels:
        where = str(ann_file.with_name(DATASET_FILE))
        found = f"negative_label {name!r} is no label of this run{nearest(name, labels)}"
        raise user_error(where, found, ", ".join(labels))
    say(f"no gesture: {name!r}")

    # A template that lists labels must list this one, too. Otherwise the run's labels count.
    template_labels = template.labels if name in template.labels else []
    return template.model_copy(update={"negative_label": name, "labels": template_labels})

"""One training run, from options to checkpoints."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from action_recognition.checkpoint import RawCheckpoint, describe_training, trained_model
from action_recognition.console import is_first_process, say
from action_recognition.data.annotations import ClipTable, find_annotation_files, read_annotations
from action_recognition.data.dataset_files import DATASET_FILE, read_negative_label
from action_recognition.data.datasets import ClipDataset, label_swap_map
from action_recognition.data.labels import training_labels
from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.models.build import build_recogniser
from action_recognition.models.pretrained import check_timm_name, pixel_statistics
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.weights import load_start_weights
from action_recognition.schedules import ScaledSchedule, scale_schedule
from action_recognition.template import (
    ImageModelConfig,
    ModelConfig,
    Template,
    TimmBackbone,
    TimmImageConfig,
    load_template_dir,
    network_family,
)
from action_recognition.training.checkpoints.resume import (
    AUTO,
    changes_since,
    check_changes,
    check_epochs_left,
    check_same_network,
    find_checkpoint,
    is_finished,
)
from action_recognition.training.checkpoints.saving import BEST, LATEST
from action_recognition.training.choose_frames import frame_source
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.engine import Engine, fit, quieten_lightning
from action_recognition.training.machine.devices import DevicePlan, plan_devices
from action_recognition.training.machine.memory import keep_freed_memory
from action_recognition.training.machine.run_lock import sole_run
from action_recognition.training.options import TrainOptions
from action_recognition.training.probing.probes import Place, find_out
from action_recognition.training.probing.profiling import ProfileSteps
from action_recognition.training.recipe_checks import (
    check_frozen_blocks,
    class_notes,
    untrained_note,
)
from action_recognition.training.reporting.run_record import run_record, write_json, write_template
from action_recognition.training.step.module import GestureTraining

_FROM_IMAGENET = ("s3d_efficientnet_lite0", "image_timm")


def train(work_dir: Path, options: TrainOptions, watchers: Sequence[Callback] = ()) -> Path:
    """Train as the work dir's template says, changed by the options; returns the path of `latest.pth`. `watchers` see the run too.

    Errors: everything that is wrong with template, annotations or weights, before the first step.
    """
    original_epochs = load_template_dir(work_dir)[0].hyper_parameters.basic.epochs
    resume, note = find_checkpoint(options.resume_from, options.save_checkpoints_to)
    if note:
        say(note)
    template, model = load_run(
        work_dir, options if resume is None else flags_as_before(options, resume)
    )
    labels, labels_from = training_labels(
        options.train_ann_files, options.classes, template.labels, options.train_data_roots
    )
    say(f"{labels_from} ({len(labels)} classes)")
    template = with_negative_label(template, options, labels)
    basic = template.hyper_parameters.basic
    latest = options.save_checkpoints_to / LATEST
    if resume is not None and _nothing_left(resume, labels, model, basic.epochs, options):
        return latest
    L.seed_everything(options.seed, verbose=False)
    data = clip_data(template, options, labels)
    devices = plan_devices(
        template.gpu_num if options.gpu_num is None else options.gpu_num,
        options.num_nodes,
        os.environ,
    )
    run = _run_facts(options, data, devices)
    if resume is not None:
        for line in check_changes(resume, changes_since(resume, template, run)):
            say(line)
    network = build_recogniser(model, len(labels))
    check_frozen_blocks(template.training, network)
    start_weights = _start(network, model, options, labels, resume)
    record = run_record(options.seed, _annotation_files(options), start_weights)
    module = GestureTraining(
        network,
        template,
        model,
        base_learning_rate=basic.base_learning_rate,
        schedule=_schedule(template, original_epochs, start_weights),
        steps_per_epoch=lambda: (
            data.steps_per_epoch()
        ),  # no bound method: the module is copied for averaging, the data must not be
        description=describe_training(labels, template, model, record),
        seed=options.seed,
    )
    if options.find is not None:
        quieten_lightning()
        find_out(
            options.find,
            module,
            data,
            template,
            Place(options.gpu_num, options.save_checkpoints_to),
        )
        return latest
    if devices.accelerator == "cpu":
        keep_freed_memory()
    if options.profile:
        watchers = [*watchers, ProfileSteps(options.save_checkpoints_to)]
    with sole_run(options.save_checkpoints_to) if is_first_process() else nullcontext():
        if is_first_process():
            write_json(record, options.save_checkpoints_to / "train_record.json")
            write_template(template, model, options.save_checkpoints_to)
        fit(module, data, template, options, Engine(devices, run, resume, watchers))
    say(f"saved: {latest} (last epoch), {latest.with_name(BEST)} (best on the validation clips)")
    return latest


def _nothing_left(
    resume: RawCheckpoint, labels: list[str], model: ModelConfig, epochs: int, options: TrainOptions
) -> bool:
    """Whether the run is done already, which only `auto` takes for success. Errors: another network, or done."""
    check_same_network(resume, labels, model)
    if options.resume_from == AUTO and is_finished(resume, epochs):
        say(f"--resume-from auto: {resume.path} has all {epochs} epochs behind it: nothing to do")
        return True
    check_epochs_left(resume, epochs)
    return False


def flags_as_before(options: TrainOptions, resume: RawCheckpoint) -> TrainOptions:
    """The options with what no flag gives taken from the run that is gone on with."""
    before = trained_model(resume).template.hyper_parameters.basic
    not_given = [
        name
        for name in ("batch_size", "base_learning_rate", "epochs")
        if getattr(options, name) is None
    ]
    return dataclasses.replace(options, **{name: getattr(before, name) for name in not_given})


def _run_facts(options: TrainOptions, data: ClipData, devices: DevicePlan) -> dict[str, Any]:
    def digest(files: Sequence[Path], roots: Sequence[Path]) -> str:
        parts = [
            sha256(file.read_bytes()).hexdigest() for file, _ in find_annotation_files(files, roots)
        ]
        return sha256(" ".join(parts).encode()).hexdigest()[:16]

    return {
        "seed": options.seed,
        "world_size": devices.world_size,
        "batch_size": data.batch_size,
        "accumulate": options.accumulate,
        "train_data": digest(options.train_ann_files, options.train_data_roots),
        "val_data": digest(options.val_ann_files, options.val_data_roots),
    }


def _schedule(
    template: Template, original_epochs: int, start_weights: dict[str, str]
) -> ScaledSchedule:
    epochs = template.hyper_parameters.basic.epochs
    schedule = scale_schedule(template.training.schedule, original_epochs, epochs)
    say(f"schedule over {epochs} epochs: {schedule}")
    if start_weights["source"] == "none" and (note := untrained_note(template.training, schedule)):
        say(note)
    return schedule


def _start(
    network: Recogniser,
    model: ModelConfig,
    options: TrainOptions,
    labels: list[str],
    resume: RawCheckpoint | None,
) -> dict[str, str]:
    """Load the start weights, say so, and return what the record keeps about them."""
    if resume is not None:
        record = {
            "source": f"resumed from {resume.path}",
            "sha256": resume.sha256,
            "report": f"resumed from {resume.path}",
        }
    elif options.load_weights is not None:
        record = load_start_weights(network, model, options.load_weights, labels).record()
    else:
        better = (
            "; --load-weights imagenet gives a real start"
            if network_family(model.type) in _FROM_IMAGENET
            else ""
        )
        record = {"source": "none", "report": f"none: from scratch{better}"}
    say(f"start weights: {record['report']}")
    return record


def _annotation_files(options: TrainOptions) -> list[Path]:
    """Where the annotation files really are: as given, or under their roots."""
    train_pairs = find_annotation_files(options.train_ann_files, options.train_data_roots)
    return [
        file
        for file, _ in train_pairs
        + find_annotation_files(options.val_ann_files, options.val_data_roots)
    ]


def load_run(work_dir: Path, options: TrainOptions) -> tuple[Template, ModelConfig]:
    """Template and network that a run follows: the work dir's, changed by the flags. Errors: of the files, a backbone that is not there."""
    template, model = load_template_dir(work_dir)
    template = with_options(template, options)
    if options.crop is not None:
        template = template.model_copy(
            update={"input": template.input.model_copy(update={"crop": options.crop})}
        )
    if options.backbone is None:
        return template, model
    check_timm_name(options.backbone, "--backbone")
    if not isinstance(model, ImageModelConfig):
        raise user_error(
            "--backbone",
            f"{template.name} takes clips",
            "templates of image_gesture",
            "leave it out",
        )
    mean, scale = pixel_statistics(options.backbone)
    clip_input = template.input.model_copy(update={"mean_values": mean, "scale_values": scale})
    changed = TimmImageConfig(
        type="image_timm", backbone=TimmBackbone(name=options.backbone), head=model.head
    )
    return template.model_copy(update={"input": clip_input}), changed


def with_options(template: Template, options: TrainOptions) -> Template:
    """The template that this run follows: the flags' values in their places."""
    basic = template.hyper_parameters.basic
    given = {
        name: value
        for name in ("batch_size", "base_learning_rate", "epochs")
        if (value := getattr(options, name)) is not None and value != getattr(basic, name)
    }
    hyper = template.hyper_parameters.model_copy(update={"basic": basic.model_copy(update=given)})
    return template.model_copy(update={"hyper_parameters": hyper})


def with_negative_label(
    template: Template, options: TrainOptions, labels: Sequence[str]
) -> Template:
    """The template with the class that the data set states to mean no gesture (`dataset.json` beside the first annotation file).

    A `UserError` says that it is no label of this run.
    """
    ann_file = find_annotation_files(options.train_ann_files, options.train_data_roots)[0][0]
    name = read_negative_label(ann_file.parent)
    if name is None or name == template.negative_label:
        return template
    if name not in labels:
        where = str(ann_file.with_name(DATASET_FILE))
        raise user_error(
            where,
            f"negative_label {name!r} is no label of this run{nearest(name, labels)}",
            ", ".join(labels),
        )
    say(f"no gesture: {name!r}")
    template_labels = (
        template.labels if name in template.labels else []
    )  # a template's label is one of its own, if it has any
    return template.model_copy(update={"negative_label": name, "labels": template_labels})


def clip_data(template: Template, options: TrainOptions, labels: list[str]) -> ClipData:
    problems: list[Problem] = []
    splits: list[ClipTable] = []
    for ann_files, roots in (
        (options.train_ann_files, options.train_data_roots),
        (options.val_ann_files, options.val_data_roots),
    ):
        try:
            splits.append(read_annotations(ann_files, roots, labels))
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    train_records, val_records = splits
    if len(train_records) < 2:
        raise user_error("--train-ann-files", f"{len(train_records)} training clip", "2 or more")
    if len(labels) < 2:
        raise user_error(
            "--train-ann-files",
            f"all clips are of one class, {labels[0]!r}",
            "2 classes or more",
            "add what it is not",
        )
    swaps = _label_swaps(template, labels)
    batch_size = template.hyper_parameters.basic.batch_size
    if batch_size < 2:
        raise user_error(
            "--batch-size",
            f"found {batch_size}",
            "2 or more, since batch norm needs more than one clip",
        )
    if batch_size > len(train_records):
        say(
            f"note: batch size {batch_size} lowered to {len(train_records)}, the number of training clips"
        )
        batch_size = len(train_records)
    augmentation = template.training.augmentation
    say(f"data: {len(train_records)} training clips, {len(val_records)} validation clips")
    for note in class_notes(train_records, val_records, labels):
        say(note)
    frames = frame_source(options, template, splits)
    return ClipData(
        ClipDataset(train_records, template.input, augmentation, swaps, options.seed, frames),
        ClipDataset(val_records, template.input, source=frames),
        batch_size=batch_size,
        clips_per_video=template.training.clips_per_video,
        sampling=template.training.sampling,
        num_workers=template.training.num_workers
        if options.num_workers is None
        else options.num_workers,
        seed=options.seed,
    )


def _label_swaps(template: Template, labels: list[str]) -> dict[int, int]:
    flip = template.training.augmentation.flip
    swaps = label_swap_map(flip.label_swaps, labels)
    sided = [
        name
        for name in labels
        if {"left", "right", "clockwise", "counterclockwise"}
        & set(re.split(r"[^a-z]+", name.lower()))
    ]
    unpaired = [name for name in sided if labels.index(name) not in swaps]
    if unpaired and flip.probability:
        say(
            f"note: training clips are mirrored and {unpaired[0]!r} keeps its label; if its mirror image is another class, name both in "
            "training.augmentation.flip.label_swaps of template.yaml, or set flip.probability to 0"
        )
    return swaps

"""The preset for few clips: features once, the head in seconds, then the upper blocks for a few epochs.

The template stays the basis; what the preset changes is said when it runs and stands in `preset/template.yaml` of the checkpoints' folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch

from action_recognition.checkpoint import (
    NETWORK_PREFIX,
    TRAINED_MODEL_KEY,
    describe_training,
    save_atomically,
)
from action_recognition.console import say
from action_recognition.data.annotations import ClipTable, find_annotation_files, read_annotations
from action_recognition.data.datasets import label_swap_map
from action_recognition.data.labels import training_labels
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.weights import load_start_weights
from action_recognition.schedules import loss_scale
from action_recognition.template import ModelConfig, Template
from action_recognition.training.choose_frames import frame_source
from action_recognition.training.few_clips.feature_cache import FeatureCache
from action_recognition.training.few_clips.features import FeatureExtractor, FeatureTable
from action_recognition.training.few_clips.head_training import train_head
from action_recognition.training.options import TrainOptions
from action_recognition.training.reporting.compare import flatten, summarise, with_head_alone
from action_recognition.training.reporting.head_result import HeadResult
from action_recognition.training.reporting.run_record import run_record, write_template
from action_recognition.training.run import load_run, train, with_negative_label

PRESET = "small-data"
HEAD_FILE = "head.pth"
CACHE_FOLDER = "feature_cache"
NUM_AUGMENTED_VIEWS = 4
EPOCHS = 6
LEARNING_RATE_SHARE = 0.3  # of the template's: the head knows the classes already
FROZEN_SHARE = 0.7  # of the backbone's stages
EARLY_STOP_EPOCHS = 3


def train_small_data(work_dir: Path, options: TrainOptions) -> Path:
    """Train by the preset; returns `latest.pth` of the fine-tuning, beside which stand `best.pth` and `head.pth`.

    Features are kept in `feature_cache` of the work dir. Errors: those of `train`, and no start weights.
    """
    _check(options)
    template, model = load_run(work_dir, options)
    labels, _ = training_labels(
        options.train_ann_files, options.classes, template.labels, options.train_data_roots
    )
    template = with_negative_label(template, options, labels)
    train_records, val_records = _records(options, labels)
    L.seed_everything(options.seed, verbose=False)
    network = build_recogniser(model, len(labels))
    assert options.load_weights is not None
    start = load_start_weights(network, model, options.load_weights, labels).record()
    say(f"preset {PRESET}: start weights: {start['report']}")

    began = time.monotonic()
    swaps = label_swap_map(template.training.augmentation.flip.label_swaps, labels)
    source = frame_source(options, template, (train_records, val_records))
    detector = (
        hashlib.sha256(options.hand_detector.read_bytes()).hexdigest()
        if options.hand_detector
        else ""
    )
    cache = FeatureCache(work_dir / CACHE_FOLDER)
    extractor = FeatureExtractor(
        _on_device(network, options), template, swaps, options.seed, cache, source, detector
    )
    num_workers = (
        template.training.num_workers if options.num_workers is None else options.num_workers
    )
    tables = [
        extractor.table(records, num_augmented, num_workers, options.strict)
        for records, num_augmented in ((train_records, NUM_AUGMENTED_VIEWS), (val_records, 0))
    ]
    say(_features_line(tables, len(train_records) + len(val_records), time.monotonic() - began))
    network.cpu()
    began = time.monotonic()
    head = train_head(
        network.head, *tables, scale=loss_scale(0, 1, template.training.loss), seed=options.seed
    )
    say(
        f"preset {PRESET}: head alone: val top-1 {head.accuracy:.1f} %, top-5 {head.top5:.1f} %, {time.monotonic() - began:.1f} s"
    )

    options = _save_head(network, template, model, labels, options, start)
    head.write(options.save_checkpoints_to)
    changed, changes = preset_template(template, len(network.backbone.stages()))
    options = _preset_options(options, template, labels)
    say(
        f"preset {PRESET}: epochs {options.epochs}, base_learning_rate {options.base_learning_rate:g}, {changes}"
    )
    preset_dir = options.save_checkpoints_to / "preset"
    preset_dir.mkdir(exist_ok=True)
    write_template(changed, model, preset_dir)
    latest = train(preset_dir, options)
    say(_which_is_best(head, options.save_checkpoints_to))
    return latest


def preset_template(template: Template, num_stages: int) -> tuple[Template, str]:
    """The template as the fine-tuning follows it, and the values that differ, in words."""
    training = template.training
    schedule = training.schedule.model_copy(
        update={"freeze_epochs": 0}
    )  # the head is trained already
    changed = training.model_copy(
        update={
            "frozen_blocks": max(training.frozen_blocks, round(FROZEN_SHARE * num_stages)),
            "batch_norm": "frozen",  # batches of few clips say little about statistics
            "ema_decay": None,  # too few steps to average over
            "early_stop_epochs": EARLY_STOP_EPOCHS,
            "schedule": schedule,
        }
    )
    before, after = (
        dict(flatten(section.model_dump(mode="json"))) for section in (training, changed)
    )
    differing = [f"{key} {value}" for key, value in after.items() if before.get(key) != value]
    return template.model_copy(update={"training": changed}), ", ".join(differing)


def _check(options: TrainOptions) -> None:
    problems = []
    if options.load_weights is None:
        found = "needs start weights: features of an untrained network say nothing"
        problems.append(
            Problem(
                f"--preset {PRESET}",
                found,
                fix="add --load-weights imagenet, or weights of your own",
            )
        )
    if options.resume_from is not None:
        problems.append(
            Problem(
                "--resume-from",
                f"does not go with --preset {PRESET}",
                fix="run it again: cached features are used again",
            )
        )
    if problems:
        raise UserError(problems)


def _records(options: TrainOptions, labels: list[str]) -> tuple[ClipTable, ClipTable]:
    """Training and validation clips, with the problems of both in one error."""
    problems: list[Problem] = []
    splits: list[ClipTable] = []
    for files, roots in (
        (options.train_ann_files, options.train_data_roots),
        (options.val_ann_files, options.val_data_roots),
    ):
        try:
            splits.append(read_annotations(files, roots, labels))
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    if len(splits[0]) < 2:
        raise user_error("--train-ann-files", f"{len(splits[0])} training clip", "2 or more")
    return splits[0], splits[1]


def _on_device(network: Recogniser, options: TrainOptions) -> Recogniser:
    on_gpu = options.gpu_num != 0 and torch.cuda.is_available()
    return network.to("cuda") if on_gpu else network


def _features_line(tables: Sequence[FeatureTable], num_clips: int, seconds: float) -> str:
    num_views, num_cached = (
        sum(counts)
        for counts in zip(*((len(table.labels), table.num_cached) for table in tables), strict=True)
    )
    return f"preset {PRESET}: features of {num_views} views of {num_clips} clips, {num_cached} from the cache, {seconds:.0f} s"


def _save_head(
    network: Recogniser,
    template: Template,
    model: ModelConfig,
    labels: list[str],
    options: TrainOptions,
    start: dict[str, str],
) -> TrainOptions:
    """`head.pth`, a whole checkpoint: start weights and the trained head; returns options that start from it."""
    path = options.save_checkpoints_to / HEAD_FILE
    splits = (
        (options.train_ann_files, options.train_data_roots),
        (options.val_ann_files, options.val_data_roots),
    )
    record = run_record(
        options.seed, [file for split in splits for file, _ in find_annotation_files(*split)], start
    )
    content: dict[str, Any] = {
        "state_dict": {
            f"{NETWORK_PREFIX}{name}": value for name, value in network.state_dict().items()
        },
        TRAINED_MODEL_KEY: describe_training(labels, template, model, record),
    }
    save_atomically(content, path)
    return dataclasses.replace(options, load_weights=path)


def _preset_options(options: TrainOptions, template: Template, labels: list[str]) -> TrainOptions:
    """What was given as a flag stays."""
    basic = template.hyper_parameters.basic
    return dataclasses.replace(
        options,
        epochs=options.epochs or EPOCHS,
        base_learning_rate=options.base_learning_rate
        or LEARNING_RATE_SHARE * basic.base_learning_rate,
        classes=labels,
    )


def _which_is_best(head: HeadResult, folder: Path) -> str:
    tuned = summarise(folder).best_top1
    if with_head_alone(folder).best_top1 != tuned:
        reached = "none" if tuned is None else f"{tuned:.1f} %"
        return f"preset {PRESET}: the head alone is better on val ({head.accuracy:.1f} % against {reached}): use {folder / HEAD_FILE}"
    return f"preset {PRESET}: upper blocks fine-tuned: val top-1 {tuned:.1f} %, the head alone {head.accuracy:.1f} %"

"""The preset for few clips: features once, the head in seconds, then the upper blocks.

The upper blocks train for a few epochs. The template stays the basis. The run prints what the
preset changes, and `preset/template.yaml` in the checkpoints' folder holds it. `best.pth` is the
better of the two networks on the validation clips.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch

from action_recognition.checkpoint import (
    NETWORK_PREFIX,
    TRAINED_MODEL_KEY,
    copy_checkpoint,
    describe_training,
    save_atomically,
)
from action_recognition.console import say
from action_recognition.data.labels import label_swap_map
from action_recognition.errors import Problem
from action_recognition.files import sha256_of
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.weights import load_start_weights
from action_recognition.schedules import loss_scale
from action_recognition.template import Template
from action_recognition.training.checkpoints.saving import BEST
from action_recognition.training.choose_frames import frame_source
from action_recognition.training.few_clips.feature_cache import FeatureCache
from action_recognition.training.few_clips.features import FeatureExtractor, FeatureTable
from action_recognition.training.few_clips.head_training import train_head
from action_recognition.training.machine.run_lock import sole_run
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import PreparedRun
from action_recognition.training.recipe_checks import check_frozen_blocks
from action_recognition.training.reporting.head_result import HEAD_FILE, HeadResult
from action_recognition.training.reporting.run_record import run_record, write_template
from action_recognition.training.reporting.run_summary import flatten, summarise
from action_recognition.training.run import checked_devices, train_prepared
from action_recognition.training.run_clips import check_clips_and_batch
from action_recognition.training.step.validation_scores import BestBefore, ScoredValidation
from action_recognition.training.template_flags import with_basic_flags

PRESET = "small-data"
CACHE_FOLDER = "feature_cache"
NUM_AUGMENTED_VIEWS = 4
EPOCHS = 6
LEARNING_RATE_SHARE = 0.3  # of the template's: the head knows the classes already
FROZEN_SHARE = 0.7  # of the backbone's stages
EARLY_STOP_EPOCHS = 3


def preset_problems(options: TrainOptions) -> list[Problem]:
    """Return what stands against the preset: no start weights, or a run to resume."""
    problems = []
    if options.load_weights is None:
        found = "needs start weights: features of an untrained network say nothing"
        fix = "add --load-weights imagenet, or weights of your own"
        problems.append(Problem(f"--preset {PRESET}", found, fix=fix))
    if options.resume_from is not None:
        found = f"does not go with --preset {PRESET}"
        fix = "run it again: cached features are used again"
        problems.append(Problem("--resume-from", found, fix=fix))
    return problems


def train_small_data(run: PreparedRun) -> Path:
    """Train by the preset, and return `latest.pth` of the fine-tuning.

    `best.pth`, the better network, and `head.pth` are beside it. Where the last epoch counts,
    `best.pth` is that of the fine-tuning. Features are kept in `feature_cache` of the work dir.
    Raises UserError: those of `train_prepared`.
    """
    options, folder = run.options, run.options.save_checkpoints_to
    assert options.load_weights is not None, "see preset_problems"
    # What the fine-tuning would refuse is refused before the head is written.
    check_clips_and_batch(run)
    checked_devices(run)
    L.seed_everything(options.seed, verbose=False)
    network = build_recogniser(run.model, len(run.labels))
    check_frozen_blocks(run.template.training, network)
    start = load_start_weights(network, run.model, options.load_weights, run.labels).record()
    say(f"preset {PRESET}: start weights: {start['report']}")

    # Another run in this folder is refused before anything of the first one is replaced.
    with sole_run(folder):
        return _train_in_turn(run, network, start)


def _train_in_turn(run: PreparedRun, network: Recogniser, start: dict[str, str]) -> Path:
    """Train the head, then the upper blocks, and say which network is better."""
    folder = run.options.save_checkpoints_to

    # The head alone, on features that are computed once.
    tables = _features(network, run)
    head = _train_head(network, tables, run)
    head_file = _save_head(network, run, start)
    head.write(folder)

    # The upper blocks, from the trained head. An epoch replaces it only if it is better.
    tuning = _tuning_run(run, network, head_file)
    if run.best_is == "best":
        copy_checkpoint(head_file, folder / BEST)
        scored = _scored(network, tables[1])
        tuning = dataclasses.replace(tuning, best_before=BestBefore(head.accuracy, scored))
    latest = train_prepared(tuning)
    if run.best_is == "best":
        say(_which_is_best(head, folder))
    return latest


def _scored(network: Recogniser, val: FeatureTable) -> ScoredValidation:
    """Return the scores of the head alone on each validation clip, as those of epoch 0."""
    with torch.inference_mode():
        cosine = network.head(val.features).numpy()
    return ScoredValidation(0, cosine, val.labels.numpy(), np.array(val.places, np.int64))


def _features(network: Recogniser, run: PreparedRun) -> list[FeatureTable]:
    """Return the features of training and validation clips, from the cache where it has them."""
    options, template = run.options, run.template
    began = time.monotonic()

    # The cache is of the work dir: other runs of it take the same features from there.
    cache = FeatureCache(run.work_dir / CACHE_FOLDER)
    swaps = label_swap_map(template.training.augmentation.flip.label_swaps, run.labels)
    extractor = FeatureExtractor(
        _on_device(network, options),
        template,
        swaps,
        options.seed,
        cache,
        frame_source(options, template, (run.train, run.val or ())),
        sha256_of(options.hand_detector) if options.hand_detector else "",
    )

    # Training clips get augmented views beside the one of evaluation.
    workers = template.training.num_workers if options.num_workers is None else options.num_workers
    parts = [(run.train, NUM_AUGMENTED_VIEWS)]
    if run.val is not None:
        parts.append((run.val, 0))
    tables = [
        extractor.table(records, num_augmented, workers, options.strict)
        for records, num_augmented in parts
    ]
    num_clips = sum(len(records) for records, _ in parts)
    say(_features_line(tables, num_clips, time.monotonic() - began))
    network.cpu()
    return tables


def _train_head(
    network: Recogniser, tables: Sequence[FeatureTable], run: PreparedRun
) -> HeadResult:
    """Train the head on the features of the training clips, and print how good it is."""
    began = time.monotonic()
    val = tables[1] if len(tables) > 1 else None
    scale = loss_scale(0, 1, run.template.training.loss)
    head = train_head(
        network.head,
        tables[0],
        val,
        scale=scale,
        seed=run.options.seed,
        keeps_last=run.best_is == "last",
    )
    accuracy = f"val top-1 {head.accuracy:.1f} %, top-5 {head.top5:.1f} %"
    found = "trained on all clips" if val is None else accuracy
    say(f"preset {PRESET}: head alone: {found}, {time.monotonic() - began:.1f} s")
    return head


def _save_head(network: Recogniser, run: PreparedRun, start: dict[str, str]) -> Path:
    """Write `head.pth`, a whole checkpoint: start weights and the trained head."""
    path = run.options.save_checkpoints_to / HEAD_FILE
    record = run_record(run.options.seed, run.annotation_sha256, start)
    weights = network.state_dict().items()
    content: dict[str, Any] = {
        "state_dict": {f"{NETWORK_PREFIX}{name}": value for name, value in weights},
        TRAINED_MODEL_KEY: describe_training(run.labels, run.template, run.model, record),
    }
    save_atomically(content, path)
    return path


def _tuning_run(run: PreparedRun, network: Recogniser, head_file: Path) -> PreparedRun:
    """Return the run that fine-tunes the upper blocks from `head_file`, and print its changes.

    Its template is written to `preset/` of the checkpoints' folder.
    """
    template, changes = preset_template(run.template, len(network.backbone.stages()))
    folder = run.options.save_checkpoints_to / "preset"
    write_template(template, run.model, folder)

    # A value that was given as a flag stays.
    rate = LEARNING_RATE_SHARE * template.hyper_parameters.basic.base_learning_rate
    options = dataclasses.replace(
        run.options,
        load_weights=head_file,
        epochs=run.options.epochs or EPOCHS,
        base_learning_rate=run.options.base_learning_rate or rate,
        classes=run.labels,
    )
    values = f"epochs {options.epochs}, base_learning_rate {options.base_learning_rate:g}"
    say(f"preset {PRESET}: {values}, {changes}")
    return dataclasses.replace(
        run,
        work_dir=folder,
        options=options,
        template=with_basic_flags(template, options),
        template_epochs=template.hyper_parameters.basic.epochs,
    )


def preset_template(template: Template, num_stages: int) -> tuple[Template, str]:
    """Return the template of the fine-tuning, and in words the values that differ."""
    training = template.training
    frozen_blocks = max(training.frozen_blocks, round(FROZEN_SHARE * num_stages))
    changed = training.model_copy(
        update={
            "frozen_blocks": frozen_blocks,
            "batch_norm": "frozen",  # batches of few clips say little about statistics
            "ema_decay": None,  # too few steps to average over
            "early_stop_epochs": EARLY_STOP_EPOCHS,
            # The head is trained already.
            "schedule": training.schedule.model_copy(update={"freeze_epochs": 0}),
        }
    )

    before, after = (
        dict(flatten(section.model_dump(mode="json"))) for section in (training, changed)
    )
    differing = [f"{key} {value}" for key, value in after.items() if before.get(key) != value]
    return template.model_copy(update={"training": changed}), ", ".join(differing)


def _on_device(network: Recogniser, options: TrainOptions) -> Recogniser:
    on_gpu = options.gpu_num != 0 and torch.cuda.is_available()
    return network.to("cuda") if on_gpu else network


def _features_line(tables: Sequence[FeatureTable], num_clips: int, seconds: float) -> str:
    num_views = sum(len(table.labels) for table in tables)
    num_cached = sum(table.num_cached for table in tables)
    views = f"features of {num_views} views of {num_clips} clips"
    return f"preset {PRESET}: {views}, {num_cached} from the cache, {seconds:.0f} s"


def _which_is_best(head: HeadResult, folder: Path) -> str:
    """Return a line that says which network `best.pth` holds, the better one on validation."""
    tuned = summarise(folder).best_top1
    reached = "none" if tuned is None else f"{tuned:.1f} %"
    compared = f"the head alone reached {head.accuracy:.1f} % on val, fine-tuned {reached}"
    # The same rule as that of the checkpoints: an epoch has to be better than the head.
    better = "the head alone" if tuned is None or tuned <= head.accuracy else "the fine-tuned one"
    return f"preset {PRESET}: {compared}: {folder / BEST} is {better}"

"""One training run, from options to checkpoints."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from action_recognition.checkpoint import copy_checkpoint, describe_training, trained_model
from action_recognition.console import is_first_process, say
from action_recognition.files import check_folder_place, write_json
from action_recognition.models.build import build_recogniser, check_weights_fit
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.weights import load_start_weights
from action_recognition.schedules import ScaledSchedule, scale_schedule
from action_recognition.template import TeachableLandmarksConfig, network_family
from action_recognition.training.checkpoints.changes import (
    changes_since,
    check_changes,
    check_same_network,
)
from action_recognition.training.checkpoints.resume import AUTO, check_epochs_left, is_finished
from action_recognition.training.checkpoints.saving import BEST, LATEST
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.engine import (
    Engine,
    fit,
    quieten_lightning,
    tensorboard_folder,
)
from action_recognition.training.machine.devices import DevicePlan, plan_devices
from action_recognition.training.machine.memory import keep_freed_memory
from action_recognition.training.machine.precision import check_compiler, trainer_precision
from action_recognition.training.machine.run_lock import sole_run
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import PreparedRun, prepare
from action_recognition.training.probing.probes import Place, find_out
from action_recognition.training.probing.profiling import ProfileSteps
from action_recognition.training.recipe_checks import check_frozen_blocks, untrained_note
from action_recognition.training.reporting.run_record import run_record, write_template
from action_recognition.training.reporting.run_summary import RECORD_FILE
from action_recognition.training.run_clips import clip_data
from action_recognition.training.step.module import GestureTraining
from action_recognition.training.step.validation_scores import ValidationScores
from action_recognition.training.teachable import are_fitted, fit_embeddings

_FROM_IMAGENET = ("s3d_efficientnet_lite0", "image_timm")


def train(work_dir: Path, options: TrainOptions, watchers: Sequence[Callback] = ()) -> Path:
    """Train as the work dir's template says, changed by the options.

    Returns the path of `latest.pth`. `watchers` are further callbacks of the run.
    Raises UserError: everything that is wrong with template, annotations or weights, before the
    first step.
    """
    return train_prepared(prepare(work_dir, options), watchers)


def train_prepared(run: PreparedRun, watchers: Sequence[Callback] = ()) -> Path:
    """Train a prepared run, from its start or a checkpoint. Return the path of `latest.pth`."""
    options = run.options
    latest = options.save_checkpoints_to / LATEST
    keeps_last = run.best_is == "last"
    if _nothing_left(run):
        # The earlier run may have ended after its last epoch, but before this.
        if _is_teachable(run) and not are_fitted(run):
            say("its embedding is not fitted yet")
            fit_embeddings(run, clip_data(run))
        return _with_best(latest, keeps_last)

    # Everything random from here on follows from the seed: keep this order.
    L.seed_everything(options.seed, verbose=False)
    data = clip_data(run)
    devices = checked_devices(run)
    facts = _run_facts(run, data, devices)
    _say_changes(run, facts)
    module = _untrained(run, data)

    # A search for batch size or learning rate ends here: it trains nothing that is kept.
    if options.find is not None:
        quieten_lightning()
        place = Place(options.gpu_num, options.save_checkpoints_to)
        find_out(options.find, module, data, run.template, place)
        return latest

    if devices.accelerator == "cpu":
        keep_freed_memory()
    if options.profile:
        watchers = [*watchers, ProfileSteps(options.save_checkpoints_to)]
    scores = ValidationScores(run.best_before, keeps_last)
    engine = Engine(devices, facts, run.resume, scores, run.best_before, watchers)
    _fit_alone(run, module, data, engine)
    if _is_teachable(run):
        fit_embeddings(run, data)

    chosen = "the same: nothing is chosen" if keeps_last else "best on the validation clips"
    say(f"saved: {latest} (last epoch), {latest.with_name(BEST)} ({chosen})")
    return _with_best(latest, keeps_last)


def _is_teachable(run: PreparedRun) -> bool:
    """Return True where this process fits an embedding after the training."""
    return isinstance(run.model, TeachableLandmarksConfig) and is_first_process()


def _with_best(latest: Path, keeps_last: bool) -> Path:
    """Return `latest`. Where the last epoch counts, `best.pth` beside it becomes its copy."""
    if keeps_last and is_first_process():
        copy_checkpoint(latest, latest.with_name(BEST))
    return latest


def _nothing_left(run: PreparedRun) -> bool:
    """Return True where `--resume-from auto` finds a run that is done.

    Raises UserError: the checkpoint is of another network, or done without `auto`.
    """
    resume = run.resume
    if resume is None:
        return False
    epochs = run.template.hyper_parameters.basic.epochs
    check_same_network(resume, run.labels, run.model)
    if run.options.resume_from == AUTO and is_finished(resume, epochs):
        done = f"{resume.path} has all {epochs} epochs behind it"
        say(f"--resume-from auto: {done}: nothing to do")
        return True
    check_epochs_left(resume, epochs)
    return False


def checked_devices(run: PreparedRun) -> DevicePlan:
    """Plan the devices of a run, and check what else of its flags this machine can refuse.

    Call it before any file is written, so that a refusal leaves the files of an earlier run.
    Raises UserError: devices, a precision, a compiler or a folder that this machine lacks.
    """
    options = run.options
    gpus = run.template.gpu_num if options.gpu_num is None else options.gpu_num
    devices = plan_devices(gpus, options.num_nodes, os.environ)

    # A search for batch size or learning rate uses none of these.
    if options.find is None:
        trainer_precision(options.precision, devices.accelerator)
        if options.compile:
            check_compiler()
        check_folder_place(options.save_checkpoints_to, "--save-checkpoints-to")
        check_folder_place(tensorboard_folder(options), "--tensorboard-dir")
    return devices


def _run_facts(run: PreparedRun, data: ClipData, devices: DevicePlan) -> dict[str, Any]:
    """Return what checkpoints keep about a run: a resumed run must agree with it."""
    return {
        "seed": run.options.seed,
        "world_size": devices.world_size,
        "batch_size": data.batch_size,
        "accumulate": run.options.accumulate,
        "train_data": run.train_files.digest,
        "val_data": run.val_files.digest if run.val_files is not None else "",
    }


def _say_changes(run: PreparedRun, facts: dict[str, Any]) -> None:
    """Print what differs from the resumed run. Raises UserError: it cannot be resumed so."""
    if run.resume is not None:
        for line in check_changes(run.resume, changes_since(run.resume, run.template, facts)):
            say(line)


def _untrained(run: PreparedRun, data: ClipData) -> GestureTraining:
    """Build the network with its start weights, and the recipe around it."""
    network = build_recogniser(run.model, len(run.labels))
    check_frozen_blocks(run.template.training, network)
    if run.resume is not None:
        check_weights_fit(network, trained_model(run.resume))
    start = _start(network, run)
    record = run_record(run.options.seed, run.annotation_sha256, start)
    return GestureTraining(
        network,
        run.template,
        run.model,
        base_learning_rate=run.template.hyper_parameters.basic.base_learning_rate,
        schedule=_schedule(run, start),
        # No bound method: the module is copied for averaging, and the data must not be.
        steps_per_epoch=lambda: data.steps_per_epoch(),
        description=describe_training(run.labels, run.template, run.model, record),
        seed=run.options.seed,
    )


def _fit_alone(run: PreparedRun, module: GestureTraining, data: ClipData, engine: Engine) -> None:
    """Write the record of the run, and train, while no other run may use the folder."""
    folder = run.options.save_checkpoints_to
    with sole_run(folder):
        if is_first_process():
            write_json(folder / RECORD_FILE, module.description["record"])
            write_template(run.template, run.model, folder)
        fit(module, data, run.template, run.options, engine)


def _start(network: Recogniser, run: PreparedRun) -> dict[str, str]:
    """Load the start weights, print their source, and return what the record keeps about them."""
    wanted, resume = run.options.load_weights, run.resume
    if resume is not None:
        source = f"resumed from {resume.path}"
        record = {"source": source, "sha256": resume.sha256, "report": source}
    elif wanted is not None:
        record = load_start_weights(network, run.model, wanted, run.labels).record()
    else:
        better = ""
        if network_family(run.model.type) in _FROM_IMAGENET:
            better = "; --load-weights imagenet gives a real start"
        record = {"source": "none", "report": f"none: from scratch{better}"}
    say(f"start weights: {record['report']}")
    return record


def _schedule(run: PreparedRun, start: dict[str, str]) -> ScaledSchedule:
    """Scale the template's schedule to the epochs of this run, and print it."""
    training = run.template.training
    epochs = run.template.hyper_parameters.basic.epochs
    schedule = scale_schedule(training.schedule, run.template_epochs, epochs)
    say(f"schedule over {epochs} epochs: {schedule}")
    if start["source"] == "none" and (note := untrained_note(training, schedule)):
        say(note)
    return schedule

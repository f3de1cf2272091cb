"""The trials of a search: each is a training run in a folder of its own; several processes may share one folder."""

from __future__ import annotations

import dataclasses
import fcntl
import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning as L
import numpy as np
import optuna
from lightning.pytorch.callbacks import Callback
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from action_recognition.console import say
from action_recognition.errors import Terminated, UserError
from action_recognition.template import load_template_dir
from action_recognition.training.options import TrainOptions
from action_recognition.training.reporting.compare import summarise
from action_recognition.training.reporting.curve_files import CURVES_FILE, read_curves
from action_recognition.training.run import train
from action_recognition.training.studies.search.space import (
    Documents,
    SearchSpace,
    suggest,
    with_values,
    write_documents,
)

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

JOURNAL_FILE = "study.journal"
CONTINUES = "continues"  # attribute of a trial: the number of the interrupted one whose folder it goes on with
_FAILURE = "failure"  # attribute of a trial that failed by itself: why


@dataclass(frozen=True)
class Search:
    """What is searched, where it is kept, and what the flags of a trial become in its work dir."""

    space: SearchSpace
    documents: Documents
    folder: Path
    options_in: Callable[[Path], TrainOptions]
    storage_url: str | None = None

    def study(self) -> optuna.Study:
        """The study of this folder, made if there is none yet."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder.mkdir(parents=True, exist_ok=True)
        storage: BaseStorage | str = self.storage_url or JournalStorage(
            JournalFileBackend(str(self.folder / JOURNAL_FILE))
        )
        return optuna.create_study(
            study_name="search",
            storage=storage,
            sampler=_sampler(self.space, 0),
            pruner=_pruner(self.space),
            direction="maximize",
            load_if_exists=True,
        )

    def trial_folder(self, number: int) -> Path:
        return self.folder / f"trial_{number:04d}"


def run_search(search: Search) -> optuna.Study:
    """Run trials until there are as many as the space says; what was interrupted is gone on with.

    A trial whose loss is no number has failed and counts. Errors: those that every other trial would meet too.
    """
    study = search.study()
    with _locked(search.folder):
        _take_up(search, study)
    while True:
        with ExitStack() as held:
            with _locked(search.folder):  # a trial that nobody holds is one whose process is gone
                if (done := num_trials(study)) >= search.space.trials:
                    return study
                trial = study.ask()
                folder = search.trial_folder(_folder_number(trial))
                held.enter_context(_locked(folder))
            study.sampler = _sampler(search.space, trial.number)
            values = suggest(search.space, trial)
            shown = ", ".join(f"{key} {value}" for key, value in values.items())
            say(f"trial {_folder_number(trial)} ({done + 1} of {search.space.trials}): {shown}")
            _carry_out(search, study, trial, folder, values)


def num_trials(study: optuna.Study) -> int:
    """Trials that have ended or that some process is at; those that were interrupted count when they are gone on with."""
    return sum(
        1
        for trial in study.get_trials(deepcopy=False)
        if not is_interrupted(trial) and trial.state != TrialState.WAITING
    )


def is_interrupted(trial: FrozenTrial) -> bool:
    """Whether it ended because its process did."""
    return trial.state == TrialState.FAIL and _FAILURE not in trial.user_attrs


def _folder_number(trial: optuna.Trial | FrozenTrial) -> int:
    """Of the folder: that of the trial which this one goes on with, if it does."""
    return int(trial.user_attrs.get(CONTINUES, trial.number))


def _carry_out(
    search: Search, study: optuna.Study, trial: optuna.Trial, folder: Path, values: dict[str, Any]
) -> None:
    write_documents(with_values(search.documents, values), folder)
    options = search.options_in(folder)
    watcher = PruneTrial(trial, options.save_checkpoints_to)
    try:
        _train(folder, options, watcher, goes_on=CONTINUES in trial.user_attrs)
    except (KeyboardInterrupt, SystemExit, Terminated):
        _put_back(study, trial.number, _folder_number(trial), trial.params)
        raise
    except UserError as error:
        if any(problem.where != "training" for problem in error.problems):
            study.tell(trial, state=TrialState.FAIL)
            raise  # every other trial would meet it too
        _fail(study, trial, str(error))
        return
    best = summarise(options.save_checkpoints_to).best_top1
    if best is None:
        _fail(study, trial, "no epoch was validated")
        return
    if watcher.pruned:
        study.tell(trial, state=TrialState.PRUNED)  # takes no value: Optuna has those of the epochs
    else:
        study.tell(trial, best)
    say(
        f"trial {_folder_number(trial)}: {'given up' if watcher.pruned else 'done'}, best val top-1 {best:.1f} %"
    )


def _train(folder: Path, options: TrainOptions, watcher: PruneTrial, goes_on: bool) -> None:
    if goes_on and (options.save_checkpoints_to / "latest.pth").is_file():
        epochs = options.epochs or load_template_dir(folder)[0].hyper_parameters.basic.epochs
        if summarise(options.save_checkpoints_to).epochs == epochs:
            return  # its process ended when all was done
        options = dataclasses.replace(options, resume_from="latest")
    train(folder, options, [watcher])


def _fail(study: optuna.Study, trial: optuna.Trial, reason: str) -> None:
    trial.set_user_attr(_FAILURE, reason)
    study.tell(trial, state=TrialState.FAIL)
    say(f"trial {_folder_number(trial)} failed: {reason}")


class PruneTrial(Callback):
    """Tells a trial its validation accuracy after every epoch, and ends the run where the pruner gives it up."""

    def __init__(self, trial: optuna.Trial, outputs: Path) -> None:
        self.trial, self.outputs = trial, outputs
        self.pruned = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        path = self.outputs / CURVES_FILE
        for row in (
            read_curves(path) if trainer.current_epoch and path.is_file() else ()
        ):  # epochs before an interruption
            if row["epoch"] <= trainer.current_epoch and not math.isnan(row["val_accuracy"]):
                self.trial.report(row["val_accuracy"], int(row["epoch"]))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        accuracy = trainer.callback_metrics.get("val/accuracy")
        if accuracy is None or not trainer.is_global_zero:
            return
        self.trial.report(float(accuracy), trainer.current_epoch + 1)
        if self.trial.should_prune():
            self.pruned = True
            trainer.should_stop = True


def _take_up(search: Search, study: optuna.Study) -> None:
    """Put back the trials whose process is gone: their values wait to be gone on with in their folder."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if _is_free(search.trial_folder(_folder_number(trial))):
            _put_back(study, trial.number, _folder_number(trial), trial.params)


def _put_back(
    study: optuna.Study, trial_number: int, folder_number: int, params: dict[str, Any]
) -> None:
    study.tell(trial_number, state=TrialState.FAIL)
    if params:
        study.enqueue_trial(params, user_attrs={CONTINUES: folder_number})


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """While this process lives, the folder's trial is its own."""
    folder.mkdir(parents=True, exist_ok=True)
    number = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _is_free(folder: Path) -> bool:
    try:
        number = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(number)
    return True


def _sampler(space: SearchSpace, trial_number: int) -> BaseSampler:
    """One for each trial, so that neither processes side by side nor those after an interruption draw the same values again."""
    seed = int(np.random.SeedSequence([space.seed, trial_number]).generate_state(1)[0])
    if space.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=space.startup_trials, constant_liar=True
    )


def _pruner(space: SearchSpace) -> BasePruner:
    if space.pruner == "none":
        return optuna.pruners.NopPruner()
    if space.pruner == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=max(1, space.warmup_epochs))
    return optuna.pruners.MedianPruner(
        n_startup_trials=space.startup_trials, n_warmup_steps=space.warmup_epochs
    )

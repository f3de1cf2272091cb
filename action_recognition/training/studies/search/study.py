"""The trials of a search. Each is a training run in its own folder, also for several processes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from action_recognition.console import say
from action_recognition.errors import Terminated, UserError, user_error
from action_recognition.template import load_template_dir
from action_recognition.training.options import TrainOptions
from action_recognition.training.reporting.run_summary import summarise
from action_recognition.training.run import train
from action_recognition.training.studies.search.folder_lock import is_free, locked
from action_recognition.training.studies.search.prune_trial import PruneTrial
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
# Attribute of a trial: the number of the interrupted trial whose folder it continues in.
CONTINUES = "continues"
# Attribute of a trial that failed by itself: the reason.
_FAILURE = "failure"
# Attribute of a study: its space, as JSON.
_SPACE = "space"


@dataclass(frozen=True)
class Search:
    """A search: its space and template, its folder, and the options of a trial in its work dir.

    `storage_url` names an Optuna database. None means a journal file in the folder.
    """

    space: SearchSpace
    documents: Documents
    folder: Path
    options_in: Callable[[Path], TrainOptions]
    storage_url: str | None = None

    def study(self) -> optuna.Study:
        """Open the study of this folder, or create it if there is none yet.

        Errors: UserError if the storage cannot be read, or holds a search over other values.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder.mkdir(parents=True, exist_ok=True)
        where = f"--storage {self.storage_url}" if self.storage_url else self._journal
        try:
            study = self._opened()
        except OSError:
            raise
        # Optuna, SQLAlchemy and the journal raise errors of many kinds for what they cannot read.
        except Exception as error:
            found = f"is no storage that can be read ({type(error).__name__}: {_first_line(error)})"
            allowed = "a URL of a database such as sqlite:///FILE, or a journal of this command"
            raise user_error(
                str(where), found, allowed, "correct it, or name another folder"
            ) from None
        self._check_same_values(study)
        return study

    @property
    def _journal(self) -> Path:
        return self.folder / JOURNAL_FILE

    def _opened(self) -> optuna.Study:
        storage: BaseStorage | str = self.storage_url or JournalStorage(
            JournalFileBackend(str(self._journal))
        )
        return optuna.create_study(
            study_name="search",
            storage=storage,
            sampler=_sampler(self.space, 0),
            pruner=_pruner(self.space),
            direction="maximize",
            load_if_exists=True,
        )

    def _check_same_values(self, study: optuna.Study) -> None:
        """Store the space with a new study. Raises UserError: the study has another one."""
        dimensions = {
            key: dimension if isinstance(dimension, list) else dimension.model_dump()
            for key, dimension in self.space.space.items()
        }
        own = json.dumps(dimensions, sort_keys=True, default=str)
        stored = study.user_attrs.get(_SPACE)
        if stored is None:
            study.set_user_attr(_SPACE, own)
        elif stored != own:
            found = "holds a search over other values"
            fix = "name another folder, or restore `space` in SPACE.yaml"
            raise user_error(f"--output {self.folder}", found, "one space per folder", fix)

    def trial_folder(self, number: int) -> Path:
        """Return the folder of the trial with this number."""
        return self.folder / f"trial_{number:04d}"


def run_search(search: Search) -> optuna.Study:
    """Run trials until there are as many as the space wants. Interrupted trials are continued.

    A trial whose loss is not finite has failed and counts.

    Errors: UserError that every other trial would raise too.
    """
    study = search.study()
    with locked(search.folder):
        _take_up(search, study)

    while True:
        with ExitStack() as held:
            # Asked for and held under one lock: a running trial that nobody holds is then one
            # whose process has ended.
            with locked(search.folder):
                if (done := num_trials(study)) >= search.space.trials:
                    return study
                trial = study.ask()
                folder = search.trial_folder(folder_number(trial))
                held.enter_context(locked(folder))

            # The trial's own sampler draws its values.
            study.sampler = _sampler(search.space, trial.number)
            values = suggest(search.space, trial)
            shown = ", ".join(f"{key} {value}" for key, value in values.items())
            say(f"trial {folder_number(trial)} ({done + 1} of {search.space.trials}): {shown}")
            write_documents(with_values(search.documents, values), folder)
            _carry_out(study, trial, folder, search.options_in(folder))


def num_trials(study: optuna.Study) -> int:
    """Count the trials that have ended or are running.

    An interrupted trial counts once it is continued.
    """
    return sum(
        1
        for trial in study.get_trials(deepcopy=False)
        if not is_interrupted(trial) and trial.state != TrialState.WAITING
    )


def is_interrupted(trial: FrozenTrial) -> bool:
    """Return True if the trial ended because its process ended."""
    return trial.state == TrialState.FAIL and _FAILURE not in trial.user_attrs


def folder_number(trial: optuna.Trial | FrozenTrial) -> int:
    """Return the number in the name of the trial's folder.

    It is the number of the trial that this one continues, if it continues one.
    """
    return int(trial.user_attrs.get(CONTINUES, trial.number))


def _carry_out(
    study: optuna.Study, trial: optuna.Trial, folder: Path, options: TrainOptions
) -> None:
    """Train in the trial's folder and tell the study how the trial ended."""
    watcher = PruneTrial(trial, options.save_checkpoints_to)
    try:
        _train(folder, options, watcher, resumes=CONTINUES in trial.user_attrs)
    except (KeyboardInterrupt, SystemExit, Terminated):
        _put_back(study, trial.number, folder_number(trial), trial.params)
        raise
    except UserError as error:
        # Only errors of the training itself come from the trial's values.
        if any(problem.where != "training" for problem in error.problems):
            study.tell(trial, state=TrialState.FAIL)
            raise
        _fail(study, trial, str(error))
        return

    best = summarise(options.save_checkpoints_to).best_top1
    if best is None:
        _fail(study, trial, "no epoch was validated")
    else:
        _complete(study, trial, best, pruned=watcher.pruned)


def _train(folder: Path, options: TrainOptions, watcher: PruneTrial, *, resumes: bool) -> None:
    if resumes and (options.save_checkpoints_to / "latest.pth").is_file():
        epochs = options.epochs or load_template_dir(folder)[0].hyper_parameters.basic.epochs
        # The process may have ended after the last epoch.
        if summarise(options.save_checkpoints_to).epochs == epochs:
            return
        options = dataclasses.replace(options, resume_from="latest")
    train(folder, options, [watcher])


def _complete(study: optuna.Study, trial: optuna.Trial, best: float, *, pruned: bool) -> None:
    # A pruned trial takes no value: Optuna has those of its epochs.
    if pruned:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, best)
    state = "given up" if pruned else "done"
    say(f"trial {folder_number(trial)}: {state}, best val top-1 {best:.1f} %")


def _fail(study: optuna.Study, trial: optuna.Trial, reason: str) -> None:
    trial.set_user_attr(_FAILURE, reason)
    study.tell(trial, state=TrialState.FAIL)
    say(f"trial {folder_number(trial)} failed: {reason}")


def _take_up(search: Search, study: optuna.Study) -> None:
    """Put back the trials whose process has ended, so that they are continued in their folders."""
    # Trials of other processes are held by them.
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if is_free(search.trial_folder(folder_number(trial))):
            _put_back(study, trial.number, folder_number(trial), trial.params)


def _put_back(study: optuna.Study, number: int, folder: int, params: dict[str, Any]) -> None:
    """End a trial and queue its values as a new one, with the number of its folder."""
    study.tell(number, state=TrialState.FAIL)

    # A trial that was interrupted before its draw has no values.
    if params:
        study.enqueue_trial(params, user_attrs={CONTINUES: folder})


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def _sampler(space: SearchSpace, trial_number: int) -> BaseSampler:
    """Return the sampler of one trial.

    Its seed depends on the trial's number, so that no two trials draw the same values. This holds
    for processes side by side and after an interruption.
    """
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

"""Results of a search: a table of its trials, the keys that mattered, and the best template."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from action_recognition.files import write_text
from action_recognition.plots import draw_shares
from action_recognition.training.studies.search.space import with_values, write_documents
from action_recognition.training.studies.search.study import (
    Search,
    folder_number,
    is_interrupted,
)

TABLE_FILE, IMPORTANCE_PICTURE, BEST_FOLDER = "trials.csv", "importance.png", "best"
_MIN_TRIALS = 4
_STATES = {
    TrialState.COMPLETE: "done",
    TrialState.PRUNED: "given up",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}


def write_report(search: Search, study: optuna.Study) -> list[str]:
    """Write trials.csv, importance.png and best/ with the best template. Return lines to print."""
    trials = _shown(study)
    _write_table(search, trials)
    lines = [f"{len(trials)} trials: {_counts(trials)}; all in {search.folder / TABLE_FILE}"]
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not done:
        return [*lines, "no trial was trained to its end, so there is neither best nor importance"]

    # Only trials that were trained to their end are compared.
    best = max(done, key=lambda trial: trial.value or 0.0)
    lines.append(_write_best(search, best))
    lines.append(
        "the best of many trials looks too good: measure it on clips that no trial was validated on"
    )
    return [*lines, *_draw_importance(search, study, len(done))]


def _write_best(search: Search, best: FrozenTrial) -> str:
    """Write the template of the best trial and return a line about it."""
    folder, values = search.folder / BEST_FOLDER, _values(best)
    write_documents(with_values(search.documents, values), folder)
    shown = ", ".join(f"{key} {value}" for key, value in values.items())
    trial = f"trial {folder_number(best)}, val top-1 {best.value:.1f} %"
    return f"best: {trial} with {shown}: template in {folder}"


def _shown(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials in the order of their folders, without those that another one continues."""
    trials = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in _STATES and not is_interrupted(trial)
    ]
    return sorted(trials, key=folder_number)


def _values(trial: FrozenTrial) -> dict[str, object]:
    # Values to choose from are JSON, see `suggest`.
    return {
        key: json.loads(value) if isinstance(value, str) else value
        for key, value in trial.params.items()
    }


def _write_table(search: Search, trials: Sequence[FrozenTrial]) -> None:
    keys = list(search.space.space)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "best_val_top1", "epochs", "seconds", *keys])
    writer.writerows(_cells(trial, keys) for trial in trials)
    write_text(search.folder / TABLE_FILE, text.getvalue())


def _cells(trial: FrozenTrial, keys: Sequence[str]) -> list[object]:
    """Return a trial's row of the table. Values to choose from stay JSON."""
    seconds = trial.duration.total_seconds() if trial.duration else 0.0
    return [
        folder_number(trial),
        _STATES[trial.state],
        trial.value if trial.value is not None else "",
        len(trial.intermediate_values),
        f"{seconds:.0f}",
        *(trial.params.get(key, "") for key in keys),
    ]


def _counts(trials: Sequence[FrozenTrial]) -> str:
    states = [_STATES[trial.state] for trial in trials]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _draw_importance(search: Search, study: optuna.Study, num_done: int) -> list[str]:
    """Draw a bar for each key: how well it alone tells good trials from the others.

    Source: PED-ANOVA, Watanabe et al., IJCAI 2023.
    """
    if num_done < _MIN_TRIALS or len(search.space.space) < 2:
        return [f"importance needs {_MIN_TRIALS} trials that are done and 2 keys"]
    try:
        shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    except (RuntimeError, ValueError) as error:
        # For example, all trials reached the same accuracy.
        return [f"no importance: {error}"]

    picture = search.folder / IMPORTANCE_PICTURE
    draw_shares(picture, shares, "importance for val top-1")
    mattered = ", ".join(f"{key} {share:.2f}" for key, share in shares.items())
    return [f"what mattered: {mattered} ({picture})"]

"""Scores of clips by the models of folds: each clip by a model that never saw its person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_recognition.console import say
from action_recognition.data.annotations import read_annotations
from action_recognition.deploy.backends import load_backend
from action_recognition.errors import user_error
from action_recognition.evaluation.clip_scores import ScoredClips, score_clips
from action_recognition.training.studies.fold_choice import FoldModel, read_fold_models


@dataclass(frozen=True)
class FoldScores:
    """Scores of the clips of all folds, with the annotation files and data roots of these clips."""

    scored: ScoredClips
    ann_files: list[Path]
    data_roots: list[Path]
    num_folds: int


def score_folds(
    folder: Path,
    labels: list[str],
    num_workers: int,
    strict: bool,
    hand_detector: Path | None = None,
) -> FoldScores:
    """Score the held-out clips of every fold in `folder`, which `train.py --folds` filled.

    Raises UserError: no folds are there, or a model of a fold has other labels than `labels`.
    """
    models = read_fold_models(folder)
    parts = [_score(folder, model, labels, num_workers, strict, hand_detector) for model in models]
    joined = ScoredClips(
        [record for part in parts for record in part.records],
        np.concatenate([part.scores for part in parts]),
        [message for part in parts for message in part.damaged],
    )
    files = [folder / name for model in models for name in model.val_files]
    roots = [Path(root) for model in models for root in model.val_roots]
    say(f"{len(models)} folds: {len(joined.records)} clips, each by a model that never saw it")
    return FoldScores(joined, files, roots, len(models))


def _score(
    folder: Path,
    model: FoldModel,
    labels: list[str],
    num_workers: int,
    strict: bool,
    hand_detector: Path | None,
) -> ScoredClips:
    weights = folder / model.weights
    backend = load_backend(weights)
    if list(backend.metadata.labels) != labels:
        fix = "name the folder in which --load-weights was trained"
        raise user_error(f"--folds {folder}", f"{weights} has other labels", fix=fix)
    files, roots = [folder / name for name in model.val_files], list(map(Path, model.val_roots))
    records = read_annotations(files, roots, labels)
    return score_clips(backend, records, num_workers, strict, "--folds", hand_detector)

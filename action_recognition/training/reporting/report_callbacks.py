"""The callbacks by which one sees a run learn, and those that draw what it ended with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch.callbacks import Callback

from action_recognition.data.datasets import ClipDataset
from action_recognition.template import Template
from action_recognition.training.reporting.confusion import ConfusionMatrices
from action_recognition.training.reporting.curves import Curves
from action_recognition.training.reporting.sheets import AugmentedClips, WorstErrors, score_scale
from action_recognition.training.step.validation_scores import ValidationScores


def seeing_it_learn(
    folder: Path, labels: Sequence[str], val: ClipDataset, template: Template
) -> list[Callback]:
    """Curves, confusion matrices and contact sheets in `folder`; `val` is where the worst errors' clips are read again."""
    scores = ValidationScores()
    return [
        Curves(folder),
        AugmentedClips(folder, labels),
        scores,
        ConfusionMatrices(folder, labels, scores),
        WorstErrors(folder, labels, scores, val, score_scale(template.training.loss)),
    ]

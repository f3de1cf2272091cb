"""Callbacks that show how a run learns: curves, confusion matrices and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Callback

from action_recognition.files import write_csv
from action_recognition.metrics import confusion_matrix
from action_recognition.plots import draw_confusion_matrix
from action_recognition.schedules import final_loss_scale
from action_recognition.template import Template
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.reporting.curves import Curves
from action_recognition.training.reporting.sheets import AugmentedClips, WorstErrors
from action_recognition.training.step.validation_scores import ScoredValidation, ValidationScores

CONFUSION_FOLDER = "confusion"
CONFUSION_PICTURE = "confusion.png"


def seeing_it_learn(
    folder: Path,
    labels: Sequence[str],
    data: ClipData,
    template: Template,
    scores: ValidationScores,
) -> list[Callback]:
    """Return the callbacks that write curves, confusion matrices and contact sheets to `folder`.

    The clips of the worst errors are read again from `data.val`. Without it there are none to show.
    """
    always: list[Callback] = [
        Curves(folder, len(labels)),
        AugmentedClips(folder, labels, data.train),
    ]
    if data.val is None:
        return always
    # The callbacks after the scores read them.
    return [
        *always,
        scores,
        ConfusionMatrices(folder, labels, scores),
        WorstErrors(folder, labels, scores, data.val, final_loss_scale(template.training.loss)),
    ]


class ConfusionMatrices(Callback):
    """Writes `confusion/epoch_XXX.csv` after every validation, and draws the best one at the end.

    Rows are labels. The picture is `confusion.png`.
    """

    def __init__(self, folder: Path, labels: Sequence[str], scores: ValidationScores) -> None:
        self.folder, self.labels, self.scores = folder, labels, scores

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the matrix of the latest validation."""
        latest = self.scores.latest
        if latest is not None and trainer.is_global_zero:
            path = self.folder / CONFUSION_FOLDER / f"epoch_{latest.epoch:03d}.csv"
            write_confusion(path, latest, self.labels)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw the matrix of the best validation."""
        best = self.scores.best
        if best is None or not trainer.is_global_zero:
            return

        accuracy = f"top-1 {100 * best.accuracy:.1f} % (mean over classes)"
        title = f"epoch {best.epoch}: {accuracy}, {len(best.labels)} clips"
        counts = confusion_matrix(best.cosine, best.labels, len(self.labels))
        draw_confusion_matrix(self.folder / CONFUSION_PICTURE, counts, self.labels, title)


def write_confusion(path: Path, scored: ScoredValidation, labels: Sequence[str]) -> None:
    """Write counts as CSV: a row per label, a column per class that its clips were taken for."""
    counts = confusion_matrix(scored.cosine, scored.labels, len(labels)).tolist()
    rows = [[label, *row] for label, row in zip(labels, counts, strict=True)]
    write_csv(path, [["label", *labels], *rows])

"""A confusion matrix per validation, and a picture of the best one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Callback

from action_recognition.metrics import confusion_matrix
from action_recognition.plots import draw_confusion_matrix
from action_recognition.training.step.validation_scores import ScoredValidation, ValidationScores

CONFUSION_FOLDER = "confusion"
CONFUSION_PICTURE = "confusion.png"


class ConfusionMatrices(Callback):
    """`confusion/epoch_XXX.csv` after every validation, rows are labels; `confusion.png` of the best one when the run ends."""

    def __init__(self, folder: Path, labels: Sequence[str], scores: ValidationScores) -> None:
        self.folder, self.labels, self.scores = folder, labels, scores

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        latest = self.scores.latest
        if latest is not None and trainer.is_global_zero:
            write_confusion(
                self.folder / CONFUSION_FOLDER / f"epoch_{latest.epoch:03d}.csv",
                latest,
                self.labels,
            )

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        best = self.scores.best
        if best is not None and trainer.is_global_zero:
            title = f"epoch {best.epoch}: top-1 {100 * best.accuracy:.1f} % (mean over classes), {len(best.labels)} clips"
            counts = confusion_matrix(best.cosine, best.labels, len(self.labels))
            draw_confusion_matrix(self.folder / CONFUSION_PICTURE, counts, self.labels, title)


def write_confusion(path: Path, scored: ScoredValidation, labels: Sequence[str]) -> None:
    """Counts as CSV: a row per label, a column per class that its clips were taken for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["label", *labels])
        for label, row in zip(
            labels, confusion_matrix(scored.cosine, scored.labels, len(labels)), strict=True
        ):
            writer.writerow([label, *row.tolist()])
    partial.replace(path)

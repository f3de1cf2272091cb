"""Contact sheets of a run: its first augmented batch, and its worst errors on validation clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.callbacks import Callback

from action_recognition.data.batches import Batch, Sample
from action_recognition.data.landmarks.stream_dataset import AnyClipDataset
from action_recognition.lettering import shown_names
from action_recognition.plots import save_picture
from action_recognition.training.reporting.contact_sheet import contact_sheet
from action_recognition.training.reporting.pictures import as_pictures
from action_recognition.training.step.validation_scores import ScoredValidation, ValidationScores

AUGMENTED_PICTURE = "augmented_clips.png"
WORST_PICTURE = "worst_errors.png"
AUGMENTED_TITLE = "clips of the first step, as the network saw them"
_WORST_TITLE = "validation clips that the best epoch was surest and wrong about"
CLIPS_SHOWN = 12


class AugmentedClips(Callback):
    """Draws `augmented_clips.png`: clips of the first batch as the network sees them."""

    def __init__(self, folder: Path, labels: Sequence[str], dataset: AnyClipDataset) -> None:
        self.path, self.labels, self.dataset = folder / AUGMENTED_PICTURE, labels, dataset
        self._done = False

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Draw the clips of the first batch, each under its label and file name."""
        if self._done or not trainer.is_global_zero or not len(batch.labels):
            return
        self._done = True

        clips = as_pictures(batch.clips[:CLIPS_SHOWN])
        shown = batch.labels[:CLIPS_SHOWN].tolist()
        names = shown_names(self.labels)
        captions = [
            f"{names[self.labels[label]] if label >= 0 else 'no label'}\n{file}"
            for label, file in zip(shown, _files(self.dataset, batch.indices), strict=False)
        ]
        save_picture(self.path, contact_sheet(clips, captions, title=AUGMENTED_TITLE))


def _files(dataset: AnyClipDataset, indices: Iterable[Any]) -> list[str]:
    """Return the file names of clips of a data set."""
    return [dataset.records[int(index)].path.name for index in indices]


class WorstErrors(Callback):
    """Draws `worst_errors.png` at the end: the most confident mistakes of the best validation.

    The logit is `scale` times the cosine. The confidence is the softmax of the logits.
    """

    def __init__(
        self,
        folder: Path,
        labels: Sequence[str],
        scores: ValidationScores,
        dataset: AnyClipDataset,
        scale: float,
    ) -> None:
        self.path, self.labels, self.scores = folder / WORST_PICTURE, labels, scores
        self.dataset, self.scale = dataset, scale

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Read the clips of the worst errors again and draw them."""
        best = self.scores.best
        if best is None or not trainer.is_global_zero:
            return
        # A picture of an earlier run's errors would be taken for this run's.
        self.path.unlink(missing_ok=True)

        shown = [
            (row, item.clip)
            for row in worst_errors(best, self.scale)
            if isinstance(item := self.dataset[int(best.indices[row])], Sample)
        ]
        if shown:
            captions = [self._caption(best, row) for row, _ in shown]
            clips = as_pictures(torch.stack([clip for _, clip in shown]))
            save_picture(self.path, contact_sheet(clips, captions, title=_WORST_TITLE))

    def _caption(self, scored: ScoredValidation, row: int) -> str:
        predicted = int(scored.cosine[row].argmax())
        confidence = confidences(scored.cosine[row : row + 1], self.scale)[0, predicted]
        names = shown_names(self.labels)
        label, taken_for = (
            names[self.labels[number]] for number in (scored.labels[row], predicted)
        )
        (file,) = _files(self.dataset, scored.indices[row : row + 1])
        return f"{label} taken for {taken_for} ({100 * confidence:.0f} %)\n{file}"


def worst_errors(scored: ScoredValidation, scale: float, limit: int = CLIPS_SHOWN) -> list[int]:
    """Return the rows of at most `limit` wrong answers, the most confident first."""
    predicted = scored.cosine.argmax(axis=1)
    confidence = confidences(scored.cosine, scale).max(axis=1)
    wrong = np.flatnonzero(predicted != scored.labels)
    return [int(row) for row in wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]]


def confidences(cosine: npt.NDArray[np.float32], scale: float) -> npt.NDArray[np.float64]:
    """Compute the softmax of scale * cosine (N, C): (N, C), rows sum to 1."""
    logits = scale * cosine.astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares

"""Accuracy measures over score tables, as the original defines them; everything standard is left to torchmetrics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]


def top_k_hits(scores: Scores, labels: Labels, k: int) -> npt.NDArray[np.bool_]:
    """Whether each sample's label is among its k highest scores: scores (N, C), labels (N,) -> (N,) bool."""
    best = np.argsort(scores, axis=1)[:, -k:]
    hits: npt.NDArray[np.bool_] = (best == labels[:, None]).any(axis=1)
    return hits


def top_k_accuracy(scores: Scores, labels: Labels, k: int) -> float:
    """Share of samples (0..1) whose label is among the k highest scores.

    >>> top_k_accuracy(np.array([[0.9, 0.1, 0.5], [0.2, 0.3, 0.8]]), np.array([2, 0]), 2)
    0.5
    """
    return float(top_k_hits(scores, labels, k).mean())


def mean_top_k_accuracy(scores: Scores, labels: Labels, k: int) -> float:
    """Mean over the classes present in `labels` of the share of their samples hit in the top k (0..1).

    Source: REFERENCE section 5; the measure of Joze and Koller, MS-ASL (BMVC 2019). The published top-1 figures are this one.
    """
    hits = top_k_hits(scores, labels, k)
    return float(np.mean([hits[labels == label].mean() for label in np.unique(labels)]))


def mean_class_accuracy(scores: Scores, labels: Labels) -> float:
    """Mean top-1 accuracy (0..1) over the classes that occur as label or as prediction; only predicted ones count as 0.

    Source: REFERENCE section 5.
    """
    predicted = scores.argmax(axis=1)
    classes = np.union1d(predicted, labels)
    return float(
        np.mean(
            [
                (predicted[labels == label] == label).mean() if (labels == label).any() else 0.0
                for label in classes
            ]
        )
    )


def average_precisions(scores: Scores, labels: Labels) -> npt.NDArray[np.float64]:
    """Area under the monotone precision-recall curve of each class over all samples (C,); nan where a class has no sample.

    Source: REFERENCE section 5.
    """
    result = np.full(scores.shape[1], np.nan)
    for label in np.unique(labels):
        correct = (labels == label)[
            np.argsort(-scores[:, label])
        ]  # ties fall as the original's argsort lets them
        found = np.cumsum(correct)
        precision = found / np.arange(1, len(correct) + 1)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        result[label] = envelope[correct].sum() / found[-1]
    return result


def ranking_mean_average_precision(scores: Scores, labels: Labels) -> dict[str, float]:
    """Both kinds of the mean (0..1): over the classes present, and over all with absent ones as 0 (the original's).

    Source: REFERENCE section 5 and "Surprises" 8.
    """
    precisions = average_precisions(scores, labels)
    return {
        "present_classes": float(np.nanmean(precisions)),
        "all_classes": float(np.nan_to_num(precisions).mean()),
    }


def confusion_matrix(scores: Scores, labels: Labels, num_classes: int) -> npt.NDArray[np.int64]:
    """Counts (C, C): row = label, column = highest score."""
    cells = labels.astype(np.int64) * num_classes + scores.argmax(axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """95 % interval (0..1) of a share of `count` samples.

    Source: Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212.

    >>> [round(bound, 3) for bound in wilson_interval(0.9, 100)]
    [0.826, 0.945]
    """
    z = 1.959964
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z
        / (1 + z * z / count)
        * ((share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5)
    )
    return max(0.0, centre - half), min(1.0, centre + half)


def most_confused(
    counts: npt.NDArray[np.int64], labels: Sequence[str], limit: int = 5
) -> list[tuple[str, str, int]]:
    """The largest off-diagonal cells of a confusion matrix: (label, taken for, times)."""
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(wrong, axis=None)[::-1][:limit]
    cells = [(int(i // len(labels)), int(i % len(labels))) for i in order]
    return [
        (labels[row], labels[column], int(wrong[row, column]))
        for row, column in cells
        if wrong[row, column]
    ]

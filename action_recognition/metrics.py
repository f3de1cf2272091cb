"""Accuracy measures over score tables, as the original toolkit defines them.

Scores are (N, C), labels (N,).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]


def top_k_hits(scores: Scores, labels: Labels, k: int) -> npt.NDArray[np.bool_]:
    """Return True (N,) for each sample whose label is among its k highest scores."""
    best = np.argsort(scores, axis=1)[:, -k:]
    hits: npt.NDArray[np.bool_] = (best == labels[:, None]).any(axis=1)
    return hits


def top_k_accuracy(scores: Scores, labels: Labels, k: int) -> float:
    """Return the share of samples (0..1) whose label is among the k highest scores.

    >>> top_k_accuracy(np.array([[0.9, 0.1, 0.5], [0.2, 0.3, 0.8]]), np.array([2, 0]), 2)
    0.5
    """
    return float(top_k_hits(scores, labels, k).mean())


def mean_top_k_accuracy(scores: Scores, labels: Labels, k: int) -> float:
    """Return the mean over classes of the share of their samples (0..1) that is hit in the top k.

    The classes are those that are present in `labels`. The published top-1 figures are this one.
    Source: REFERENCE section 5; the measure of Joze and Koller, MS-ASL (BMVC 2019).
    """
    hits = top_k_hits(scores, labels, k)
    return float(np.mean([hits[labels == label].mean() for label in np.unique(labels)]))


def mean_class_accuracy(scores: Scores, labels: Labels) -> float:
    """Return the mean top-1 accuracy (0..1) over the classes that are a label or a prediction.

    A class that is predicted only counts as 0.
    Source: REFERENCE section 5.
    """
    predicted = scores.argmax(axis=1)
    shares = []
    for label in np.union1d(predicted, labels):
        own = labels == label
        shares.append((predicted[own] == label).mean() if own.any() else 0.0)
    return float(np.mean(shares))


def average_precisions(scores: Scores, labels: Labels) -> npt.NDArray[np.float64]:
    """Return the area under the monotone precision-recall curve of each class over all samples.

    The result is (C,), nan where a class has no sample.
    Source: REFERENCE section 5.
    """
    result = np.full(scores.shape[1], np.nan)
    for label in np.unique(labels):
        # Ties are ordered as by the original's argsort.
        order = np.argsort(-scores[:, label])
        correct = (labels == label)[order]
        found = np.cumsum(correct)

        # Precision at each hit, then the largest at the same or a higher recall.
        precision = found / np.arange(1, len(correct) + 1)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        result[label] = envelope[correct].sum() / found[-1]
    return result


def ranking_mean_average_precision(scores: Scores, labels: Labels) -> dict[str, float]:
    """Return both kinds of the mean average precision (0..1).

    `present_classes` averages over the classes present. `all_classes`, the original's, counts
    absent classes as 0.
    Source: REFERENCE section 5 and "Surprises" 8.
    """
    precisions = average_precisions(scores, labels)
    return {
        "present_classes": float(np.nanmean(precisions)),
        "all_classes": float(np.nan_to_num(precisions).mean()),
    }


def confusion_matrix(scores: Scores, labels: Labels, num_classes: int) -> npt.NDArray[np.int64]:
    """Return counts (C, C): the row is the label, the column the highest score."""
    # Each sample falls into one cell, numbered row by row.
    cells = labels.astype(np.int64) * num_classes + scores.argmax(axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval (0..1) of a share of `count` samples.

    Source: Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212.

    >>> [round(bound, 3) for bound in wilson_interval(0.9, 100)]
    [0.826, 0.945]
    """
    # 97.5 % quantile of the normal distribution.
    z = 1.959964
    shrinkage = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / shrinkage
    half = z / shrinkage * ((share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5)
    return max(0.0, centre - half), min(1.0, centre + half)


def most_confused(
    counts: npt.NDArray[np.int64], labels: Sequence[str], limit: int = 5
) -> list[tuple[str, str, int]]:
    """Return the largest off-diagonal cells of a confusion matrix: (label, taken for, times)."""
    # The diagonal holds the right answers.
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(wrong, axis=None)[::-1][:limit]
    cells = [(int(i // len(labels)), int(i % len(labels))) for i in order]
    return [
        (labels[row], labels[column], int(wrong[row, column]))
        for row, column in cells
        if wrong[row, column]
    ]

"""Saying nothing: what it costs and what it saves, and thresholds for a chosen rate of false alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.calibration.measures import Flags, Floats, Labels

LOST_GESTURES = 0.05  # share of gestures that the spread may cost
_ABOVE = 1e-6  # a threshold lies this far above the score that it has to reject


@dataclass(frozen=True)
class RiskCoverage:
    """For each confidence that occurs, from the highest: share of clips at or above it, share of those that is wrong; each (K,)."""

    coverage: Floats
    risk: Floats
    area: float


@dataclass(frozen=True)
class Thresholds:
    """The least probability (C,) at which each label is taken, nan for the label that means no gesture.

    `kept_rate` is the false-alarm rate that holds on average for other negatives from where these came; it is larger than the one that
    was asked for when the negatives are too few. `shared` (C,) marks labels with a common threshold, for want of negatives of their own.
    """

    values: Floats
    shared: Flags
    kept_rate: float


def risk_coverage(confidence: Floats, correct: Flags) -> RiskCoverage:
    """Confidence (N,) and hits (N,) -> the curve; its area is the mean risk over all coverages (0 is best).

    Source: Geifman and El-Yaniv, Selective Classification for Deep Neural Networks (NIPS 2017), section 2; the area: the same authors,
    Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers (ICLR 2019).
    """
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    last = np.append(
        np.flatnonzero(np.diff(ordered)), len(ordered) - 1
    )  # clips of equal confidence are taken together
    num_taken = last + 1
    risk = np.cumsum(~correct[order])[last] / num_taken
    sizes = np.diff(num_taken, prepend=0)
    return RiskCoverage(num_taken / len(ordered), risk, float((risk * sizes).sum() / len(ordered)))


def false_alarms_at_recall(
    gesture_scores: Floats, negative_scores: Floats, recall: float = 0.95
) -> tuple[float, float]:
    """Share of negatives (M,) at or above the highest threshold that accepts `recall` of the gestures (N,); and that threshold.

    Source: the measure of Liang et al., Enhancing the Reliability of Out-of-distribution Image Detection (ICLR 2018), section 4.3.

    >>> false_alarms_at_recall(np.array([0.9, 0.8, 0.7, 0.1]), np.array([0.75, 0.2]), 0.75)
    (0.5, 0.7)
    """
    num_accepted = int(np.ceil(recall * len(gesture_scores) - 1e-9))
    threshold = float(np.sort(gesture_scores)[::-1][max(num_accepted, 1) - 1])
    return float((negative_scores >= threshold).mean()), threshold


def spread(cosines: npt.NDArray[np.floating]) -> Floats:
    """The open-set score of each clip: the standard deviation of its cosines (..., C) over the labels -> (...), higher for gestures.

    It is large when much of the embedding lies in the directions of the classes, and small when most of it is outside all of them,
    which no probability shows: softmax sees differences between labels only. Source: the share of a feature outside the null space of
    the classifier's weights, Cook, Zare and Gader, Outlier Detection through Null Space Analysis of Neural Networks (2020); the
    spread stands in for it, because it needs the cosines alone.

    >>> spread(np.array([[0.5, -0.5], [0.5, 0.5]])).tolist()
    [0.5, 0.0]
    """
    return np.asarray(np.asarray(cosines, np.float64).std(axis=-1))


def fit_spread_threshold(gestures: Floats, lost: float = LOST_GESTURES) -> float:
    """The spread below which at most `lost` (0..1) of gestures lie, from those of validation gestures (N,); 0 where they are too few.

    Another gesture from the same place lies below it with that probability at most. Source: as `fit_thresholds`.
    """
    number = int(np.floor(lost * (len(gestures) + 1) + 1e-9))
    return float(np.sort(gestures)[number - 1]) if number else 0.0


def raise_spread_threshold(least: float, negatives: Floats, rate: float) -> tuple[float, float]:
    """The spread that lets at most `rate` (0..1) of clips like the negatives, spreads (M,), through by itself, not below `least`.

    And the rate that it keeps. Source: as `fit_thresholds`.
    """
    found, kept = _threshold(negatives, rate, float("inf"))
    return max(least, found), kept


def fit_thresholds(
    negatives: Floats, rate: float, negative_label: int | None = None, passing: Flags | None = None
) -> Thresholds:
    """Thresholds that let at most `rate` (0..1) of clips like `negatives`, probabilities (M, C), through as a gesture.

    `passing` (M,) says which of them nothing else rejects; without it all. A negative counts for the label that it is taken for. Labels
    with 1 / rate - 1 negatives or more get a threshold of their own, the others one together. Within each part the threshold lies above
    so many negatives that another one exceeds it with a probability of `rate` at most, whatever their distribution, if they come from
    the same place. Source: conformal prediction per category, Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005),
    2.2 and 4.5.
    """
    num_labels = negatives.shape[1]
    taken_for, scores = negatives.argmax(axis=1), negatives.max(axis=1)
    needed = int(np.ceil(1.0 / rate - 1e-9)) - 1
    gestures = [label for label in range(num_labels) if label != negative_label]
    own, shared = _parts(np.bincount(taken_for, minlength=num_labels), gestures, needed)
    values, kept = np.full(num_labels, np.nan), 0.0
    # A negative that is taken for the negative label is no false alarm however sure that is; it counts among those of the shared part.
    scores = (
        np.where(taken_for == negative_label, 0.0, scores) if negative_label is not None else scores
    )
    scores = np.where(passing, scores, 0.0) if passing is not None else scores
    for labels in [*([label] for label in own), shared]:
        if labels:
            inside = np.isin(
                taken_for,
                [*labels, negative_label]
                if labels is shared and negative_label is not None
                else labels,
            )
            values[labels], kept_here = _threshold(scores[inside], rate)
            kept = max(kept, kept_here)
    return Thresholds(values, np.isin(np.arange(num_labels), shared), kept)


def leave_one_class_out(
    cosines: Floats, labels: Labels, negative_label: int | None = None
) -> Floats:
    """Stand-ins for negatives: the spread (N',) of every clip's cosines (N, C) for a model that lacks the clip's label.

    The network did learn that label, so what it makes of a movement it never met can differ. Clips of the negative label are left out.
    """
    known = labels != negative_label if negative_label is not None else np.ones(len(labels), bool)
    without = np.array(cosines[known], np.float64)
    without[np.arange(len(without)), labels[known]] = np.nan
    return np.asarray(np.nanstd(without, axis=1))


def accepted(probabilities: Floats, thresholds: Floats) -> Flags:
    """Whether the best label of each clip (N, C) reaches its threshold (C,); a label without one (nan) is no gesture: never."""
    best = probabilities.argmax(axis=1)
    return np.asarray(
        probabilities.max(axis=1) >= np.where(np.isnan(thresholds), np.inf, thresholds)[best]
    )


def _parts(counts: np.ndarray, gestures: list[int], needed: int) -> tuple[list[int], list[int]]:
    """Labels with a threshold of their own, and the rest, which takes in more of them until it has enough negatives itself."""
    by_count = sorted(gestures, key=lambda label: -int(counts[label]))
    own = [label for label in by_count if counts[label] >= needed]
    shared = by_count[len(own) :]
    while own and shared and counts[shared].sum() < needed:
        shared.append(own.pop())
    return own, shared


def _threshold(scores: Floats, rate: float, highest: float = 1.0) -> tuple[float, float]:
    """The threshold for negatives' scores (M,), at most `highest`, and the rate that it keeps: (number that it lets through + 1) / (M + 1).

    A score of 0 is one that something else rejects: it needs no threshold.
    """
    if not len(scores):
        return 0.0, 1.0
    num_through = max(0, int(np.floor(rate * (len(scores) + 1) + 1e-9)) - 1)
    limit = float(np.sort(scores)[::-1][num_through])
    return min(highest, limit + _ABOVE) if limit > 0 else 0.0, (num_through + 1) / (len(scores) + 1)

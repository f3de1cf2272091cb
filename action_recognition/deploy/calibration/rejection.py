"""Rejection of clips: its cost, its gain, and thresholds for a chosen rate of false alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.calibration.measures import Flags, Floats, Labels

LOST_GESTURES = 0.05
"""Share of gestures that the least spread may cost."""

# Distance of a threshold above the score that it has to reject.
_ABOVE = 1e-6
# Added or subtracted before rounding, so that a product like 0.29 * 100 counts as 29.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class RiskCoverage:
    """Coverage and risk, each (K,), for each confidence that occurs, from the highest.

    Coverage is the share of clips at or above it, risk the share of those that are wrong.
    """

    coverage: Floats
    risk: Floats
    area: float


@dataclass(frozen=True)
class Thresholds:
    """The least probability (C,) at which each label is taken, nan for the negative label.

    Attributes:
        shared: (C,) labels with a common threshold, which have too few negatives for their own.
        kept_rate: the false-alarm rate that holds on average for other negatives from the same
            place. It exceeds the rate that was asked for if the negatives are too few.

    """

    values: Floats
    shared: Flags
    kept_rate: float


def risk_coverage(confidence: Floats, correct: Flags) -> RiskCoverage:
    """Return the curve of confidences (N,) and hits (N,).

    Its area is the mean risk over all coverages, 0 is best.
    Source: Geifman and El-Yaniv, Selective Classification for Deep Neural Networks (NIPS 2017),
    section 2. The area: the same authors, Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers (ICLR 2019).
    """
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    # Clips of equal confidence are taken together.
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    num_taken = last + 1

    risk = np.cumsum(~correct[order])[last] / num_taken
    # Each point of the curve weighs as much as the clips that it adds.
    sizes = np.diff(num_taken, prepend=0)
    return RiskCoverage(num_taken / len(ordered), risk, float((risk * sizes).sum() / len(ordered)))


def false_alarms_at_recall(
    gesture_scores: Floats, negative_scores: Floats, recall: float = 0.95
) -> tuple[float, float]:
    """Return the share of negatives (M,) that pass, and the threshold that they pass.

    It is the highest threshold that accepts `recall` of the gestures (N,).
    Source: the measure of Liang et al., Enhancing the Reliability of Out-of-distribution Image
    Detection (ICLR 2018), section 4.3.

    >>> false_alarms_at_recall(np.array([0.9, 0.8, 0.7, 0.1]), np.array([0.75, 0.2]), 0.75)
    (0.5, 0.7)
    """
    # At least one gesture is accepted, whatever the recall.
    num_accepted = int(np.ceil(recall * len(gesture_scores) - _ROUNDING))
    threshold = float(np.sort(gesture_scores)[::-1][max(num_accepted, 1) - 1])
    return float((negative_scores >= threshold).mean()), threshold


def spread(cosines: npt.NDArray[np.floating]) -> Floats:
    """Return the open-set score of each clip, higher for gestures: (..., C) -> (...).

    It is the standard deviation of the clip's cosines over the labels. It is large if much of the
    embedding lies in the directions of the classes. It is small if most of it is outside all of
    them. No probability shows that: softmax sees differences between labels only.
    Source: the share of a feature outside the null space of the classifier's weights, Cook, Zare
    and Gader, Outlier Detection through Null Space Analysis of Neural Networks (2020). The spread
    replaces it here, because it needs the cosines alone.

    >>> spread(np.array([[0.5, -0.5], [0.5, 0.5]])).tolist()
    [0.5, 0.0]
    """
    return np.asarray(np.asarray(cosines, np.float64).std(axis=-1))


def fit_spread_threshold(gestures: Floats, lost: float = LOST_GESTURES) -> float:
    """Return the spread below which at most `lost` (0..1) of the gestures lie, 0 for too few.

    `gestures` (N,) are the spreads of validation gestures. Another gesture from the same place
    lies below it with that probability at most. Source: as `fit_thresholds`.
    """
    # Another gesture is as likely to take any place among the N + 1.
    number = int(np.floor(lost * (len(gestures) + 1) + _ROUNDING))
    return float(np.sort(gestures)[number - 1]) if number else 0.0


def raise_spread_threshold(least: float, negatives: Floats, rate: float) -> tuple[float, float]:
    """Return the spread that alone lets through at most `rate` (0..1), and the rate that it keeps.

    It is not below `least`. The rate holds for clips like the negatives, spreads (M,).
    Source: as `fit_thresholds`.
    """
    found, kept = _threshold(negatives, rate, float("inf"))
    return max(least, found), kept


def fit_thresholds(
    negatives: Floats, rate: float, negative_label: int | None = None, passing: Flags | None = None
) -> Thresholds:
    """Fit thresholds that let at most `rate` (0..1) of clips like the negatives pass as a gesture.

    `negatives` are probabilities (M, C). `passing` (M,) marks those that nothing else rejects, by
    default all. A negative counts for the label that it is taken for. Labels with 1 / rate - 1
    negatives or more get their own threshold, the others a common one. In each part another
    negative from the same place exceeds the threshold with a probability of `rate` at most,
    whatever the distribution.
    Source: conformal prediction per category, Vovk, Gammerman and Shafer, Algorithmic Learning in
    a Random World (2005), 2.2 and 4.5.
    """
    num_labels = negatives.shape[1]
    taken_for, scores = negatives.argmax(axis=1), negatives.max(axis=1)
    counts = np.bincount(taken_for, minlength=num_labels)
    gestures = [label for label in range(num_labels) if label != negative_label]
    own, shared = _parts(counts, gestures, int(np.ceil(1.0 / rate - _ROUNDING)) - 1)

    # A negative taken for the negative label is no false alarm, however sure that is. It counts
    # among those of the shared part, as one that something else rejects.
    shared_negatives = list(shared)
    if negative_label is not None:
        scores = np.where(taken_for == negative_label, 0.0, scores)
        shared_negatives.append(negative_label)
    if passing is not None:
        scores = np.where(passing, scores, 0.0)

    values, kept = np.full(num_labels, np.nan), 0.0
    for labels, counted in [*(([label], [label]) for label in own), (shared, shared_negatives)]:
        if labels:
            values[labels], kept_here = _threshold(scores[np.isin(taken_for, counted)], rate)
            kept = max(kept, kept_here)
    return Thresholds(values, np.isin(np.arange(num_labels), shared), kept)


def leave_one_class_out(
    cosines: Floats, labels: Labels, negative_label: int | None = None
) -> Floats:
    """Return stand-ins for negatives: the spread (N',) of each clip without its own label.

    Cosines are (N, C). That is the spread for a model that lacks the clip's label. The network did
    learn that label, so its scores for a movement that it never met can differ.
    Clips of the negative label are left out.
    """
    known = labels != negative_label if negative_label is not None else np.ones(len(labels), bool)

    # nan marks the label that is left out of the deviation.
    without = np.array(cosines[known], np.float64)
    without[np.arange(len(without)), labels[known]] = np.nan
    return np.asarray(np.nanstd(without, axis=1))


def accepted(probabilities: Floats, thresholds: Floats) -> Flags:
    """Mark the clips (N, C) whose best label reaches its threshold (C,).

    A label with nan as its threshold is no gesture and is never accepted.
    """
    best = probabilities.argmax(axis=1)
    needed = np.where(np.isnan(thresholds), np.inf, thresholds)[best]
    return np.asarray(probabilities.max(axis=1) >= needed)


def _parts(counts: np.ndarray, gestures: list[int], needed: int) -> tuple[list[int], list[int]]:
    """Return the labels with their own threshold, and the rest, which share one.

    The rest takes in more labels until it has enough negatives itself.
    """
    by_count = sorted(gestures, key=lambda label: -int(counts[label]))
    own = [label for label in by_count if counts[label] >= needed]
    shared = by_count[len(own) :]
    # The last of `own` has the fewest negatives.
    while own and shared and counts[shared].sum() < needed:
        shared.append(own.pop())
    return own, shared


def _threshold(scores: Floats, rate: float, highest: float = 1.0) -> tuple[float, float]:
    """Return the threshold for negatives' scores (M,), at most `highest`, and the rate it keeps.

    That rate is (number that it lets through + 1) / (M + 1).
    A score of 0 is one that something else rejects: it needs no threshold.
    """
    if not len(scores):
        return 0.0, 1.0

    # The next negative may take any place among the M + 1, and pass.
    num_through = max(0, int(np.floor(rate * (len(scores) + 1) + _ROUNDING)) - 1)
    limit = float(np.sort(scores)[::-1][num_through])
    kept = (num_through + 1) / (len(scores) + 1)
    return min(highest, limit + _ABOVE) if limit > 0 else 0.0, kept

"""Measures of probabilities: negative log likelihood, Brier score, calibration error, intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer]
Flags = npt.NDArray[np.bool_]

NUM_BINS = 10
NUM_RESAMPLES = 2000
# A probability of 0 would have an infinite loss.
_SMALLEST = float(np.finfo(np.float64).tiny)
# Quantiles of a 95 % interval.
_INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Bins:
    """Clips by confidence, in bins of equal width over 0..1. Each array is (B,).

    An empty bin has nan as its mean confidence and as its share of hits, `accuracy`.
    """

    confidence: Floats
    accuracy: Floats
    count: npt.NDArray[np.int64]


def softmax(logits: npt.NDArray[np.floating]) -> Floats:
    """Turn logits (N, C) into probabilities (N, C). Each row adds up to 1.

    >>> softmax(np.array([[0.0, np.log(3.0)]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    shifted = np.asarray(logits, np.float64)
    # Less the maximum, so that no exponent overflows.
    exponents = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))


def log_losses(probabilities: Floats, labels: Labels) -> Floats:
    """Return the negative log likelihood of each clip's label, in nats: (N, C), (N,) -> (N,).

    Their mean is the NLL.
    Source: Guo et al., On Calibration of Modern Neural Networks (ICML 2017), section 2.
    """
    likelihoods = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.maximum(likelihoods, _SMALLEST)))


def brier_scores(probabilities: Floats, labels: Labels) -> Floats:
    """Return the squared distance of each clip's probabilities to its label's 1 and 0s, 0..2.

    Shapes: (N, C), (N,) -> (N,).
    Source: Brier, Monthly Weather Review 78 (1950), 1-3, in its form for several classes.

    >>> brier_scores(np.array([[0.8, 0.2]]), np.array([0])).round(2).tolist()
    [0.08]
    """
    truth = np.zeros_like(probabilities)
    truth[np.arange(len(labels)), labels] = 1.0
    return np.asarray(((probabilities - truth) ** 2).sum(axis=1))


def confidence_and_hits(probabilities: Floats, labels: Labels) -> tuple[Floats, Flags]:
    """Return the highest probability of each clip and whether its label has it.

    Shapes: (N, C), (N,) -> (N,), (N,).
    """
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == labels


def reliability_bins(confidence: Floats, correct: Flags, num_bins: int = NUM_BINS) -> Bins:
    """Sort confidences (N,) in 0..1 and hits (N,) into bins, open below and closed above.

    The first bin includes 0. Source: Guo et al. (ICML 2017), section 2.
    """
    place = _place(confidence, num_bins)
    count = np.bincount(place, minlength=num_bins)
    # An empty bin divides 0 by 0, which gives its nan.
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, confidence, num_bins) / count
        accuracy = np.bincount(place, correct.astype(float), num_bins) / count
    return Bins(mean, accuracy, count.astype(np.int64))


def expected_calibration_error(
    confidence: Floats, correct: Flags, num_bins: int = NUM_BINS
) -> float:
    """Return the mean distance between the confidence and the accuracy of the clips' bins, 0..1.

    Source: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning
    (AAAI 2015).
    """
    return float(_calibration_errors(confidence, correct[None], num_bins)[0])


def calibration_error_by_chance(
    confidence: Floats, seed: int = 0, num_resamples: int = NUM_RESAMPLES
) -> tuple[float, float]:
    """Return the 95 % interval of the error of a perfectly calibrated model on these confidences.

    Each clip is right as often as its confidence says.
    Source: Broecker and Smith, Increasing the Reliability of Reliability Diagrams (Weather and
    Forecasting 22, 2007): consistency resampling.
    """
    rng = np.random.default_rng(seed)
    # (R, N): hits as they would be drawn from the stated confidences.
    correct = rng.random((num_resamples, len(confidence))) < confidence
    return _quantiles(_calibration_errors(confidence, correct, NUM_BINS))


def bootstrap_interval(
    statistic: Callable[[npt.NDArray[np.intp]], float],
    groups: npt.NDArray[np.integer],
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> tuple[float, float]:
    """Return the 95 % interval of `statistic`, a function of clip numbers, over drawn groups.

    `groups` (N,) is the person in each clip. Clips of one person are alike, so drawing single
    clips would promise too much. One group per clip gives the plain bootstrap.
    Source: Efron, The Annals of Statistics 7 (1979), 1-26; in clusters: Davison and Hinkley,
    Bootstrap Methods (1997), 3.8.
    """
    rng = np.random.default_rng(seed)
    # In the order `by_group`, a group is `size` clips from its `first`.
    by_group = np.argsort(groups, kind="stable")
    _, first, size = np.unique(groups[by_group], return_index=True, return_counts=True)

    values = []
    for _ in range(num_resamples):
        # As many groups as there are, with repetition, and the clips of each.
        drawn = rng.integers(0, len(first), len(first))
        end = np.cumsum(size[drawn])
        places = np.repeat(first[drawn] - end + size[drawn], size[drawn]) + np.arange(end[-1])
        values.append(statistic(by_group[places]))

    return _quantiles(np.array(values))


def _calibration_errors(confidence: Floats, correct: Flags, num_bins: int) -> Floats:
    """Return the errors (R,) of many tables of hits (R, N) at once.

    Within a bin, |sum of confidence - hits| / N is its share times the distance.
    """
    # (N, B): 1 in the bin of the clip.
    indicator = np.eye(num_bins)[_place(confidence, num_bins)]
    return np.asarray(np.abs((correct - confidence) @ indicator).sum(axis=1) / len(confidence))


def _place(confidence: Floats, num_bins: int) -> npt.NDArray[np.intp]:
    """Return the bin of each clip."""
    # A bin is closed above: its index is the ceiling less 1, and 0 falls into the first.
    return np.asarray(np.clip(np.ceil(confidence * num_bins) - 1, 0, num_bins - 1), np.intp)


def _quantiles(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, _INTERVAL)
    return float(low), float(high)

"""One number that makes probabilities honest: the temperature, fitted and cross-validated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.calibration.measures import Floats, Labels, softmax

TEMPERATURE_BOUNDS = (0.05, 20.0)
_STEPS = 32  # of bisection: the temperature is then known to nine digits


@dataclass(frozen=True)
class TemperatureFit:
    """The temperature; 1, as trained, where the clips do not determine it: all right, or none."""

    temperature: float
    determined: bool


def fit_temperature(logits: Floats, labels: Labels) -> TemperatureFit:
    """The T for which softmax(logits / T) gives the labels the highest likelihood: logits (N, C), labels (N,).

    The NLL is convex in 1 / T, so its slope has one zero, found by bisection in log space. T leaves the order of a clip's labels as it
    is, and so the top-1. Source: Guo et al., On Calibration of Modern Neural Networks (ICML 2017), section 4.2.
    """
    low, high = (float(np.log(1.0 / bound)) for bound in reversed(TEMPERATURE_BOUNDS))
    if (
        _slope(logits, labels, float(np.exp(low))) >= 0
        or _slope(logits, labels, float(np.exp(high))) <= 0
    ):
        return TemperatureFit(1.0, False)  # the bound itself would make every clip certain, or none
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _slope(logits, labels, float(np.exp(middle))) < 0:
            low = middle
        else:
            high = middle
    return TemperatureFit(float(np.exp(-(low + high) / 2)), True)


def cross_validated(
    logits: Floats,
    labels: Labels,
    groups: npt.NDArray[np.integer],
    num_folds: int = 5,
    seed: int = 0,
) -> Floats:
    """Probabilities (N, C) of each clip under the temperature of the folds that it is not in; a group is never in two folds.

    With a single group nothing can be held out: a ValueError.
    """
    folds = assign_folds(groups, num_folds, seed)
    probabilities = np.zeros(logits.shape)
    for fold in np.unique(folds):
        held_out = folds == fold
        fitted = fit_temperature(logits[~held_out], labels[~held_out])
        probabilities[held_out] = softmax(logits[held_out] / fitted.temperature)
    return probabilities


def assign_folds(
    groups: npt.NDArray[np.integer], num_folds: int, seed: int = 0
) -> npt.NDArray[np.intp]:
    """The fold (N,) of each clip by its group (N,): large groups first, each into the smallest fold; at most one fold a group."""
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 2:
        raise ValueError("one group cannot be cut into folds")
    order = np.random.default_rng(seed).permutation(len(names))
    filled = np.zeros(min(num_folds, len(names)), int)
    folds = np.zeros(len(groups), np.intp)
    for number in sorted(order.tolist(), key=lambda item: -int(sizes[item])):
        fold = int(filled.argmin())
        folds[groups == names[number]] = fold
        filled[fold] += sizes[number]
    return folds


def temperature_statistic(
    logits: Floats, labels: Labels
) -> Callable[[npt.NDArray[np.intp]], float]:
    """The fitted temperature as a function of clip numbers, for a bootstrap."""
    return lambda rows: fit_temperature(logits[rows], labels[rows]).temperature


def _slope(logits: Floats, labels: Labels, factor: float) -> float:
    """The derivative of the mean NLL by 1 / T: the expected logit less the label's."""
    expected = (softmax(logits * factor) * logits).sum(axis=1)
    return float((expected - logits[np.arange(len(labels)), labels]).mean())

"""Temperature, the one number that makes probabilities honest, fitted and cross-validated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.calibration.measures import Floats, Labels, softmax

TEMPERATURE_BOUNDS = (0.05, 20.0)
# Steps of the bisection, which give the temperature to nine digits.
_STEPS = 32


@dataclass(frozen=True)
class TemperatureFit:
    """A fitted temperature.

    It is 1, as trained, if the clips do not determine it: all are right, or none.
    """

    temperature: float
    determined: bool


def fit_temperature(logits: Floats, labels: Labels) -> TemperatureFit:
    """Find the T for which softmax(logits / T) gives the labels the highest likelihood.

    Logits are (N, C), labels (N,). The NLL is convex in 1 / T, so its slope has one zero, which
    bisection finds in log space. T keeps the order of a clip's labels, and so the top-1.
    Source: Guo et al., On Calibration of Modern Neural Networks (ICML 2017), section 4.2.
    """

    def slope(log_factor: float) -> float:
        """Return the slope of the NLL at 1 / T = exp(`log_factor`)."""
        return _slope(logits, labels, float(np.exp(log_factor)))

    # Logarithms of 1 / T, from the highest temperature to the lowest.
    low, high = (float(np.log(1.0 / bound)) for bound in reversed(TEMPERATURE_BOUNDS))
    if slope(low) >= 0 or slope(high) <= 0:
        # A bound as the temperature would make every clip certain, or none.
        return TemperatureFit(1.0, False)

    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return TemperatureFit(float(np.exp(-(low + high) / 2)), True)


def cross_validated(
    logits: Floats,
    labels: Labels,
    groups: npt.NDArray[np.integer],
    num_folds: int = 5,
    seed: int = 0,
) -> Floats:
    """Return probabilities (N, C), each clip under the temperature of the folds without it.

    A group is never in two folds.
    Raises ValueError: a single group, of which nothing can be held out.
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
    """Return the fold (N,) of each clip by its group (N,): one fold per group.

    Large groups come first, each into the smallest fold.
    There are at most as many folds as groups. Raises ValueError: a single group.
    """
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 2:
        raise ValueError("one group cannot be cut into folds")

    # A random order, which the stable sort keeps among groups of one size.
    order = np.random.default_rng(seed).permutation(len(names))

    filled = np.zeros(min(num_folds, len(names)), int)
    folds = np.zeros(len(groups), np.intp)
    for number in sorted(order.tolist(), key=lambda item: -int(sizes[item])):
        # The fold with the fewest clips so far.
        fold = int(filled.argmin())
        folds[groups == names[number]] = fold
        filled[fold] += sizes[number]
    return folds


def temperature_statistic(
    logits: Floats, labels: Labels
) -> Callable[[npt.NDArray[np.intp]], float]:
    """Return the fitted temperature as a function of clip numbers, for a bootstrap."""
    return lambda rows: fit_temperature(logits[rows], labels[rows]).temperature


def _slope(logits: Floats, labels: Labels, factor: float) -> float:
    """Return the derivative of the mean NLL by 1 / T: the expected logit less the label's."""
    expected = (softmax(logits * factor) * logits).sum(axis=1)
    return float((expected - logits[np.arange(len(labels)), labels]).mean())

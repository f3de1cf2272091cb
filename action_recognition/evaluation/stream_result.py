"""The result of a comparison of events with gestures, and the statistics of its figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class StreamResult:
    """The counts of right and wrong decisions in streams. Results of streams are added with `+`.

    `delays_from_start_s` and `delays_from_end_s` are those of the right decisions. `rest_s` is the
    time in which a false alarm can occur.
    """

    num_gestures: int = 0
    num_right: int = 0
    num_double: int = 0
    num_wrong: int = 0
    num_false: int = 0
    rest_s: float = 0.0
    edits: int = 0
    delays_from_start_s: tuple[float, ...] = field(default=())
    delays_from_end_s: tuple[float, ...] = field(default=())

    def __add__(self, other: StreamResult) -> StreamResult:
        # Counts are added, and tuples of delays are joined.
        names = self.__dataclass_fields__
        return StreamResult(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def num_decided(self) -> int:
        """Return the number of decisions that count."""
        return self.num_right + self.num_double + self.num_wrong + self.num_false

    @property
    def precision(self) -> float:
        """Return the share of decisions that are right, 0..1, or 1 without decisions."""
        return self.num_right / self.num_decided if self.num_decided else 1.0

    @property
    def recall(self) -> float:
        """Return the share of gestures with a right decision, 0..1, or nan without gestures."""
        return self.num_right / self.num_gestures if self.num_gestures else math.nan

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall, or nan without gestures."""
        if not self.num_gestures:
            return math.nan
        return 2 * self.num_right / (self.num_decided + self.num_gestures)

    @property
    def levenshtein_accuracy(self) -> float:
        """Return 1 - edits / gestures, at least 0, or nan without gestures.

        Source: Benitez-Garcia et al., IPN Hand (ICPR 2020), section IV, after Koepueklue et al.,
        FG 2019.
        """
        return max(0.0, 1.0 - self.edits / self.num_gestures) if self.num_gestures else math.nan

    @property
    def false_alarms_per_hour(self) -> float:
        """Return the false alarms per hour of rest, or nan without rest."""
        return self.num_false / self.rest_s * _SECONDS_PER_HOUR if self.rest_s else math.nan

    @property
    def false_alarms_interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the false alarms per hour, or nan without rest."""
        if not self.rest_s:
            return math.nan, math.nan

        # The number of false alarms is a Poisson variable.
        low, high = poisson_interval(self.num_false)
        return low / self.rest_s * _SECONDS_PER_HOUR, high / self.rest_s * _SECONDS_PER_HOUR


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile (`share` in 0..1) with linear interpolation, or nan without values."""
    return float(np.quantile(values, share)) if values else math.nan


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of the mean of a Poisson variable that was `count` once.

    Source: Garwood, Biometrika 28 (1936), 437-442.

    >>> [round(bound, 2) for bound in poisson_interval(0)]
    [0.0, 3.69]
    >>> [round(bound, 2) for bound in poisson_interval(10)]
    [4.8, 18.39]
    """
    # Half of what the interval leaves out is on each side.
    tail = (1 - confidence) / 2
    low = 0.0
    if count:
        low = _mean_where(lambda mean: 1 - _at_most(count - 1, mean) < tail, count + 1.0)

    # Far above any upper bound of a 95 % interval: `count` plus many standard deviations.
    highest = count + 10 * math.sqrt(count + 1) + 20
    return low, _mean_where(lambda mean: _at_most(count, mean) > tail, highest)


def _at_most(count: int, mean: float) -> float:
    """Return the probability that a Poisson variable is at most `count`."""
    if mean == 0:
        return 1.0

    # Each term by its logarithm: factorials overflow.
    return math.fsum(
        math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(count + 1)
    )


def _mean_where(is_below: Callable[[float], bool], highest: float) -> float:
    """Return the mean at which `is_below` becomes False, found by bisection."""
    # A hundred halvings go far below the spacing of floats.
    low, high = 0.0, highest
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2

"""The One-Euro filter: steady while a point rests, and quick while it moves.

Source: Casiez, Roussel, Vogel: 1€ Filter, CHI 2012, https://doi.org/10.1145/2207676.2208639.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_SPEED_CUTOFF_HZ: Final = 1.0


@dataclass(frozen=True)
class OneEuroSettings:
    """How strongly values are smoothed.

    Values at rest pass a low-pass of `rest_cutoff_hz`. Each unit a second of speed adds
    `cutoff_per_speed` to that: more of it means less lag, and less smoothing, while values move.
    """

    rest_cutoff_hz: float
    cutoff_per_speed: float

    def __post_init__(self) -> None:
        if not (self.rest_cutoff_hz > 0 and self.cutoff_per_speed >= 0):
            raise ValueError(f"{self}, expected a cutoff above 0 and a factor of 0 or more")


class OneEuroFilter:
    """Smooths an array of values, each on its own, at whatever times they come."""

    def __init__(self, settings: OneEuroSettings) -> None:
        self._settings = settings
        self._time_s = -math.inf
        self._values: Values | None = None
        self._speeds: Values | None = None

    def filtered(self, values: Values, time_s: float, unit: float = 1.0) -> Values:
        """Take the next values at their time in seconds. Return them smoothed, in their shape.

        Their speeds count in `unit`. The first values pass as they are, and so do those that are
        not later than the last.
        """
        elapsed_s = time_s - self._time_s
        if self._values is None or self._speeds is None or elapsed_s <= 0:
            self._values, self._speeds = values.astype(np.float64), np.zeros(values.shape)
            self._time_s = time_s
            return self._values.copy()

        # Speeds first: they decide how far values are smoothed.
        speeds = (values - self._values) / elapsed_s
        self._speeds = self._speeds + weight(_SPEED_CUTOFF_HZ, elapsed_s) * (speeds - self._speeds)
        moving = self._settings.cutoff_per_speed * np.abs(self._speeds) / unit
        share = weight(self._settings.rest_cutoff_hz + moving, elapsed_s)

        self._values = self._values + share * (values - self._values)
        self._time_s = time_s
        return self._values.copy()


def weight(cutoff_hz: Values | float, elapsed_s: float) -> Values:
    """Return the weight 0..1 of a new value in a low-pass, so long after the last one.

    >>> round(float(weight(1.0, 1.0 / (2.0 * math.pi))), 6)
    0.5
    """
    turns = 2.0 * math.pi * np.asarray(cutoff_hz, np.float64) * elapsed_s
    shares: Values = turns / (turns + 1.0)
    return shares

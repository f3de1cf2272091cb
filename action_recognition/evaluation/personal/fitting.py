"""The threshold of a gesture for one person, from a few examples and a film of other things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

# Of the gap between what the film reaches and the least sure example. As for taught gestures, a
# person shows a gesture less clearly later than in the examples.
_SHARE_OF_GAP: Final = 0.4
# The threshold is above the film by this share of what is left up to certainty, since probabilities
# gather there.
_ABOVE_FILM: Final = 0.05
# The model's own value counts as so many examples.
_WEIGHT_OF_MODEL: Final = 1.0
# Examples that a threshold may cost where the film reaches as high as they do.
_LARGEST_LOSS: Final = 0.5
_ROUNDING_S: Final = 1e-6
Floats = npt.NDArray[np.float64]


class Outcome(Enum):
    """The reason why a threshold is what it is, in words for people."""

    NO_EXAMPLE = "kept: no example"
    NOT_RECOGNISED = "kept: the model takes no example for it"
    FITTED = "fitted"
    HELD_BY_FILM = "as low as the film allows"
    FILM_TOO_ALIKE = "kept: the films look more like it than most examples do"


@dataclass(frozen=True)
class FittedThreshold:
    """A threshold of one label, 0..1, and the reason for it."""

    value: float
    outcome: Outcome


def fit_threshold(
    examples: Sequence[float], film_peak: float, own: float, lowest: float = 0.0
) -> FittedThreshold:
    """Return the threshold of a label whose value in the model is `own`.

    `examples` are the highest probabilities that the examples reach, 0 where the label was never
    the best one. `film_peak` is the highest one in the film of other things. All are 0..1.

    1. The film's peak, and a little more, is the floor. It is `lowest` at least.
    2. The threshold lies at 0.4 of the way from the floor to the least sure example.
    3. It is drawn towards the model's own value, which counts as one example.
    4. It is not below the floor. If the floor costs more than half of the examples that the model
       recognises, the own value is kept.

    Source of 3: the m-estimate with m = 1, Cestnik, Estimating Probabilities: A Crucial Task in
    Machine Learning (ECAI 1990).

    >>> fit_threshold([0.8, 0.9, 1.0], film_peak=0.2, own=0.6, lowest=0.4).value
    0.57
    """
    if not len(examples):
        return FittedThreshold(own, Outcome.NO_EXAMPLE)
    # No threshold helps an example that is taken for something else.
    seen = np.array([peak for peak in examples if peak > 0])
    if not len(seen):
        return FittedThreshold(own, Outcome.NOT_RECOGNISED)

    floor = max(lowest, film_peak + _ABOVE_FILM * (1 - film_peak) if film_peak else 0.0)
    if (seen < floor).mean() > _LARGEST_LOSS:
        return FittedThreshold(own, Outcome.FILM_TOO_ALIKE)
    wanted = floor + _SHARE_OF_GAP * max(0.0, float(seen.min()) - floor)
    weight = len(seen) / (len(seen) + _WEIGHT_OF_MODEL)
    drawn = weight * wanted + (1 - weight) * own
    if drawn > floor:
        return FittedThreshold(_rounded_up(drawn), Outcome.FITTED)
    return FittedThreshold(_rounded_up(floor), Outcome.HELD_BY_FILM)


def held_peaks(times_s: Floats, chances: Floats, holds_s: Floats) -> Floats:
    """Return the highest onset (C,) at which each label would begin in a stream.

    `chances` (R, C) are the probabilities at `times_s` (R,). A label begins where it is the best
    one at or above its onset for `holds_s` (C,). A label that is never the best one for that long
    has 0.
    """
    peaks = np.zeros(chances.shape[1])
    if not len(times_s):
        return peaks
    best = chances.argmax(axis=1)
    for last, label in enumerate(best.tolist()):
        # Back to the first row of the hold, as long as the label stays the best one.
        first, lowest = last, chances[last, label]
        while times_s[last] - times_s[first] < holds_s[label] - _ROUNDING_S:
            if first == 0 or best[first - 1] != label:
                lowest = 0.0
                break
            first -= 1
            lowest = min(lowest, chances[first, label])
        peaks[label] = max(peaks[label], lowest)
    return peaks


def smoothed(times_s: Floats, chances: Floats, smoothing_s: float, gap_s: float) -> Floats:
    """Return the probabilities (R, C) as the live decision smooths them over time."""
    found = chances.astype(np.float64, copy=True)
    if smoothing_s > 0:
        for row in range(1, len(found)):
            passed_s = float(times_s[row] - times_s[row - 1])
            # After a gap, or if time goes back, the stream starts again.
            if 0 <= passed_s <= gap_s:
                weight = -np.expm1(-passed_s / smoothing_s)
                found[row] = found[row - 1] + weight * (found[row] - found[row - 1])
    return found


def _rounded_up(value: float) -> float:
    """Return the value with four digits, and never below it: it must not let the film pass."""
    return min(1.0, float(np.ceil(value * 1e4 - 1e-6) / 1e4))

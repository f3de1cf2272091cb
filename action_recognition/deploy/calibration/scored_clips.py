"""Input of a calibration: scored validation clips and the rules of the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.calibration.measures import Flags, Floats, Labels


@dataclass(frozen=True)
class CalibrationRules:
    """Choices for the fit of a calibration.

    `logit_scale` times a cosine is the logit that training's softmax saw.
    `false_alarm_rate` is 0..1.
    """

    labels: tuple[str, ...]
    logit_scale: float
    negative_label: str | None = None
    false_alarm_rate: float = 0.01
    num_folds: int = 5
    seed: int = 0

    @property
    def negative(self) -> int | None:
        """Return the index of the negative label."""
        return None if self.negative_label is None else self.labels.index(self.negative_label)

    def is_negative(self, labels: Labels) -> Flags:
        """Mark the clips of the negative label: labels (N,) -> (N,)."""
        if self.negative is None:
            return np.zeros(len(labels), bool)
        return np.asarray(labels == self.negative)


@dataclass(frozen=True)
class ScoredVal:
    """Cosines (N, C) of validation clips, their labels (N,), and the people in them (N,).

    `groups` holds any number per person.
    """

    cosines: npt.NDArray[np.floating]
    labels: Labels
    groups: npt.NDArray[np.integer]


def as_array(thresholds: Mapping[str, float], rules: CalibrationRules) -> Floats:
    """Return thresholds (C,) in the order of the labels, 0 for a label without a threshold.

    The negative label is never taken: it has nan.
    """
    values = [
        np.nan if label == rules.negative_label else thresholds.get(label, 0.0)
        for label in rules.labels
    ]
    return np.array(values)

"""One clip's scores as a prediction: probabilities, the best label, and a reason to reject it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.backends.protocol import Scores
from action_recognition.deploy.calibration.rejection import spread
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.scores import probabilities


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The model's answer for one clip.

    `labels`, `probabilities` and `cosine` have one order, the most probable label first.

    Attributes:
        label: `labels[0]`, or None when that was rejected.
        reason: why it was rejected, empty otherwise.
        probabilities: (C,) float64, sum 1, with the temperature of the model's calibration.
        cosine: (C,) float32, the network's scores, about -1..1.

    """

    label: str | None
    reason: str
    labels: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    cosine: Scores

    @property
    def is_rejected(self) -> bool:
        """Return True if the application should take this clip for no gesture."""
        return self.label is None

    @property
    def probability(self) -> float:
        """Return the probability of `labels[0]`, 0..1."""
        return float(self.probabilities[0])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: label, reason, and all labels with their scores.

        >>> values = np.array([0.75, 0.25]), np.array([0.5, 0.25], np.float32)
        >>> Prediction(None, "too alike", ("wave", "stop"), *values).to_dict()["scores"][0]
        {'label': 'wave', 'probability': 0.75, 'cosine': 0.5}
        """
        rows = zip(self.labels, self.probabilities.tolist(), self.cosine.tolist(), strict=True)
        scores = [
            {"label": label, "probability": probability, "cosine": cosine}
            for label, probability, cosine in rows
        ]
        return {
            "label": self.label,
            "probability": self.probability,
            "is_rejected": self.is_rejected,
            "reason": self.reason,
            "scores": scores,
        }

    def probability_of(self, label: str) -> float:
        """Return the probability of any label, 0..1. Raises KeyError: the model lacks the label."""
        if label not in self.labels:
            raise KeyError(label)
        return float(self.probabilities[self.labels.index(label)])


def to_prediction(scores: Scores, metadata: DeployMetadata) -> Prediction:
    """Turn cosines (C,), in the order of `metadata.labels`, into a prediction.

    The negative label, the thresholds and the spread decide whether the best label is rejected.

    >>> from dataclasses import replace
    >>> from action_recognition.deploy.metadata import example
    >>> sure = to_prediction(np.array([0.9, 0.1], np.float32), example())
    >>> sure.label, round(sure.probability, 3), sure.labels
    ('Thumb up', 0.982, ('Thumb up', 'No gesture'))
    >>> strict = replace(example(), thresholds={"Thumb up": 0.99})
    >>> to_prediction(np.array([0.9, 0.1], np.float32), strict).reason
    "'Thumb up' has probability 0.982, below its threshold 0.99"
    >>> to_prediction(np.array([0.1, 0.9], np.float32), example()).reason
    "'No gesture' is the class that means no gesture"
    >>> spread_out = replace(example(), spread_threshold=0.2)
    >>> to_prediction(np.array([0.9, 0.7], np.float32), spread_out).is_rejected
    True
    """
    shares = probabilities(scores, metadata)
    # Stable, so that labels of one probability keep their order.
    order = np.argsort(-shares, kind="stable")
    labels = tuple(metadata.labels[i] for i in order)

    reason = _reason_of_label(labels[0], float(shares[order[0]]), metadata)
    reason = reason or _reason_of_spread(scores, metadata)
    return Prediction(None if reason else labels[0], reason, labels, shares[order], scores[order])


def _reason_of_label(label: str, probability: float, metadata: DeployMetadata) -> str:
    if label == metadata.negative_label:
        return f"{label!r} is the class that means no gesture"
    threshold = metadata.thresholds.get(label, 0.0)
    if probability < threshold:
        return f"{label!r} has probability {probability:.3f}, below its threshold {threshold:.3g}"
    return ""


def _reason_of_spread(scores: Scores, metadata: DeployMetadata) -> str:
    found, least = float(spread(scores)), metadata.spread_threshold
    if found < least:
        return (
            "the scores are too much alike for a gesture of the model: "
            f"their spread is {found:.3f}, below {least:.3g}"
        )
    return ""

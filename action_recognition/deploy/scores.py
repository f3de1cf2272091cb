"""Scores of a network at one moment of a stream, and their meaning as probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.backends.protocol import Scores
from action_recognition.deploy.metadata import DeployMetadata


@dataclass(frozen=True, slots=True)
class WindowScores:
    """The cosine of each label, (C,), for the window or step that ends at `time_s`.

    A step is one of a stateful network.
    """

    time_s: float
    scores: Scores
    inference_ms: float

    def top(self, count: int) -> list[int]:
        """Return the indices of the labels with the highest scores, best first."""
        return [int(index) for index in np.argsort(-self.scores, kind="stable")[:count]]


def probabilities(scores: Scores, metadata: DeployMetadata) -> npt.NDArray[np.float64]:
    """Return the softmax of the scores (C,) as training saw them.

    Cosines are multiplied by their scale first: without it they are flat.

    >>> from action_recognition.deploy.metadata import example
    >>> probabilities(np.array([0.5, 0.5], np.float32), example()).tolist()
    [0.5, 0.5]
    """
    scale = metadata.score_scale if metadata.output_kind == "cosine" else 1.0
    logits = scores.astype(np.float64) * scale / metadata.temperature
    # Less the maximum, so that no exponent overflows.
    exponents = np.exp(logits - logits.max())
    return np.asarray(exponents / exponents.sum())

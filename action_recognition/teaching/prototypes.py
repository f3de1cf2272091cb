"""Gestures from a few examples: each has a direction, and the probability that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]
"""(N, E) float32, each row of unit length."""

# The probability that a gesture needs, where nothing is known against it.
_LOWEST_THRESHOLD: Final = 0.1
_HIGHEST_THRESHOLD: Final = 0.95
# Of the gap between what is no gesture and the least sure example: a person shows it less clearly
# than the examples, so the threshold is nearer to what is no gesture.
_SHARE_OF_GAP: Final = 0.4


@dataclass(frozen=True)
class ThresholdFit:
    """The threshold of a taught gesture, and what it does to what it was chosen from.

    `kept` of `num_examples` examples pass, each scored without itself where there are others.
    `let_in` of `num_negatives` negatives pass by mistake.
    """

    threshold: float
    kept: int
    num_examples: int
    let_in: int
    num_negatives: int

    def __str__(self) -> str:
        """Say it in one line, for people."""
        examples = f"{self.kept} of {self.num_examples} examples pass"
        against = f"{self.let_in} of {self.num_negatives} others are let in"
        return f"needs probability {self.threshold:.2f}: {examples}, {against}"


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors (..., E) of unit length. A vector of zeros stays."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)


def prototype(examples: Embeddings) -> NDArray[np.float32]:
    """Return the direction (E,) of a gesture: the mean of its examples (N, E), of unit length.

    Source: Snell, Swersky and Zemel, Prototypical Networks for Few-shot Learning, 2017.
    """
    return unit(examples.mean(axis=0))


def fit_threshold(
    place: int,
    directions: NDArray[np.float32],
    examples: Embeddings,
    negatives: Embeddings,
    scale: float,
) -> ThresholdFit:
    """Choose the threshold of the gesture whose direction is column `place` of (E, C).

    `scale` turns cosines into logits. Each example is scored by the prototype of the others. Of a
    single example there are none, so it is scored by itself, and the threshold is lower.
    """
    own = _left_out_probabilities(place, directions, examples, scale)
    others = _probabilities(negatives @ directions, scale)
    # A negative only counts where it would be taken for this gesture.
    is_taken = others.argmax(axis=1) == place if len(others) else np.zeros(0, bool)
    against = others[is_taken, place] if len(others) else np.zeros(0)

    low, high = float(against.max(initial=0.0)), float(own.min())
    if len(examples) == 1:
        high *= 0.5
    threshold = low + _SHARE_OF_GAP * (high - low) if low < high else _least_wrong(own, against)
    threshold = float(np.clip(threshold, _LOWEST_THRESHOLD, _HIGHEST_THRESHOLD))
    kept, let_in = int((own >= threshold).sum()), int((against >= threshold).sum())
    return ThresholdFit(round(threshold, 4), kept, len(examples), let_in, len(negatives))


def _left_out_probabilities(
    place: int, directions: NDArray[np.float32], examples: Embeddings, scale: float
) -> NDArray[np.float64]:
    """Return the probability of the gesture for each example, scored without itself."""
    found = []
    for number, example in enumerate(examples):
        others = np.delete(examples, number, axis=0)
        columns = directions.copy()
        columns[:, place] = prototype(others if len(others) else examples)
        found.append(_probabilities(example[None] @ columns, scale)[0, place])
    return np.array(found)


def _least_wrong(own: NDArray[np.float64], against: NDArray[np.float64]) -> float:
    """Return the threshold with the fewest examples refused and negatives let in together."""
    candidates = np.unique(np.concatenate([own, against + 1e-4]))
    wrong = [(own < value).sum() + (against >= value).sum() for value in candidates]
    return float(candidates[int(np.argmin(wrong))])


def _probabilities(cosines: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    """Return the softmax of cosines (N, C), as a prediction has it."""
    logits = cosines.astype(np.float64) * scale
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))

"""Scores of a network that is not in a file yet, and the layers by what quantising them changes in the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from action_recognition.compression.quantised_layers import Layer, give_back, quantised_layers
from action_recognition.deploy.backends.protocol import Pixels, Scores, network_input
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.openvino_core import openvino_core

if TYPE_CHECKING:
    import openvino


def score_model(model: openvino.Model, clips: Iterable[Pixels], metadata: DeployMetadata) -> Scores:
    """Clips (3, T, H, W) uint8 RGB -> (N, C) float32 on the CPU; what is not quantised is computed in f32."""
    request = (
        openvino_core()
        .compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        .create_infer_request()
    )
    rows = [
        np.array(request.infer({0: network_input(clip[None], metadata)})[0], np.float32)[0]
        for clip in clips
    ]
    return np.stack(rows) if rows else np.zeros((0, len(metadata.labels)), np.float32)


def rank_layers(
    quantised: openvino.Model,
    original: openvino.Model,
    clips: list[Pixels],
    score: Callable[[openvino.Model, Iterable[Pixels]], Scores],
    advance: Callable[[], None] = lambda: None,
) -> list[tuple[Layer, float]]:
    """Every quantised layer with the mean square error of the scores that giving it back alone takes away; the largest first.

    No label is looked at, so the order is the same for every fold of the gate. `score` gives (N, C) of N clips; `advance` is called once
    a layer.
    """
    expected = score(original, clips)
    error = _mean_square(score(quantised, clips), expected)
    gains = []
    for layer in quantised_layers(quantised):
        changed = give_back(quantised, original, [layer.name])
        gains.append((layer, error - _mean_square(score(changed, clips), expected)))
        advance()
    return sorted(gains, key=lambda item: -item[1])


def _mean_square(scores: Scores, expected: Scores) -> float:
    return float(np.square(scores - expected, dtype=np.float64).mean())

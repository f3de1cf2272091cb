"""Score networks that are not in a file yet, and rank layers by their effect on the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from action_recognition.compression.quantised_layers import Layer, give_back, quantised_layers
from action_recognition.deploy.backends.protocol import Pixels, Scores, network_input, stack_scores
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.openvino_core import openvino_core

if TYPE_CHECKING:
    import openvino


def float32_request(model: openvino.Model) -> Any:
    """Compile a network for the CPU, on which unquantised operations compute in f32.

    Returns an infer request.
    """
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino_core().compile_model(model, "CPU", hints).create_infer_request()


def score_model(model: openvino.Model, clips: Iterable[Pixels], metadata: DeployMetadata) -> Scores:
    """Return the scores (N, C) float32 of clips (3, T, H, W) uint8 RGB on the CPU.

    Operations that are not quantised are computed in f32.
    """
    request = float32_request(model)
    rows = [
        np.array(request.infer({0: network_input(clip[None], metadata)})[0], np.float32)[0]
        for clip in clips
    ]
    return stack_scores(rows, metadata)


def rank_layers(
    quantised: openvino.Model,
    original: openvino.Model,
    clips: list[Pixels],
    score: Callable[[openvino.Model, Iterable[Pixels]], Scores],
    advance: Callable[[], None] = lambda: None,
) -> list[tuple[Layer, float]]:
    """Return every quantised layer with its gain, the largest first.

    The gain is the mean square error of the scores that giving this layer back alone takes away. No
    label is read, so the order is the same for every fold of the gate. `score` returns (N, C) for N
    clips. `advance` is called once a layer.
    """
    # The answers of the floating network are the reference.
    expected = score(original, clips)
    error = _mean_square(score(quantised, clips), expected)

    gains = []
    for layer in quantised_layers(quantised):
        # One layer alone.
        changed = give_back(quantised, original, [layer.name])
        gains.append((layer, error - _mean_square(score(changed, clips), expected)))
        advance()
    return sorted(gains, key=lambda item: -item[1])


def _mean_square(scores: Scores, expected: Scores) -> float:
    return float(np.square(scores - expected, dtype=np.float64).mean())

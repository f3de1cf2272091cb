"""Score networks that are not in a file yet, and rank layers by their effect on the scores.

INT8 scores depend on the processor. With AVX2 and without VNNI two neighbouring products are added
in 16 bits, and a pair above 32,767 is clipped. `int8_sums` tells which kind this one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from action_recognition.compression.quantised_layers import Layer, give_back, quantised_layers
from action_recognition.deploy.backends.protocol import Clips, Scores, network_input, stack_scores
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.openvino_core import openvino_core

if TYPE_CHECKING:
    import openvino

EXACT = "exact"
CLIPPED = "clipped at 16 bits"
_CHANNELS = 64
_ACTIVATION, _WEIGHT = 255, 127  # two such products make 64,770


def float32_request(model: openvino.Model) -> Any:
    """Compile a network for the CPU, on which unquantised operations compute in f32.

    Returns an infer request.
    """
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino_core().compile_model(model, "CPU", hints).create_infer_request()


def score_model(model: openvino.Model, clips: Iterable[Clips], metadata: DeployMetadata) -> Scores:
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
    clips: list[Clips],
    score: Callable[[openvino.Model, Iterable[Clips]], Scores],
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


@cache
def int8_sums() -> str:
    """Return EXACT or CLIPPED: OpenVINO's sum of a convolution of the largest values on the CPU."""
    frame = np.full((1, _CHANNELS, 8, 8), _ACTIVATION, np.float32)
    found = float(float32_request(_convolution()).infer({0: frame})[0].flat[0])
    expected = float(_ACTIVATION * _WEIGHT * _CHANNELS * 9)

    # Clipping takes away half of such a sum. Rounding takes away less than a millionth.
    return EXACT if found > 0.99 * expected else CLIPPED


def int8_note() -> str:
    """Return a sentence on the processors on which the accuracy of INT8 can differ."""
    if int8_sums() == EXACT:
        other = "without VNNI, which clips some sums"
        return f"INT8 was measured with exact sums. Measure again on a CPU {other}: eval.py"
    return "this CPU has no VNNI and clips some sums of INT8. Measure again on others: eval.py"


def _convolution() -> openvino.Model:
    """Return a 3x3 convolution in the form that NNCF writes."""
    # Slow to import, and scoring alone needs none of it.
    from openvino import Model
    from openvino import opset13 as operations

    clip = operations.parameter([1, _CHANNELS, 8, 8], np.float32)
    low, high = (operations.constant(np.float32(value)) for value in (0, 255))
    activations = operations.fake_quantize(clip, low, high, low, high, 256)

    stored = operations.constant(np.full((16, _CHANNELS, 3, 3), _WEIGHT, np.int8))
    scale = operations.constant(np.ones((16, 1, 1, 1), np.float32))
    weights = operations.multiply(operations.convert(stored, "f32"), scale)
    sums = operations.convolution(activations, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    return Model([sums], [clip])

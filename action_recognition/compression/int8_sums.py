"""Tell whether this processor computes INT8 exactly.

With AVX2 and without VNNI two neighbouring products are added in 16 bits. A pair above 32,767 is
clipped. So the accuracy of one INT8 network differs between processors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from action_recognition.openvino_core import openvino_core

EXACT = "exact"
CLIPPED = "clipped at 16 bits"
_CHANNELS = 64
_ACTIVATION, _WEIGHT = 255, 127  # two such products make 64,770


def int8_sums() -> str:
    """Return EXACT or CLIPPED, by a convolution of the largest values on the CPU."""
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino_core().compile_model(_convolution(), "CPU", hints)

    frame = np.full((1, _CHANNELS, 8, 8), _ACTIVATION, np.float32)
    found = float(compiled(frame)[0].flat[0])
    expected = float(_ACTIVATION * _WEIGHT * _CHANNELS * 9)

    # Clipping takes away half of such a sum. Rounding takes away less than a millionth.
    return EXACT if found > 0.99 * expected else CLIPPED


def int8_note() -> str:
    """Return a sentence on the processors on which the accuracy of INT8 can differ."""
    if int8_sums() == EXACT:
        other = "without VNNI, which clips some sums"
        return f"INT8 was measured with exact sums. Measure again on a CPU {other}: eval.py"
    return "this CPU has no VNNI and clips some sums of INT8. Measure again on others: eval.py"


def _convolution() -> Any:
    """Return a 3x3 convolution in the form that NNCF writes."""
    # The core has imported it by then.
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

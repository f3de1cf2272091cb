"""Post-training quantisation by NNCF: weights per channel, activations by what calibration clips show, biases corrected.

Left in floating point by rule, since they cost nothing and an 8-bit cosine would be coarse: the length of the embedding, the division by
it, and the product with the class directions (3 of some 100 operations, below 0.1 % of the multiplications).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from action_recognition.deploy.backends import OUTPUT_NAME
from action_recognition.deploy.backends.protocol import Pixels, network_input
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.openvino_core import in_own_thread

if TYPE_CHECKING:
    import openvino

_HEAD_TYPES: Final = ("Divide", "ReduceL2")
_HEAD_NODES: Final = ("Clamp",)  # between the two: the smallest length to divide by


def quantise(
    model: openvino.Model,
    clips: Sequence[Pixels],
    metadata: DeployMetadata,
    in_float: Sequence[str] = (),
) -> openvino.Model:
    """A quantised copy of an exported network; `clips` are (3, T, H, W) uint8 RGB, the more alike to those of use the better.

    Weights are symmetric, one scale a channel; activations symmetric, unsigned where they are never below zero. Zero points on
    activations (NNCF's preset `mixed`) would use the range of h-swish better and were 1.2 times slower in OpenVINO 2026.4 on a CPU with
    VNNI. Biases are corrected layer after layer on what the quantised layers before give: NNCF's slow way, half as long again;
    docs/deploy.md has what it gave. The operations named `in_float` are left out, and the others' biases are those of a network in
    which they are.
    """
    return in_own_thread(lambda: _quantise(model, clips, metadata, in_float))


def _quantise(
    model: openvino.Model,
    clips: Sequence[Pixels],
    metadata: DeployMetadata,
    in_float: Sequence[str],
) -> Any:
    import nncf

    dataset = nncf.Dataset(clips, lambda clip: network_input(clip[None], metadata))
    return nncf.quantize(
        model,
        dataset,
        preset=nncf.QuantizationPreset.PERFORMANCE,
        target_device=nncf.TargetDevice.CPU,
        subset_size=len(clips),
        fast_bias_correction=False,
        ignored_scope=nncf.IgnoredScope(
            names=[*_cosine_nodes(model), *in_float], types=list(_HEAD_TYPES), validate=False
        ),
    )


def _cosine_nodes(model: openvino.Model) -> list[str]:
    """The product with the class directions, and what lies between the length and the division."""
    result = model.output(OUTPUT_NAME).get_node().input_value(0).get_node()
    names = [result.get_friendly_name()]
    for node in model.get_ordered_ops():
        if (
            node.get_type_name() in _HEAD_NODES
            and node.input_value(0).get_node().get_type_name() in _HEAD_TYPES
        ):
            names.append(node.get_friendly_name())
    return names

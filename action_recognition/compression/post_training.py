"""Post-training quantisation by NNCF.

Weights have a scale for each channel, the range of activations comes from calibration clips, and
biases are corrected. Three of some 100 operations always stay in floating point: the length of the
embedding, the division by it, and the product with the class directions. They cost nothing (below
0.1 % of the multiplications), and an 8-bit cosine would be coarse.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from action_recognition.deploy.backends import OUTPUT_NAME
from action_recognition.deploy.backends.protocol import Clips, network_input
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.openvino_core import in_own_thread

if TYPE_CHECKING:
    import openvino

_HEAD_TYPES: Final = ("Divide", "ReduceL2")
# Between the two: the smallest length to divide by.
_HEAD_NODES: Final = ("Clamp",)


def quantise(
    model: openvino.Model,
    clips: Sequence[Clips],
    metadata: DeployMetadata,
    in_float: Sequence[str] = (),
) -> openvino.Model:
    """Return a quantised copy of an exported network.

    `clips` are (3, T, H, W) uint8 RGB, best as similar as possible to those of later use. The
    operations named `in_float` stay in floating point. The biases of the others are those of a
    network in which they do.

    Weights are symmetric, with one scale a channel. Activations are symmetric, and unsigned where
    they are never below zero. Zero points on activations (NNCF's preset `mixed`) would use the
    range of h-swish better. They were 1.2 times slower in OpenVINO 2026.4 on a CPU with VNNI.

    Biases are corrected layer after layer on the output of the quantised layers before. This is
    NNCF's slow way and takes half as long again. docs/results/deploy.md has the gain.
    """
    return in_own_thread(lambda: _quantise(model, clips, metadata, in_float))


def _quantise(
    model: openvino.Model,
    clips: Sequence[Clips],
    metadata: DeployMetadata,
    in_float: Sequence[str],
) -> Any:
    import nncf

    # `validate`: a network need not have every operation of the list.
    names = [*_cosine_nodes(model), *in_float]
    left_out = nncf.IgnoredScope(names=names, types=list(_HEAD_TYPES), validate=False)
    dataset = nncf.Dataset(clips, lambda clip: network_input(clip[None], metadata))
    with quiet_nncf():
        return nncf.quantize(
            model,
            dataset,
            preset=nncf.QuantizationPreset.PERFORMANCE,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(clips),
            fast_bias_correction=False,
            ignored_scope=left_out,
        )


@contextlib.contextmanager
def quiet_nncf() -> Iterator[None]:
    """Hide NNCF's log and progress bars: the gate says where it is. Errors are still logged."""
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # The bars go to stdout, whatever the level.
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _cosine_nodes(model: openvino.Model) -> list[str]:
    """Return the product with the class directions, and the nodes between length and division."""
    # The operation before the output is the product.
    result = model.output(OUTPUT_NAME).get_node().input_value(0).get_node()
    names = [result.get_friendly_name()]
    names += [node.get_friendly_name() for node in model.get_ordered_ops() if _is_in_head(node)]
    return names


def _is_in_head(node: Any) -> bool:
    if node.get_type_name() not in _HEAD_NODES:
        return False
    return node.input_value(0).get_node().get_type_name() in _HEAD_TYPES

"""Find the quantised operations of a network, and give single ones back to floating point.

Both networks have the same operations under the same names, since the quantised one was made from
the other. A quantised operation reads its activations through a FakeQuantize. It reads its weights,
stored as int8, through a conversion.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import openvino

_QUANTISER: Final = "FakeQuantize"
# Operations between an int8 constant and its use as a float weight.
_WEIGHT_CHAIN: Final = ("Multiply", "Subtract", "Convert", "Reshape")
_WITH_WEIGHTS: Final = ("Convolution", "GroupConvolution", "MatMul")
_MAX_CHAIN: Final = 5


@dataclass(frozen=True)
class Layer:
    """An operation with its name and type in OpenVINO.

    The shape of its weights is (out, in, ...), or empty if it has none.
    """

    name: str
    kind: str
    weight_shape: tuple[int, ...] = ()

    @property
    def num_weights(self) -> int:
        """Return the number of weights."""
        return math.prod(self.weight_shape) if self.weight_shape else 0


def quantised_layers(model: openvino.Model) -> list[Layer]:
    """Return every operation that computes on quantised values, in the order of computation."""
    found = []
    for node in model.get_ordered_ops():
        # Quantisers and conversions of weights carry quantised values, but compute nothing.
        if node.get_type_name() == _QUANTISER or _is_stored_as_int8(node):
            continue
        if any(_is_quantised(item) for item in node.inputs()):
            found.append(_layer(node))
    return found


def floating_layers(model: openvino.Model) -> list[Layer]:
    """Return the operations with weights that compute in floating point."""
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() in _WITH_WEIGHTS]
    quantised = {layer.name for layer in quantised_layers(model)}
    return [_layer(node) for node in nodes if node.get_friendly_name() not in quantised]


def _layer(node: Any) -> Layer:
    return Layer(node.get_friendly_name(), node.get_type_name(), _weight_shape(node))


def give_back(
    quantised: openvino.Model, original: openvino.Model, names: Collection[str]
) -> openvino.Model:
    """Return a copy of `quantised` in which the named operations compute as in `original`.

    Activations, weights and bias are restored.
    Raises ValueError: one of the networks does not have a name.
    """
    # The given network stays as it is.
    model = quantised.clone()
    sources = {node.get_friendly_name(): node for node in original.get_ops()}
    nodes = {node.get_friendly_name(): node for node in model.get_ops()}
    unknown = sorted(set(names) - (sources.keys() & nodes.keys()))
    if unknown:
        raise ValueError(f"no such operation in both networks: {unknown}")

    for name in names:
        _restore(nodes[name], sources[name])
        # The bias follows as an addition of its own.
        for target in nodes[name].output(0).get_target_inputs():
            bias = target.get_node()
            if bias.get_type_name() == "Add" and bias.get_friendly_name() in sources:
                _restore_constants(bias, sources[bias.get_friendly_name()])

    model.validate_nodes_and_infer_types()
    return model


def _restore(node: Any, source: Any) -> None:
    """Connect the inputs of an operation past their quantisers, and put back its weights."""
    for item, original in zip(node.inputs(), source.inputs(), strict=True):
        producer = item.get_source_output().get_node()
        if producer.get_type_name() == _QUANTISER:
            item.replace_source_output(producer.input_value(0))
        elif _is_stored_as_int8(producer):
            item.replace_source_output(_constant_like(original).output(0))


def _restore_constants(node: Any, source: Any) -> None:
    """Undo the correction of a bias."""
    for item, original in zip(node.inputs(), source.inputs(), strict=True):
        producers = [port.get_source_output().get_node() for port in (item, original)]
        if all(producer.get_type_name() == "Constant" for producer in producers):
            item.replace_source_output(_constant_like(original).output(0))


def _constant_like(original: Any) -> Any:
    """Return a float32 constant with the values and the name of an input's constant."""
    from openvino import opset13

    constant = original.get_source_output().get_node()
    values = np.array(constant.get_data(), np.float32)
    return opset13.constant(values, name=constant.get_friendly_name())


def _is_quantised(item: Any) -> bool:
    producer = item.get_source_output().get_node()
    return producer.get_type_name() == _QUANTISER or _is_stored_as_int8(producer)


def _is_stored_as_int8(node: Any) -> bool:
    """Return True if this is the end of a chain from an int8 constant to floating point."""
    # Walk up the chain.
    for _ in range(_MAX_CHAIN):
        if node.get_type_name() == "Constant":
            return str(node.get_element_type().get_type_name()) in ("i8", "u8")
        if node.get_type_name() not in _WEIGHT_CHAIN:
            return False
        node = node.input_value(0).get_node()
    return False


def _weight_shape(node: Any) -> tuple[int, ...]:
    if node.get_type_name() not in _WITH_WEIGHTS:
        return ()
    return tuple(int(size) for size in node.input_value(1).get_shape())

"""The quantised operations of a network, and giving single ones back to floating point.

Both networks have the same operations under the same names, since the quantised one was made from the other: a quantised operation reads
its activations through a FakeQuantize and its weights, stored as int8, through a conversion.
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
_WEIGHT_CHAIN: Final = ("Multiply", "Subtract", "Convert", "Reshape")
_WITH_WEIGHTS: Final = ("Convolution", "GroupConvolution", "MatMul")
_MAX_CHAIN: Final = 5


@dataclass(frozen=True)
class Layer:
    """An operation: its name and type in OpenVINO, the shape of its weights (out, in, ...; empty where it has none)."""

    name: str
    kind: str
    weight_shape: tuple[int, ...] = ()

    @property
    def num_weights(self) -> int:
        return math.prod(self.weight_shape) if self.weight_shape else 0


def quantised_layers(model: openvino.Model) -> list[Layer]:
    """Every operation that computes on quantised values, in the order of computation."""
    found = []
    for node in model.get_ordered_ops():
        if node.get_type_name() == _QUANTISER or _is_stored_as_int8(node):
            continue
        if any(_is_quantised(item) for item in node.inputs()):
            found.append(Layer(node.get_friendly_name(), node.get_type_name(), _weight_shape(node)))
    return found


def floating_layers(model: openvino.Model) -> list[Layer]:
    """The operations with weights that compute in floating point."""
    kinds = ("Convolution", "GroupConvolution", "MatMul")
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() in kinds]
    quantised = {layer.name for layer in quantised_layers(model)}
    return [
        Layer(node.get_friendly_name(), node.get_type_name(), _weight_shape(node))
        for node in nodes
        if node.get_friendly_name() not in quantised
    ]


def give_back(
    quantised: openvino.Model, original: openvino.Model, names: Collection[str]
) -> openvino.Model:
    """A copy of `quantised` in which the operations of these names compute as in `original`: activations, weights and bias.

    ValueError: a name that one of the networks does not have.
    """
    model = quantised.clone()
    sources = {node.get_friendly_name(): node for node in original.get_ops()}
    nodes = {node.get_friendly_name(): node for node in model.get_ops()}
    unknown = sorted(set(names) - (sources.keys() & nodes.keys()))
    if unknown:
        raise ValueError(f"no such operation in both networks: {unknown}")
    for name in names:
        _restore(nodes[name], sources[name])
        for target in nodes[name].output(0).get_target_inputs():
            bias = target.get_node()
            if bias.get_type_name() == "Add" and bias.get_friendly_name() in sources:
                _restore_constants(bias, sources[bias.get_friendly_name()])
    model.validate_nodes_and_infer_types()
    return model


def _restore(node: Any, source: Any) -> None:
    for item, original in zip(node.inputs(), source.inputs(), strict=True):
        producer = item.get_source_output().get_node()
        if producer.get_type_name() == _QUANTISER:
            item.replace_source_output(producer.input_value(0))
        elif _is_stored_as_int8(producer):
            item.replace_source_output(_constant_like(original).output(0))


def _restore_constants(node: Any, source: Any) -> None:
    """Undo the correction of a bias."""
    for item, original in zip(node.inputs(), source.inputs(), strict=True):
        if (
            item.get_source_output().get_node().get_type_name()
            == original.get_source_output().get_node().get_type_name()
            == "Constant"
        ):
            item.replace_source_output(_constant_like(original).output(0))


def _constant_like(original: Any) -> Any:
    from openvino import opset13

    constant = original.get_source_output().get_node()
    return opset13.constant(
        np.array(constant.get_data(), np.float32), name=constant.get_friendly_name()
    )


def _is_quantised(item: Any) -> bool:
    producer = item.get_source_output().get_node()
    return producer.get_type_name() == _QUANTISER or _is_stored_as_int8(producer)


def _is_stored_as_int8(node: Any) -> bool:
    """Whether this is the end of a chain that turns an int8 constant into floating point."""
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

"""The directions of the classes inside exported files: found, and replaced by others.

An exported network ends in the product of an embedding (1, E) of unit length and a constant (E, C).
Its column c is the direction of class c, and the product is the cosine of each class.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from action_recognition.errors import UserError, user_error

if TYPE_CHECKING:
    import openvino as ov

Directions = NDArray[np.float32]
"""(E, C) float32, each column of unit length."""


def ir_directions(model: ov.Model, where: str) -> Directions:
    """Return the directions (E, C) of an IR. Raises UserError: it does not end in their product."""
    product = _product(model, where)
    values = product.input_value(1).get_node()
    # FP16 weights are a constant and its conversion.
    constant = values if values.get_type_name() == "Constant" else values.input_value(0).get_node()
    found = np.array(constant.get_data(), np.float32)
    return found.T if product.get_attributes()["transpose_b"] else found


def replace_ir_directions(model: ov.Model, directions: Directions, where: str) -> None:
    """Give an IR other directions, of any number."""
    from openvino import opset13

    product = _product(model, where)
    is_transposed = product.get_attributes()["transpose_b"]
    values = np.ascontiguousarray(directions.T if is_transposed else directions, np.float32)

    constant = opset13.constant(values)
    # A name of its own, so that the same gestures give the same bytes.
    constant.set_friendly_name("class_directions_taught")
    product.input(1).replace_source_output(constant.output(0))
    model.validate_nodes_and_infer_types()


def embedding_network(model: ov.Model, where: str) -> ov.Model:
    """Return a network with the same input that gives the embedding (1, E) of unit length."""
    import openvino

    clone = model.clone()
    embedding = _product(clone, where).input_value(0)
    return openvino.Model([embedding], clone.get_parameters(), "embedding")


def replace_onnx_directions(model: Any, directions: Directions, where: str) -> None:
    """Give an ONNX graph, an `onnx.ModelProto`, other directions, of any number."""
    import onnx

    graph = model.graph
    output = graph.output[0]
    product = next((node for node in graph.node if output.name in node.output), None)
    stored = {item.name: item for item in graph.initializer}
    if product is None or product.op_type != "MatMul" or product.input[1] not in stored:
        raise _no_product(where)

    values = np.ascontiguousarray(directions, np.float32)
    stored[product.input[1]].CopyFrom(onnx.numpy_helper.from_array(values, product.input[1]))
    output.type.tensor_type.shape.dim[1].dim_value = directions.shape[1]


def _product(model: ov.Model, where: str) -> Any:
    """Return the last operation, the product of the embedding and the directions."""
    results = model.get_results()
    product = results[0].input_value(0).get_node() if len(results) == 1 else None
    if product is None or product.get_type_name() != "MatMul":
        raise _no_product(where)

    values = product.input_value(1).get_node()
    is_converted = values.get_type_name() == "Convert"
    source = values.input_value(0).get_node() if is_converted else values
    if source.get_type_name() != "Constant":
        raise _no_product(where)
    return product


def _no_product(where: str | Path) -> UserError:
    found = "does not end in the cosines of an embedding, so no gesture can be added"
    return user_error(str(where), found, fix="export the model again with export.py")

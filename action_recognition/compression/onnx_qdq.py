"""INT8 of an exported ONNX file by ONNX Runtime: QuantizeLinear and DequantizeLinear around what computes on bytes.

The form that ONNX Runtime runs on bytes everywhere, in a browser's WebAssembly too. Weights have a scale for every channel and are
symmetric, activations are unsigned with a zero point. In floating point stays what the IR leaves there: length, division, cosine.
Source: onnxruntime.ai/docs/performance/model-optimizations/quantization.html (static quantisation, S8 weights, U8 activations).
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from action_recognition.compression.quantised_layers import Layer
from action_recognition.deploy.backends import INPUT_NAME, OUTPUT_NAME
from action_recognition.deploy.backends.model_files import ONNX_INT8_FILE
from action_recognition.deploy.backends.protocol import Pixels, Scores, network_input, stack_scores
from action_recognition.deploy.metadata import DeployMetadata, write_onnx

if TYPE_CHECKING:
    import onnx

_QUANTISED_TYPES: Final = (
    "Conv",
    "Gemm",
    "MatMul",
    "Add",
    "Relu",
    "Clip",
    "MaxPool",
    "GlobalAveragePool",
)
_WITH_WEIGHTS: Final = ("Conv", "Gemm", "MatMul")
_DEQUANTISE: Final = "DequantizeLinear"


def quantise_onnx(
    path: Path, clips: Sequence[Pixels], metadata: DeployMetadata, in_float: Collection[str] = ()
) -> onnx.ModelProto:
    """The quantised network with the metadata of `path`; nodes named `in_float` stay floating; `clips` are (3, T, H, W) uint8 RGB."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    graph = onnx.load(path)
    out = sorted({*in_float, *_cosine_nodes(graph)} & {node.name for node in graph.graph.node})
    with tempfile.TemporaryDirectory() as folder, _quiet():
        quantize_static(
            path,
            Path(folder) / ONNX_INT8_FILE,
            _Reader(clips, metadata),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED_TYPES),
            nodes_to_exclude=out,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        quantised = onnx.load(Path(folder) / ONNX_INT8_FILE)
    write_onnx(quantised, metadata)
    return quantised


def score_onnx(model: onnx.ModelProto, clips: Iterable[Pixels], metadata: DeployMetadata) -> Scores:
    """Clips (3, T, H, W) uint8 RGB -> (N, C) float32 in ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    rows = [
        np.array(
            session.run([OUTPUT_NAME], {INPUT_NAME: network_input(clip[None], metadata)})[0][0],
            np.float32,
        )
        for clip in clips
    ]
    return stack_scores(rows, metadata)


def onnx_layers(model: onnx.ModelProto) -> tuple[list[Layer], list[Layer]]:
    """The operations that compute on bytes, and those with weights that do not, in the order of computation."""
    makers = {name: node for node in model.graph.node for name in node.output}
    shapes = {item.name: tuple(item.dims) for item in model.graph.initializer}
    quantised, floating = [], []
    for node in model.graph.node:
        sources = [makers[name] for name in node.input if name in makers]
        shape = _weight_shape(node, makers, shapes) if node.op_type in _WITH_WEIGHTS else ()
        if node.op_type in _QUANTISED_TYPES and any(
            source.op_type == _DEQUANTISE for source in sources
        ):
            quantised.append(Layer(node.name, node.op_type, shape))
        elif node.op_type in _WITH_WEIGHTS:
            floating.append(Layer(node.name, node.op_type, shape))
    return quantised, floating


def _weight_shape(
    node: onnx.NodeProto, makers: dict[str, Any], shapes: dict[str, tuple[int, ...]]
) -> tuple[int, ...]:
    name = node.input[1]
    if name not in shapes and name in makers and makers[name].op_type == _DEQUANTISE:
        name = makers[name].input[0]
    return shapes.get(name, ())


def _cosine_nodes(model: onnx.ModelProto) -> set[str]:
    """The product with the class directions."""
    return {node.name for node in model.graph.node if OUTPUT_NAME in node.output}


class _Reader:
    """The clips as ONNX Runtime's calibration asks for them, one by one."""

    def __init__(self, clips: Sequence[Pixels], metadata: DeployMetadata) -> None:
        self._clips, self._metadata = iter(clips), metadata

    def get_next(self) -> dict[str, Any] | None:
        clip = next(self._clips, None)
        return None if clip is None else {INPUT_NAME: network_input(clip[None], self._metadata)}


class _quiet:
    """Without ONNX Runtime's advice to optimise the graph first: the exported one is as small as it gets."""

    def __enter__(self) -> None:
        self._before = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(self._before)

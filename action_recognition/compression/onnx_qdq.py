"""INT8 of an exported ONNX file by ONNX Runtime.

QuantizeLinear and DequantizeLinear surround the operations that compute on bytes. ONNX Runtime runs
this form on bytes everywhere, in a browser's WebAssembly too. Weights have a scale for every
channel and are symmetric. Activations are unsigned with a zero point. The same operations as in the
IR stay in floating point: length, division, cosine.

Source: onnxruntime.ai/docs/performance/model-optimizations/quantization.html (static quantisation,
S8 weights, U8 activations).
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
from action_recognition.deploy.backends.protocol import Clips, Scores, network_input, stack_scores
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
# The second input of these holds weights.
_WITH_WEIGHTS: Final = ("Conv", "Gemm", "MatMul")
_DEQUANTISE: Final = "DequantizeLinear"


def quantise_onnx(
    path: Path, clips: Sequence[Clips], metadata: DeployMetadata, in_float: Collection[str] = ()
) -> onnx.ModelProto:
    """Return the quantised network with the metadata of `path`.

    Nodes named `in_float` stay in floating point. `clips` are (3, T, H, W) uint8 RGB.
    """
    import onnx

    # Names that the graph does not have are dropped: the IR has operations of its own.
    graph = onnx.load(path)
    nodes = {node.name for node in graph.graph.node}
    left_out = sorted({*in_float, *_cosine_nodes(graph)} & nodes)

    # ONNX Runtime reads and writes files only.
    with tempfile.TemporaryDirectory() as folder, _quiet():
        target = Path(folder) / ONNX_INT8_FILE
        _quantise_file(path, target, _Reader(clips, metadata), left_out)
        quantised = onnx.load(target)
    write_onnx(quantised, metadata)
    return quantised


def _quantise_file(path: Path, target: Path, reader: _Reader, left_out: list[str]) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    quantize_static(
        path,
        target,
        reader,
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(_QUANTISED_TYPES),
        nodes_to_exclude=left_out,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def score_onnx(model: onnx.ModelProto, clips: Iterable[Clips], metadata: DeployMetadata) -> Scores:
    """Return the scores (N, C) float32 in ONNX Runtime of clips (3, T, H, W) uint8 RGB."""
    import onnxruntime

    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=providers)
    rows = []
    for clip in clips:
        inputs = {INPUT_NAME: network_input(clip[None], metadata)}
        rows.append(np.array(session.run([OUTPUT_NAME], inputs)[0][0], np.float32))
    return stack_scores(rows, metadata)


def onnx_layers(model: onnx.ModelProto) -> tuple[list[Layer], list[Layer]]:
    """Return the operations that compute on bytes, and those with weights that do not.

    Both are in the order of computation.
    """
    # The node that computes each tensor, and the shape of each stored one.
    makers = {name: node for node in model.graph.node for name in node.output}
    shapes = {item.name: tuple(item.dims) for item in model.graph.initializer}

    quantised, floating = [], []
    for node in model.graph.node:
        shape = _weight_shape(node, makers, shapes) if node.op_type in _WITH_WEIGHTS else ()
        layer = Layer(node.name, node.op_type, shape)
        if node.op_type in _QUANTISED_TYPES and _reads_bytes(node, makers):
            quantised.append(layer)
        elif node.op_type in _WITH_WEIGHTS:
            floating.append(layer)
    return quantised, floating


def _reads_bytes(node: onnx.NodeProto, makers: dict[str, Any]) -> bool:
    sources = [makers[name] for name in node.input if name in makers]
    return any(source.op_type == _DEQUANTISE for source in sources)


def _weight_shape(
    node: onnx.NodeProto, makers: dict[str, Any], shapes: dict[str, tuple[int, ...]]
) -> tuple[int, ...]:
    """Return the shape of the second input, which a DequantizeLinear may decode from bytes."""
    name = node.input[1]
    if name not in shapes and name in makers and makers[name].op_type == _DEQUANTISE:
        name = makers[name].input[0]
    return shapes.get(name, ())


def _cosine_nodes(model: onnx.ModelProto) -> set[str]:
    """Return the product with the class directions."""
    return {node.name for node in model.graph.node if OUTPUT_NAME in node.output}


class _Reader:
    """Gives the clips one by one, as ONNX Runtime's calibration asks for them."""

    def __init__(self, clips: Sequence[Clips], metadata: DeployMetadata) -> None:
        self._clips, self._metadata = iter(clips), metadata

    def get_next(self) -> dict[str, Any] | None:
        """Return the input of the next clip, or None after the last one."""
        clip = next(self._clips, None)
        return None if clip is None else {INPUT_NAME: network_input(clip[None], self._metadata)}


class _quiet:
    """Silences ONNX Runtime's advice to optimise the graph first: it is as small as it gets."""

    def __enter__(self) -> None:
        self._before = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(self._before)

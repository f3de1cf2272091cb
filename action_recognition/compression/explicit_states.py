"""Networks whose states are inputs and outputs, and the calls of a stream that they play."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino
from openvino import opset13 as opset

from action_recognition.compression.scoring import float32_request
from action_recognition.deploy.backends import INPUT_NAME, Clips
from action_recognition.deploy.backends.stateful import NEXT_STATE_PREFIX, STATE_PREFIX, frame_input
from action_recognition.deploy.delivery.operation_names import settle_names
from action_recognition.deploy.metadata import DeployMetadata, from_strings
from action_recognition.errors import user_error
from action_recognition.export.graph import onnx_names

Call = dict[str, npt.NDArray[Any]]
"""The inputs of one call by name: frames and states."""


def explicit_network(onnx_path: Path) -> tuple[openvino.Model, DeployMetadata]:
    """Return the network of an exported ONNX file, with its states as inputs and outputs.

    Raises UserError: there is no such file, or it has no states.
    """
    import onnx

    if not onnx_path.is_file():
        fix = "export.py --onnx --openvino writes it for a causal network"
        raise user_error(str(onnx_path), "there is no such file", fix=fix)
    graph = onnx.load(onnx_path)
    metadata = from_strings({item.key: item.value for item in graph.metadata_props}, str(onnx_path))
    if metadata.stream is None:
        fix = "compress.py quantises networks for clips"
        raise user_error(str(onnx_path), "takes clips and keeps no state", fix=fix)

    model = openvino.convert_model(onnx_path)
    _join_first(model)
    settle_names(model, onnx_names(graph))
    return model, metadata


def _join_first(model: openvino.Model) -> None:
    """Cut outputs and states out of the joined tensor, not out of the sums before it.

    The numbers stay the same. OpenVINO 2026.4 moves the scales of INT8 sums behind a cut, and then
    cannot compile a state that gets them.
    """
    for cut in model.get_ordered_ops():
        if cut.get_type_name() not in ("Split", "VariadicSplit"):
            continue
        joins = [port.get_node() for port in cut.output(0).get_target_inputs()]
        if [node.get_type_name() for node in joins] == ["Concat"]:
            _join_then_cut(cut, joins[0])


def _join_then_cut(cut: Any, join: Any) -> None:
    """Replace a cut before a join by a join before a cut."""
    # Join the past and the whole sum first, then cut the result.
    past = join.input_value(0)
    kept, passed = (cut.output(place).get_shape()[0] for place in (1, 0))
    joined = opset.concat([past, cut.input_value(0)], 0)
    parts = opset.variadic_split(joined, 0, [kept + passed, kept])

    # The consumers are listed before the first output is replaced.
    later = cut.output(1).get_target_inputs()
    join.output(0).replace(parts.output(0))
    for port in later:
        port.replace_source_output(parts.output(1))


def recorded_calls(model: openvino.Model, metadata: DeployMetadata, video: Clips) -> list[Call]:
    """Return every whole call of a stream that shows `video`, with the states that it starts from.

    `video` is (T, H, W, 3) uint8 RGB.
    """
    return [call for call, _ in played(float32_request(model), model, metadata, video)]


def played(
    request: Any, model: openvino.Model, metadata: DeployMetadata, video: Clips
) -> Iterator[tuple[Call, Any]]:
    """Yield the inputs and the results of every whole call."""
    assert metadata.stream is not None
    k = metadata.stream.frames_per_call
    # A stream starts with states of zeros.
    states: Call = {
        name: np.zeros(tuple(port.get_shape()), np.float32)
        for port in model.inputs
        for name in port.get_names()
        if name.startswith(STATE_PREFIX)
    }

    # Frames at the end that fill no call are left out.
    for start in range(0, len(video) - k + 1, k):
        call = {INPUT_NAME: frame_input(video[start : start + k], metadata), **states}
        yield call, (results := request.infer(call))
        states = {name: np.array(results[_next_state(name)]) for name in states}


def _next_state(name: str) -> str:
    """Return the name of the output that holds a state after the call."""
    return NEXT_STATE_PREFIX + name.removeprefix(STATE_PREFIX)


def spread(calls: Sequence[Call], number: int | None) -> list[Call]:
    """Return `number` calls evenly over the stream. The first, whose states are zero, is one."""
    if number is None or number >= len(calls):
        return list(calls)
    return [calls[round(place)] for place in np.linspace(0, len(calls) - 1, number)]

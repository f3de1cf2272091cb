"""INT8 of a network that keeps a state, calibrated on states as they occur in streams.

Quantised is the form with explicit states, so that its calibration samples are whole calls: frames, and the states that the calls
before left. Then the states become variables again. They stay in float32: a sum of products, not an input of a convolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino
from openvino import opset13 as opset

from action_recognition.deploy.backends import INPUT_NAME, OUTPUT_NAME, Pixels, Scores
from action_recognition.deploy.backends.protocol import stack_scores
from action_recognition.deploy.backends.stateful import NEXT_STATE_PREFIX, STATE_PREFIX, frame_input
from action_recognition.deploy.delivery.operation_names import names_of, settle_names
from action_recognition.deploy.metadata import DeployMetadata, from_strings
from action_recognition.errors import user_error
from action_recognition.export.graph import onnx_names
from action_recognition.export.stateful_export import stateful_names, to_stateful
from action_recognition.openvino_core import in_own_thread, openvino_core

Call = dict[str, npt.NDArray[Any]]
"""The inputs of one call by name: frames and states."""

_HEAD_TYPES: Final = ("Divide", "ReduceL2")
_CLIPS_A_STREAM: Final = 8  # that are shown one after the other while states are recorded: what was before a gesture is in them, too
_CALLS: Final = 384


def int8_name(frames_per_call: int) -> str:
    """The name of the IR.

    >>> int8_name(4)
    'model_stream4_int8.xml'
    """
    return stateful_names(frames_per_call)[0].replace(".xml", "_int8.xml")


def quantise_stateful(
    onnx_path: Path, videos: Sequence[Pixels], target: Path, calls_per_video: int | None = None
) -> Path:
    """A stateful INT8 IR of an exported ONNX file with explicit states, written to `target`; returns its path.

    `videos` are (T, H, W, 3) uint8 RGB at the model's rate and size, the more alike to those of use the better; of each, calls spread
    evenly over its length take part (all without `calls_per_video`). Errors: no such file, or one without states.
    """
    model, metadata = explicit_network(onnx_path)
    calls = [
        call
        for video in videos
        for call in _spread(recorded_calls(model, metadata, video), calls_per_video)
    ]
    if not calls:
        assert metadata.stream is not None
        found = (
            f"none of the videos has {metadata.stream.frames_per_call} frames, as many as a call"
        )
        raise user_error("calibration", found, fix="give longer ones")
    partial = target.with_name(f".{target.stem}.part.xml")
    save_stateful(_quantised_on(model, calls), metadata, partial)
    partial.with_suffix(".bin").replace(target.with_suffix(".bin"))
    partial.replace(target)
    return target


def save_stateful(network: openvino.Model, metadata: DeployMetadata, path: Path) -> None:
    """Write a network with explicit states as one that keeps them."""
    openvino.save_model(
        to_stateful(network, metadata, names_of(network)), path, compress_to_fp16=False
    )


@dataclass(frozen=True)
class StatefulForm:
    """A network with explicit states, for the accuracy gate: a clip's score is that of its last frame, the states zero before its first."""

    metadata: DeployMetadata
    method: str = "NNCF post-training quantisation on streams of clips, states as they occur there, weights per channel, biases corrected"

    def quantise(
        self, model: openvino.Model, clips: Sequence[Pixels], in_float: Sequence[str] = ()
    ) -> openvino.Model:
        """A quantised copy; `clips` (3, T, H, W) uint8 RGB follow each other in streams; the layers named `in_float` stay as they are."""
        groups = [
            clips[start : start + _CLIPS_A_STREAM]
            for start in range(0, len(clips), _CLIPS_A_STREAM)
        ]
        videos = [np.concatenate([_frames(clip) for clip in group]) for group in groups]
        number = _CALLS // len(videos) + 1
        calls = [
            call
            for video in videos
            for call in _spread(recorded_calls(model, self.metadata, video), number)
        ]
        return _quantised_on(model, calls, in_float)

    def scores(self, model: openvino.Model, clips: Iterable[Pixels]) -> Scores:
        """(N, C) float32."""
        request = _request(model)
        rows = []
        for clip in clips:
            *_, (_, results) = _played(request, model, self.metadata, _frames(clip))
            rows.append(np.array(results[OUTPUT_NAME][-1], np.float32))
        return stack_scores(rows, self.metadata)


def _frames(clip: Pixels) -> Pixels:
    """(3, T, H, W) -> (T, H, W, 3)."""
    return np.ascontiguousarray(clip.transpose(1, 2, 3, 0))


def recorded_calls(model: openvino.Model, metadata: DeployMetadata, video: Pixels) -> list[Call]:
    """Every whole call of a stream that shows `video`, with the states that it starts from."""
    return [call for call, _ in _played(_request(model), model, metadata, video)]


def _request(model: openvino.Model) -> Any:
    return (
        openvino_core()
        .compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        .create_infer_request()
    )


def _played(
    request: Any, model: openvino.Model, metadata: DeployMetadata, video: Pixels
) -> Iterator[tuple[Call, Any]]:
    """The inputs and the results of every whole call."""
    assert metadata.stream is not None
    k = metadata.stream.frames_per_call
    states: Call = {
        name: np.zeros(tuple(port.get_shape()), np.float32)
        for port in model.inputs
        for name in port.get_names()
        if _is_state(name)
    }
    for start in range(0, len(video) - k + 1, k):
        call = {INPUT_NAME: frame_input(video[start : start + k], metadata), **states}
        results = request.infer(call)
        yield call, results
        states = {
            name: np.array(results[NEXT_STATE_PREFIX + name.removeprefix(STATE_PREFIX)])
            for name in states
        }


def explicit_network(onnx_path: Path) -> tuple[openvino.Model, DeployMetadata]:
    """The network of an exported ONNX file, with its states as inputs and outputs. Errors: no such file, or one without states."""
    import onnx

    if not onnx_path.is_file():
        raise user_error(
            str(onnx_path),
            "there is no such file",
            fix="export.py --onnx --openvino writes it for a causal network",
        )
    graph = onnx.load(onnx_path)
    metadata = from_strings({item.key: item.value for item in graph.metadata_props}, str(onnx_path))
    if metadata.stream is None:
        raise user_error(
            str(onnx_path),
            "takes clips and keeps no state",
            fix="compress.py quantises networks for clips",
        )
    model = openvino.convert_model(onnx_path)
    _join_first(model)
    settle_names(model, onnx_names(graph))
    return model, metadata


def _join_first(model: openvino.Model) -> None:
    """Cut what goes on and what stays as a state out of what a state was joined to, not out of the sums before that.

    The same numbers. OpenVINO 2026.4 moves the scales of INT8 sums behind a cut, and then cannot compile a state that gets them.
    """
    for cut in [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() in ("Split", "VariadicSplit")
    ]:
        joins = [port.get_node() for port in cut.output(0).get_target_inputs()]
        if [node.get_type_name() for node in joins] != ["Concat"]:
            continue
        past, lengths = (
            joins[0].input_value(0),
            [cut.output(place).get_shape()[0] for place in (1, 0)],
        )
        joined = opset.concat([past, cut.input_value(0)], 0)
        parts = opset.variadic_split(joined, 0, [sum(lengths), lengths[0]])
        later = cut.output(1).get_target_inputs()
        joins[0].output(0).replace(parts.output(0))
        for port in later:
            port.replace_source_output(parts.output(1))


def _is_state(name: str) -> bool:
    return name.startswith(STATE_PREFIX)


def _spread(calls: Sequence[Call], number: int | None) -> list[Call]:
    """`number` of the calls, evenly over the stream; also its first, whose states are zero."""
    if number is None or number >= len(calls):
        return list(calls)
    return [calls[round(place)] for place in np.linspace(0, len(calls) - 1, number)]


def _quantised_on(
    model: openvino.Model, calls: Sequence[Call], in_float: Sequence[str] = ()
) -> openvino.Model:
    quantised = in_own_thread(lambda: _quantise(model, calls, in_float))
    _keep_names(quantised, model)
    settle_names(quantised, names_of(model))
    return quantised


def _quantise(model: openvino.Model, calls: Sequence[Call], in_float: Sequence[str]) -> Any:
    import nncf

    result = model.output(OUTPUT_NAME).get_node().input_value(0).get_node()
    # Coarse where it costs nothing: the running mean, the length of the embedding, and the product with the classes' directions.
    products = [
        node.get_friendly_name()
        for node in model.get_ordered_ops()
        if node.get_type_name() == "MatMul"
    ]
    clamps = [
        node.get_friendly_name()
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Clamp"
        and node.input_value(0).get_node().get_type_name() in _HEAD_TYPES
    ]
    names = sorted({result.get_friendly_name(), *products, *clamps, *in_float})
    return nncf.quantize(
        model,
        nncf.Dataset(calls),
        preset=nncf.QuantizationPreset.PERFORMANCE,
        target_device=nncf.TargetDevice.CPU,
        subset_size=len(calls),
        fast_bias_correction=True,
        ignored_scope=nncf.IgnoredScope(names=names, types=list(_HEAD_TYPES), validate=False),
    )


def _keep_names(quantised: openvino.Model, original: openvino.Model) -> None:
    """Inputs and outputs keep the names by which states are paired."""
    for ports, others in (
        (quantised.inputs, original.inputs),
        (quantised.outputs, original.outputs),
    ):
        for port, other in zip(ports, others, strict=True):
            port.set_names(other.get_names())

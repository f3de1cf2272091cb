"""Step form of a causal network, as a stateful IR and as ONNX with explicit states.

    input (k, H, W, 3) uint8 RGB [+ state_00, state_01, ...]
    output (S, C) cosine [+ next_state_00, next_state_01, ...]

In the IR the states are variables (ReadValue, Assign): zero in a new infer request and after
`reset_state()`. `stateful_proof` compares both with the clip form.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

import onnx
import openvino
import torch
from openvino._offline_transformations import apply_make_stateful_transformation

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends import INPUT_NAME, OUTPUT_NAME
from action_recognition.deploy.backends.stateful import NEXT_STATE_PREFIX, STATE_PREFIX
from action_recognition.deploy.delivery.operation_names import settle_names
from action_recognition.deploy.metadata import DeployMetadata, write_onnx, write_openvino
from action_recognition.deploy.stateful_layout import StatefulLayout
from action_recognition.errors import user_error
from action_recognition.export.graph import checked_graph, onnx_names, reverse_input_channels
from action_recognition.models.build import trained_network
from action_recognition.models.causal import CausalRecogniser, receptive_field_frames
from action_recognition.models.recogniser import Normalize
from action_recognition.models.stateful.landmarks import (
    CausalLandmarkRecogniser,
    StatefulLandmarkNetwork,
)
from action_recognition.models.stateful_network import StatefulNetwork
from action_recognition.template import SteppingConfig

MANY_FRAMES_PER_S: Final = 12.0

SteppingRecogniser = CausalRecogniser | CausalLandmarkRecogniser
StepForm = StatefulNetwork | StatefulLandmarkNetwork


def stateful_names(frames_per_call: int) -> tuple[str, str]:
    """Return the names of the IR and of the ONNX file.

    >>> stateful_names(4)
    ('model_stream4.xml', 'model_stream4.onnx')
    """
    return f"model_stream{frames_per_call}.xml", f"model_stream{frames_per_call}.onnx"


def chosen_frames_per_call(
    trained: TrainedModel, metadata: DeployMetadata, asked: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Return the numbers that were asked for, or one that suits the frame rate.

    A score should not wait for the rest of a slow call. A network that is not causal has none.
    Raises UserError: numbers for a network that is not causal, or that do not divide a clip.
    """
    is_causal = isinstance(trained.model, SteppingConfig)
    if asked is None:
        # At a low frame rate a call of 4 frames would delay every score.
        is_fast = metadata.frame_rate_fps >= MANY_FRAMES_PER_S and metadata.landmarks is None
        suitable = 4 if is_fast else 1
        return (suitable,) if is_causal else ()

    if not is_causal:
        kind = f"a network of type {trained.model.type}"
        found = f"{kind} sees later frames: it cannot be fed call by call"
        raise user_error("--stream-frames", found, fix="leave it out, or train a causal template")
    _check_frames_per_call(asked, metadata.clip_len)
    return asked


def causal_recogniser(trained: TrainedModel) -> SteppingRecogniser:
    """Return the trained network in evaluation mode."""
    recogniser = trained_network(trained)
    assert isinstance(recogniser, SteppingRecogniser)
    return recogniser.eval()


def stateful_network(
    trained: TrainedModel, metadata: DeployMetadata, frames_per_call: int
) -> tuple[StepForm, DeployMetadata]:
    """Return the step form for the input of `metadata`, and those metadata with its layout."""
    recogniser = causal_recogniser(trained)
    if isinstance(recogniser, CausalLandmarkRecogniser):
        # It learned from fragments of streams, from their first frame on.
        layout = StatefulLayout(
            frames_per_call=frames_per_call,
            frames_per_score=1,
            frames_per_step=1,
            warm_up_frames=1,
            reach_frames=recogniser.backbone.reach_frames,
        )
        return step_form(recogniser, None, frames_per_call), replace(metadata, stream=layout)

    if metadata.color_order == "BGR":
        reverse_input_channels(recogniser)
    # The graph normalises, unless the caller does.
    normalize = None
    if metadata.normalization == "embedded":
        normalize = Normalize(metadata.mean_values, metadata.scale_values)

    network = step_form(recogniser, normalize, frames_per_call)
    layout = StatefulLayout(
        frames_per_call=frames_per_call,
        frames_per_score=network.frames_per_score,
        frames_per_step=recogniser.frames_per_step,
        warm_up_frames=metadata.clip_len,
        reach_frames=receptive_field_frames(recogniser),
    )
    return network, replace(metadata, stream=layout)


def step_form(
    recogniser: SteppingRecogniser, normalize: Normalize | None, frames_per_call: int
) -> StepForm:
    """Return a network in its step form. Only pictures are normalised."""
    if isinstance(recogniser, CausalLandmarkRecogniser):
        return StatefulLandmarkNetwork(recogniser, frames_per_call)
    return StatefulNetwork(recogniser, normalize, frames_per_call)


def write_stateful(
    network: StepForm,
    metadata: DeployMetadata,
    folder: Path,
    *,
    as_onnx: bool,
    as_openvino: bool,
) -> list[str]:
    """Write one network in the chosen formats. Returns the names of the files to open."""
    assert metadata.stream is not None
    ir_name, onnx_name = stateful_names(metadata.stream.frames_per_call)
    path = folder / onnx_name
    graph = stateful_onnx_graph(network, metadata)
    onnx.save(graph, str(path))

    names = []
    if as_openvino:
        model = to_stateful(openvino.convert_model(path), metadata, onnx_names(graph))
        openvino.save_model(model, folder / ir_name, compress_to_fp16=False)
        names.append(ir_name)
    path.unlink()

    if as_onnx:
        # Annotated after the conversion, which would copy the keys into the IR a second time.
        write_onnx(graph, metadata)
        onnx.save(graph, str(path))
        names.append(onnx_name)
    return names


def stateful_onnx_graph(network: StepForm, metadata: DeployMetadata) -> onnx.ModelProto:
    """Convert the step form to a checked ONNX graph with explicit states, without metadata."""
    values, _, *sides = metadata.clip_shape
    states = network.initial_states(*sides)
    takes_bytes = metadata.landmarks is None and metadata.normalization == "embedded"
    dtype = torch.uint8 if takes_bytes else torch.float32
    # An example call, with which the exporter follows the computation.
    frames = torch.zeros((network.frames_per_call, *sides, values), dtype=dtype)

    # Two digits, so that the names sort in the order of the states.
    numbers = [f"{number:02d}" for number in range(len(states))]
    input_names = [INPUT_NAME, *(STATE_PREFIX + number for number in numbers)]
    output_names = [OUTPUT_NAME, *(NEXT_STATE_PREFIX + number for number in numbers)]
    return checked_graph(network, (frames, *states), input_names, output_names)


def to_stateful(
    model: openvino.Model, metadata: DeployMetadata, known: Collection[str]
) -> openvino.Model:
    """Turn the explicit states of a graph into variables and write the metadata into it.

    Operations whose name is not `known` get settled names.
    """
    inputs = [name for port in model.inputs for name in port.get_names()]
    states = [name for name in inputs if name.startswith(STATE_PREFIX)]

    # A variable replaces each pair of a state and its next state.
    pairs = {name: NEXT_STATE_PREFIX + name.removeprefix(STATE_PREFIX) for name in states}
    apply_make_stateful_transformation(model, pairs)

    if metadata.landmarks is None:
        model.get_parameters()[0].set_layout(openvino.Layout("NHWC"))
    write_openvino(model, metadata)
    settle_names(model, known)
    return model


def _check_frames_per_call(frames_per_call: tuple[int, ...], clip_len: int) -> None:
    """Refuse numbers that do not divide a clip, which is scored call by call too."""
    wrong = [number for number in frames_per_call if clip_len % number]
    if wrong:
        divisors = [str(number) for number in range(1, clip_len + 1) if clip_len % number == 0]
        found = f"{wrong[0]} frames a call do not divide a clip of {clip_len} frames"
        raise user_error("--stream-frames", found, ", ".join(divisors))

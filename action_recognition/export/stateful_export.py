"""A causal network's step form as stateful IR and as ONNX with explicit states, proven to be the clip form before it is put in place.

    input (k, H, W, 3) uint8 RGB [+ state_00, state_01, ...]  ->  output (S, C) cosine [+ next_state_00, ...]

In the IR the states are variables (ReadValue, Assign): zero in a new infer request and after `reset_state()`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import openvino
import torch
from openvino._offline_transformations import apply_make_stateful_transformation
from torch import Tensor

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends import (
    INPUT_NAME,
    OUTPUT_NAME,
    Pixels,
    Scores,
    StatefulBackend,
    load_backend,
)
from action_recognition.deploy.backends.stateful import NEXT_STATE_PREFIX, STATE_PREFIX, Stepper
from action_recognition.deploy.delivery.operation_names import settle_names
from action_recognition.deploy.metadata import DeployMetadata, write_onnx, write_openvino
from action_recognition.deploy.stateful_layout import StatefulLayout
from action_recognition.errors import user_error
from action_recognition.export.graph import onnx_names, reverse_input_channels, strip_exporter_notes
from action_recognition.models.build import build_recogniser
from action_recognition.models.causal import CausalRecogniser, receptive_field_frames
from action_recognition.models.recogniser import Normalize
from action_recognition.models.stateful_network import StatefulNetwork

STREAM_LIMIT: Final = 1e-4
PROOF_FRAMES: Final = 200
_RERUN_FRAMES: Final = 40
ONNX_OPSET: Final = 18


@dataclass(frozen=True)
class StatefulDifferences:
    """The largest differences of any cosine of one file, and what it runs as."""

    runs_as: str
    to_clip_form: float
    to_torch: float
    after_reset: float
    across_streams: float

    @property
    def largest(self) -> float:
        return float(
            np.max([self.to_clip_form, self.to_torch, self.after_reset, self.across_streams])
        )  # NaN stays NaN


def stateful_names(frames_per_call: int) -> tuple[str, str]:
    """The names of the IR and of the ONNX file.

    >>> stateful_names(4)
    ('model_stream4.xml', 'model_stream4.onnx')
    """
    return f"model_stream{frames_per_call}.xml", f"model_stream{frames_per_call}.onnx"


def check_frames_per_call(frames_per_call: Sequence[int], clip_len: int) -> None:
    """A `UserError` names the numbers that do not divide a clip, which is scored call by call too."""
    wrong = [number for number in frames_per_call if clip_len % number]
    if wrong:
        divisors = ", ".join(
            str(number) for number in range(1, clip_len + 1) if clip_len % number == 0
        )
        raise user_error(
            "--stream-frames",
            f"{wrong[0]} frames a call are no whole share of a clip of {clip_len} frames",
            divisors,
        )


def causal_recogniser(trained: TrainedModel) -> CausalRecogniser:
    """The trained network in evaluation mode."""
    recogniser = build_recogniser(trained.model, len(trained.labels))
    assert isinstance(recogniser, CausalRecogniser)
    recogniser.load_state_dict(trained.state_dict)
    return recogniser.eval()


def stateful_network(
    trained: TrainedModel, metadata: DeployMetadata, frames_per_call: int
) -> tuple[StatefulNetwork, DeployMetadata]:
    """The step form for input as `metadata` describe it, and those metadata with its layout."""
    recogniser = causal_recogniser(trained)
    if metadata.color_order == "BGR":
        reverse_input_channels(recogniser)
    normalize = (
        Normalize(metadata.mean_values, metadata.scale_values)
        if metadata.normalization == "embedded"
        else None
    )
    network = StatefulNetwork(recogniser, normalize, frames_per_call)
    layout = StatefulLayout(
        frames_per_call=frames_per_call,
        frames_per_score=network.frames_per_score,
        frames_per_step=recogniser.frames_per_step,
        warm_up_frames=metadata.clip_len,
        reach_frames=receptive_field_frames(recogniser),
    )
    return network, replace(metadata, stream=layout)


def write_stateful(
    network: StatefulNetwork,
    metadata: DeployMetadata,
    folder: Path,
    *,
    as_onnx: bool,
    as_openvino: bool,
) -> list[str]:
    """Write one network in the formats chosen; the names of the files that can be opened."""
    assert metadata.stream is not None
    ir_name, onnx_name = stateful_names(metadata.stream.frames_per_call)
    path = folder / onnx_name
    graph = stateful_onnx_graph(network, metadata)
    onnx.save(graph, str(path))
    names = []
    if as_openvino:
        openvino.save_model(
            to_stateful(openvino.convert_model(path), metadata, onnx_names(graph)),
            folder / ir_name,
            compress_to_fp16=False,
        )
        names.append(ir_name)
    path.unlink()
    if as_onnx:
        write_onnx(graph, metadata)
        onnx.save(graph, str(path))
        names.append(onnx_name)
    return names


def stateful_onnx_graph(network: StatefulNetwork, metadata: DeployMetadata) -> onnx.ModelProto:
    """A checked ONNX graph with explicit states, without metadata."""
    side = metadata.resize.crop_size
    states = network.initial_states(side, side)
    dtype = torch.uint8 if metadata.normalization == "embedded" else torch.float32
    frames = torch.zeros((network.frames_per_call, side, side, 3), dtype=dtype)
    numbers = [f"{number:02d}" for number in range(len(states))]
    program = torch.onnx.export(
        network,
        (frames, *states),
        dynamo=True,
        opset_version=ONNX_OPSET,
        input_names=[INPUT_NAME, *(STATE_PREFIX + number for number in numbers)],
        output_names=[OUTPUT_NAME, *(NEXT_STATE_PREFIX + number for number in numbers)],
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto
    strip_exporter_notes(graph)
    onnx.checker.check_model(graph, full_check=True)
    return graph


def to_stateful(
    model: openvino.Model, metadata: DeployMetadata, known: Collection[str]
) -> openvino.Model:
    """The same graph with its states as variables, and the metadata in it; operations whose name is not `known` get settled ones."""
    names = [
        name for port in model.inputs for name in port.get_names() if name.startswith(STATE_PREFIX)
    ]
    pairs = {name: NEXT_STATE_PREFIX + name.removeprefix(STATE_PREFIX) for name in names}
    apply_make_stateful_transformation(model, pairs)
    model.get_parameters()[0].set_layout(openvino.Layout("NHWC"))
    write_openvino(model, metadata)
    settle_names(model, known)
    return model


# --- the proof ----------------------------------------------------------------------------------------------


class StatefulProof:
    """What a causal network says of a made video, frame by frame, against which exported files are held.

    `video` is (T, H, W, 3) uint8 RGB, T >= 2; a second stream shows it backwards.
    """

    def __init__(self, trained: TrainedModel, video: Pixels) -> None:
        self.trained, self.video = trained, video
        recogniser, clip_input = causal_recogniser(trained), trained.template.input
        normalize = Normalize(clip_input.mean_values, clip_input.scale_values)
        self._recogniser, self._normalize = recogniser, normalize
        self.frames_per_step = recogniser.frames_per_step
        with torch.inference_mode():
            clip = normalize(torch.from_numpy(video.transpose(3, 0, 1, 2)[None].copy()))
            self.clip_form: Scores = recogniser.step_cosine(clip)[0].numpy()

    def differences(self, path: Path) -> StatefulDifferences:
        """Those of one exported file, read back from the disk; other frame numbers than whole calls are left out."""
        backend = load_backend(path)
        assert isinstance(backend, StatefulBackend)
        k = backend.layout.frames_per_call
        whole = math.lcm(k, self.frames_per_step)
        video = self.video[: len(self.video) // whole * whole]
        other = video[::-1][: max(whole, _RERUN_FRAMES // whole * whole)]
        expected, expected_other = (self._torch_scores(frames, k) for frames in (video, other))
        one, two = backend.new_stepper(), backend.new_stepper()
        scores, other_scores = _side_by_side(one, two, video, other, k)
        one.reset()
        again = _all_scores(one, other, k)
        every = max(1, self.frames_per_step // backend.layout.frames_per_score)
        at_steps = scores[every - 1 :: every]
        return StatefulDifferences(
            backend.runs_as,
            to_clip_form=_largest(at_steps, self.clip_form[: len(at_steps)]),
            to_torch=_largest(scores, expected),
            after_reset=_largest(again, expected_other),
            across_streams=_largest(other_scores, expected_other),
        )

    def _torch_scores(self, video: Pixels, frames_per_call: int) -> Scores:
        network = StatefulNetwork(self._recogniser, self._normalize, frames_per_call)
        states: list[Tensor] = network.initial_states(*video.shape[1:3])
        rows = []
        with torch.inference_mode():
            for frames in torch.split(torch.from_numpy(video.copy()), frames_per_call):
                scores, *states = network(frames, *states)
                rows.append(scores.numpy())
        return np.concatenate(rows)


def _calls(video: Pixels, frames_per_call: int) -> Iterator[Pixels]:
    return (
        video[start : start + frames_per_call] for start in range(0, len(video), frames_per_call)
    )


def _all_scores(stepper: Stepper, video: Pixels, frames_per_call: int) -> Scores:
    return np.concatenate([stepper.step(frames) for frames in _calls(video, frames_per_call)])


def _side_by_side(
    one: Stepper, two: Stepper, video: Pixels, other: Pixels, frames_per_call: int
) -> tuple[Scores, Scores]:
    """The scores of two streams that are fed in turns, of which the second is the shorter."""
    rest = _calls(other, frames_per_call)
    scores: list[Scores] = []
    other_scores: list[Scores] = []
    for frames in _calls(video, frames_per_call):
        scores.append(one.step(frames))
        other_scores += [two.step(turn) for turn in [next(rest, None)] if turn is not None]
    return np.concatenate(scores), np.concatenate(other_scores)


def _largest(found: Scores, expected: Scores) -> float:
    """NaN where the shapes differ or a number is none, which passes no limit."""
    return float(np.abs(found - expected).max()) if found.shape == expected.shape else math.nan


def made_video(clips: Pixels, num_frames: int) -> Pixels:
    """Clips (N, 3, T, H, W) shown one after the other, again from the start where they are too few: (num_frames, H, W, 3)."""
    frames = clips.transpose(0, 2, 3, 4, 1).reshape(-1, *clips.shape[3:], 3)
    return np.ascontiguousarray(frames[np.arange(num_frames) % len(frames)])

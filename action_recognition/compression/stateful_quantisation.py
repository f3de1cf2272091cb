"""INT8 of a network that keeps a state, calibrated on states as they occur in streams.

The form with explicit states is quantised. So its calibration samples are whole calls: frames, and
the states that the calls before left. Then the states become variables again. They stay in float32:
a state is a sum of products, not an input of a convolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino

from action_recognition.compression.explicit_states import (
    Call,
    explicit_network,
    played,
    recorded_calls,
    spread,
)
from action_recognition.compression.post_training import quiet_nncf
from action_recognition.compression.scoring import float32_request
from action_recognition.console import counted
from action_recognition.deploy.backends import OUTPUT_NAME, Clips, Scores
from action_recognition.deploy.backends.protocol import stack_scores
from action_recognition.deploy.delivery.operation_names import names_of, settle_names
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import user_error
from action_recognition.export.stateful_export import stateful_names, to_stateful
from action_recognition.files import write_atomically
from action_recognition.openvino_core import in_own_thread

_HEAD_TYPES: Final = ("Divide", "ReduceL2")
# Clips shown one after the other while states are recorded, so that states also hold the frames
# before a gesture.
_CLIPS_A_STREAM: Final = 8
# Recorded calls to calibrate on, all streams together.
_CALLS: Final = 384


def int8_name(frames_per_call: int) -> str:
    """Return the file name of the IR.

    >>> int8_name(4)
    'model_stream4_int8.xml'
    """
    return stateful_names(frames_per_call)[0].replace(".xml", "_int8.xml")


def quantise_stateful(
    onnx_path: Path, videos: Sequence[Clips], target: Path, calls_per_video: int | None = None
) -> Path:
    """Write a stateful INT8 IR of an exported ONNX file with explicit states to `target`.

    Returns the path. `videos` are (T, H, W, 3) uint8 RGB at the model's rate and size, best as
    similar as possible to those of later use. Calls spread evenly over each video take part, all of
    them without `calls_per_video`.
    Raises UserError: there is no such file, it has no states, or no video is long enough.
    """
    model, metadata = explicit_network(onnx_path)
    calls = _calls_of(model, metadata, videos, calls_per_video)
    if not calls:
        assert metadata.stream is not None
        frames = counted(metadata.stream.frames_per_call, "frame")
        found = f"none of the videos has {frames}, as many as a call"
        raise user_error("calibration", found, fix="give longer ones")

    # OpenVINO writes the weights beside the graph. The graph is renamed last.
    with write_atomically(target, keep_suffix=True) as partial:
        save_stateful(_quantised_on(model, calls), metadata, partial)
        partial.with_suffix(".bin").replace(target.with_suffix(".bin"))
    return target


def save_stateful(network: openvino.Model, metadata: DeployMetadata, path: Path) -> None:
    """Write a network with explicit states as one that keeps them."""
    stateful = to_stateful(network, metadata, names_of(network))
    openvino.save_model(stateful, path, compress_to_fp16=False)


@dataclass(frozen=True)
class StatefulForm:
    """A network with explicit states, for the accuracy gate.

    A clip's score is that of its last frame. The states are zero before its first frame.
    """

    metadata: DeployMetadata
    method: str = (
        "NNCF post-training quantisation on streams of clips, states as they occur there, "
        "weights per channel, biases corrected"
    )

    def quantise(
        self, model: openvino.Model, clips: Sequence[Clips], in_float: Sequence[str] = ()
    ) -> openvino.Model:
        """Return a quantised copy, in which the layers named `in_float` stay as they are.

        `clips` (3, T, H, W) uint8 RGB follow each other in streams.
        """
        starts = range(0, len(clips), _CLIPS_A_STREAM)
        groups = [clips[start : start + _CLIPS_A_STREAM] for start in starts]
        videos = [np.concatenate([_frames(clip) for clip in group]) for group in groups]

        # At least one call of each stream.
        calls = _calls_of(model, self.metadata, videos, _CALLS // len(videos) + 1)
        return _quantised_on(model, calls, in_float)

    def scores(self, model: openvino.Model, clips: Iterable[Clips]) -> Scores:
        """Return the scores (N, C) float32 of N clips."""
        request = float32_request(model)
        rows = []
        for clip in clips:
            # The last call ends with the last frame of the clip.
            *_, (_, results) = played(request, model, self.metadata, _frames(clip))
            rows.append(np.array(results[OUTPUT_NAME][-1], np.float32))
        return stack_scores(rows, self.metadata)


def _frames(clip: Clips) -> Clips:
    """Reorder a clip from (3, T, H, W) to (T, H, W, 3)."""
    return np.ascontiguousarray(clip.transpose(1, 2, 3, 0))


def _calls_of(
    model: openvino.Model,
    metadata: DeployMetadata,
    videos: Sequence[Clips],
    calls_per_video: int | None,
) -> list[Call]:
    """Return the calls of all videos that take part in the calibration."""
    found: list[Call] = []
    for video in videos:
        found += spread(recorded_calls(model, metadata, video), calls_per_video)
    return found


def _quantised_on(
    model: openvino.Model, calls: Sequence[Call], in_float: Sequence[str] = ()
) -> openvino.Model:
    """Return a copy that is quantised on recorded calls, with the names of the original."""
    quantised = in_own_thread(lambda: _quantise(model, calls, in_float))
    _keep_names(quantised, model)
    settle_names(quantised, names_of(model))
    return quantised


def _quantise(model: openvino.Model, calls: Sequence[Call], in_float: Sequence[str]) -> Any:
    import nncf

    # `validate`: a network need not have every operation of the list.
    left_out = nncf.IgnoredScope(
        names=sorted({*_floating_names(model), *in_float}), types=list(_HEAD_TYPES), validate=False
    )
    with quiet_nncf():
        return nncf.quantize(
            model,
            nncf.Dataset(calls),
            preset=nncf.QuantizationPreset.PERFORMANCE,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(calls),
            fast_bias_correction=True,
            ignored_scope=left_out,
        )


def _floating_names(model: openvino.Model) -> set[str]:
    """Return the operations that 8 bits would make coarse and that cost nothing.

    These are the running mean, the length of the embedding, and the product with the classes'
    directions.
    """
    result = model.output(OUTPUT_NAME).get_node().input_value(0).get_node()
    names = {result.get_friendly_name()}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul" or _is_clamp_of_length(node):
            names.add(node.get_friendly_name())
    return names


def _is_clamp_of_length(node: Any) -> bool:
    if node.get_type_name() != "Clamp":
        return False
    return node.input_value(0).get_node().get_type_name() in _HEAD_TYPES


def _keep_names(quantised: openvino.Model, original: openvino.Model) -> None:
    """Give inputs and outputs the names by which states are paired."""
    inputs = zip(quantised.inputs, original.inputs, strict=True)
    outputs = zip(quantised.outputs, original.outputs, strict=True)
    for port, other in (*inputs, *outputs):
        port.set_names(other.get_names())

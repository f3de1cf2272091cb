"""A stateful IR in OpenVINO: one compiled model, one infer request with variables of its own for each stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino

from action_recognition.deploy.backends.model_files import unreadable
from action_recognition.deploy.backends.openvino_runtime import (
    check_device,
    computed_precision,
    own_metadata,
    read_ir,
    settings,
    static_shapes,
    wanted_requests,
)
from action_recognition.deploy.backends.protocol import Hint, Pixels, Precision, Scores
from action_recognition.deploy.backends.stateful import (
    StatefulBackend,
    check_stateful_shapes,
    frame_input,
)
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import user_error
from action_recognition.openvino_core import openvino_core


def ir_keeps_state(path: Path) -> bool:
    """Whether an IR assigns variables from one call to the next."""
    return b'type="Assign"' in path.read_bytes()


def stateful_ir(
    path: Path, num_threads: int | None, precision: Precision, device: str, hint: Hint
) -> StatefulBackend:
    """An IR with variables, compiled once. Errors: no metadata of ours, others than the network, a device that cannot run it."""
    core = openvino_core()
    check_device(core, device, num_threads)
    model = read_ir(core, path)
    inputs, outputs = static_shapes(model.inputs), static_shapes(model.outputs)
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0]) != 4:
        found = (
            "keeps a state and does not take frames (k, height, width, 3) for scores (s, labels)"
        )
        raise user_error(str(path), found, fix="name a model that export.py wrote")
    num_frames, height, width, _ = inputs[0]
    metadata = own_metadata(model, path, [(1, 3, num_frames, height, width)], outputs)
    check_stateful_shapes(path, metadata, inputs[0], outputs[0])
    try:
        compiled = core.compile_model(model, device, settings(num_threads, precision, hint))
    except RuntimeError as error:
        raise unreadable(path, error) from None
    threads = (
        f"{compiled.get_property('INFERENCE_NUM_THREADS')} threads" if device == "CPU" else device
    )
    runs_as = f"OpenVINO {openvino.__version__.split('-')[0]}, {computed_precision(compiled, precision)}, {threads}, stateful"
    return StatefulBackend(
        metadata, runs_as, lambda: OpenVinoStepper(compiled, metadata), wanted_requests(compiled)
    )


class OpenVinoStepper:
    """One infer request."""

    def __init__(self, compiled: Any, metadata: DeployMetadata) -> None:
        self._request, self._metadata = compiled.create_infer_request(), metadata

    def step(self, frames: Pixels) -> Scores:
        return np.array(
            self._request.infer({0: frame_input(frames, self._metadata)})[0], np.float32
        )

    def reset(self) -> None:
        self._request.reset_state()

    def state_bytes(self) -> int:
        """The size of all variables."""
        return sum(int(variable.state.byte_size) for variable in self._request.query_state())

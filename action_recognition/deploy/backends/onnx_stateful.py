"""An ONNX file with its states as inputs and outputs, in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from action_recognition.deploy.backends.onnx_runtime import open_session
from action_recognition.deploy.backends.protocol import Pixels, Scores
from action_recognition.deploy.backends.stateful import (
    NEXT_STATE_PREFIX,
    STATE_PREFIX,
    StatefulBackend,
    check_stateful_shapes,
    frame_input,
)
from action_recognition.deploy.metadata import DeployMetadata, from_strings
from action_recognition.errors import user_error


def onnx_has_states(path: Path) -> bool:
    """Whether an ONNX file gives states beside its scores."""
    return NEXT_STATE_PREFIX.encode() in path.read_bytes()


def stateful_onnx(path: Path, num_threads: int | None) -> StatefulBackend:
    """A file of ours with explicit states. Errors: metadata that are missing or not those of the network; states that do not match."""
    session = open_session(path, num_threads)
    metadata = from_strings(session.get_modelmeta().custom_metadata_map, str(path))
    states = {item.name: tuple(item.shape) for item in session.get_inputs()[1:]}
    given = {
        NEXT_STATE_PREFIX + item.name.removeprefix(NEXT_STATE_PREFIX): tuple(item.shape)
        for item in session.get_outputs()[1:]
    }
    if {
        NEXT_STATE_PREFIX + name.removeprefix(STATE_PREFIX): shape for name, shape in states.items()
    } != given:
        raise user_error(
            str(path),
            "takes other states than it gives",
            fix="export the model again with export.py",
        )
    check_stateful_shapes(
        path, metadata, tuple(session.get_inputs()[0].shape), tuple(session.get_outputs()[0].shape)
    )
    runs_as = (
        f"ONNX Runtime {onnxruntime.__version__}, f32, {num_threads or 'all'} threads, stateful"
    )
    return StatefulBackend(metadata, runs_as, lambda: OnnxStepper(session, metadata))


class OnnxStepper:
    """The states of one stream."""

    def __init__(self, session: Any, metadata: DeployMetadata) -> None:
        self._session, self._metadata = session, metadata
        self._frames, *states = session.get_inputs()
        self._zeros = {item.name: np.zeros(item.shape, np.float32) for item in states}
        self._states = dict(self._zeros)

    def step(self, frames: Pixels) -> Scores:
        scores, *states = self._session.run(
            None, {self._frames.name: frame_input(frames, self._metadata), **self._states}
        )
        self._states = dict(zip(self._zeros, states, strict=True))
        return np.array(scores, np.float32)

    def reset(self) -> None:
        self._states = dict(self._zeros)

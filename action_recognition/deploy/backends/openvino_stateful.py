"""Streams in OpenVINO: one compiled IR, and per stream one infer request with its own variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from action_recognition.deploy.backends.finite_values import finite_scores
from action_recognition.deploy.backends.model_files import OpenedFile
from action_recognition.deploy.backends.openvino_files import (
    OpenVinoSettings,
    compile_ir,
    described_run,
    wanted_requests,
)
from action_recognition.deploy.backends.protocol import Clips, Scores
from action_recognition.deploy.backends.stateful import StatefulBackend, frame_input


def stateful_ir(opened: OpenedFile, settings: OpenVinoSettings) -> StatefulBackend:
    """Compile an opened IR with variables. Raises UserError: those of `compile_ir`."""
    metadata = opened.metadata
    compiled = compile_ir(opened, settings)

    return StatefulBackend(
        metadata,
        f"{described_run(compiled, settings)}, stateful",
        lambda: OpenVinoStepper(compiled, opened),
        wanted_requests(compiled),
    )


class OpenVinoStepper:
    """One infer request with the state of one stream."""

    def __init__(self, compiled: Any, opened: OpenedFile) -> None:
        self._request, self._metadata = compiled.create_infer_request(), opened.metadata
        self._name = str(opened.path)

    def step(self, frames: Clips) -> Scores:
        """Score the next frames, as `Stepper.step` says."""
        outputs = self._request.infer({0: frame_input(frames, self._metadata)})
        # A copy: the next inference overwrites the memory of the request.
        return finite_scores(np.array(outputs[0], np.float32), self._name)

    def reset(self) -> None:
        """Set all variables to zero."""
        self._request.reset_state()

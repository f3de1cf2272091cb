"""Streams in ONNX Runtime: a file with its states as inputs and outputs."""

from __future__ import annotations

import numpy as np

from action_recognition.deploy.backends.finite_values import finite_scores
from action_recognition.deploy.backends.model_files import OpenedFile
from action_recognition.deploy.backends.onnx_runtime import described_run
from action_recognition.deploy.backends.protocol import Clips, Scores
from action_recognition.deploy.backends.stateful import StatefulBackend, frame_input


def stateful_onnx(opened: OpenedFile, num_threads: int | None) -> StatefulBackend:
    """Return the backend of an opened file with explicit states."""
    metadata = opened.metadata
    runs_as = f"{described_run(opened, num_threads)}, stateful"
    return StatefulBackend(metadata, runs_as, lambda: OnnxStepper(opened))


class OnnxStepper:
    """The states of one stream."""

    def __init__(self, opened: OpenedFile) -> None:
        self._session, self._metadata = opened.network, opened.metadata
        self._name = str(opened.path)
        self._frames, *states = self._session.get_inputs()
        self._zeros = {item.name: np.zeros(item.shape, np.float32) for item in states}
        self._states = dict(self._zeros)

    def step(self, frames: Clips) -> Scores:
        """Score the next frames, as `Stepper.step` says."""
        inputs = {self._frames.name: frame_input(frames, self._metadata), **self._states}
        scores, *states = self._session.run(None, inputs)

        # The next states come in the order of the states.
        self._states = dict(zip(self._zeros, states, strict=True))
        return finite_scores(np.array(scores, np.float32), self._name)

    def reset(self) -> None:
        """Set all states to zero."""
        # A call never writes into its inputs, so the zeros stay zeros.
        self._states = dict(self._zeros)

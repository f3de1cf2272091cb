"""Streams over a stateful network: each frame is computed once."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from action_recognition.deploy.backends.protocol import Clips
from action_recognition.deploy.backends.stateful import StatefulBackend
from action_recognition.deploy.stream_protocol import (
    Picture,
    SideBySide,
    StepScores,
    StreamMode,
    check_picture,
)


class StatefulStreams(SideBySide):
    """A stateful network for streams."""

    mode: StreamMode = "stateful"

    def __init__(self, backend: StatefulBackend) -> None:
        super().__init__(backend.num_requests)
        self.backend = backend
        self.metadata, self.runs_as = backend.metadata, backend.runs_as

    @property
    def frames_per_score(self) -> int:
        """Return the number of frames that the network's layout states."""
        return self.backend.layout.frames_per_score

    def open_stream(self) -> StatefulStream:
        """Open a stream with an empty state."""
        return StatefulStream(self.backend)


class StatefulStream:
    """One stream's state, and the frames that are too few for a call."""

    def __init__(self, backend: StatefulBackend) -> None:
        self._metadata, self._layout = backend.metadata, backend.layout
        self._stepper = backend.new_stepper()
        self._waiting: list[Picture] = []
        self._num_frames = 0

    def feed(self, picture: Picture) -> list[StepScores]:
        """Take the next frame. Returns the scores of a call if the frame completes one."""
        check_picture(picture, self._metadata)
        self._waiting.append(picture)
        self._num_frames += 1

        if len(self._waiting) < self._layout.frames_per_call:
            return []
        frames, self._waiting = np.stack(self._waiting), []
        return self._step(frames)

    def finish(self) -> list[StepScores]:
        """Score a stream that was shorter than one call, filled up with its last frame.

        After the first call, frames that fill none give no more scores.
        """
        if not self._waiting or self._num_frames >= self._layout.frames_per_call:
            return []
        missing = self._layout.frames_per_call - len(self._waiting)
        frames, self._waiting = np.stack(self._waiting + self._waiting[-1:] * missing), []
        # Only the last score has seen all frames.
        return [replace(step, frame=self._num_frames - 1) for step in self._step(frames)[-1:]]

    def reset(self) -> None:
        """Forget the state and the waiting frames."""
        self._stepper.reset()
        self._waiting, self._num_frames = [], 0

    def _step(self, frames: Clips) -> list[StepScores]:
        """Run one call, and give each of its scores the number of its frame."""
        start, layout = time.perf_counter(), self._layout
        rows = self._stepper.step(frames)
        inference_ms = (time.perf_counter() - start) * 1e3

        # Model frames since the reset, at each score.
        first = self._num_frames - layout.frames_per_call
        seen = [first + layout.frames_per_score * (row + 1) for row in range(len(rows))]
        return [
            StepScores(num_seen - 1, row, inference_ms, is_warm=num_seen >= layout.warm_up_frames)
            for num_seen, row in zip(seen, rows, strict=True)
        ]

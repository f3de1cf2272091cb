"""Streams over a stateful network that takes landmarks: hands are tracked, each frame is new once.

The sides of hands, and all that the network knows, come from the past alone.
"""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from action_recognition.deploy.backends.stateful import StatefulBackend
from action_recognition.deploy.landmark_clips import LandmarkClips
from action_recognition.deploy.landmark_streams import TrackedStream, TrackedStreams
from action_recognition.deploy.stream_protocol import StepScores, StreamMode
from action_recognition.hands.causal_slots import CausalSlots
from action_recognition.hands.slots import HandArray
from action_recognition.hands.tracker import TrackedHand

_WITHOUT_HAND_S: Final = 1.0
"""No hand for so long, no gesture: then no label is more likely than another."""


class StatefulLandmarkStreams(TrackedStreams):
    """A stateful network over landmarks for streams."""

    mode: StreamMode = "stateful"

    def __init__(self, backend: StatefulBackend, clips: LandmarkClips) -> None:
        super().__init__(clips)
        self.backend = backend
        self.metadata, self.runs_as = backend.metadata, backend.runs_as

    @property
    def frames_per_score(self) -> int:
        """Return the number of frames that the network's layout states."""
        return self.backend.layout.frames_per_score

    def open_stream(self) -> StatefulLandmarkStream:
        """Open a stream with an empty state."""
        return StatefulLandmarkStream(self.backend, self.clips)


class StatefulLandmarkStream(TrackedStream):
    """The state of one stream, and the hands of its last frame. Takes pictures of any size."""

    def __init__(self, backend: StatefulBackend, clips: LandmarkClips) -> None:
        super().__init__(clips)
        self._backend = backend
        self._stepper = backend.new_stepper()
        self._begin()

    def finish(self) -> list[StepScores]:
        """Return nothing: frames that fill no call give no score."""
        return []

    def reset(self) -> None:
        """Forget the state, and follow no hand any more."""
        self._stepper.reset()
        self._begin()

    def _begin(self) -> None:
        self.hands: list[TrackedHand] = []
        self._slots = CausalSlots()
        self._waiting: list[HandArray] = []
        self._last_hand = -1
        self._begin_tracking()

    def _take(self, hands: list[TrackedHand], start: float) -> list[StepScores]:
        self.hands = hands
        self._waiting.append(self._slots.place(hands))
        self._last_hand = self._num_frames if hands else self._last_hand
        self._num_frames += 1

        if len(self._waiting) < self._backend.layout.frames_per_call:
            return []
        frames, self._waiting = np.stack(self._waiting), []
        rows = self._stepper.step(frames)
        inference_ms = (time.perf_counter() - start) * 1e3
        if not self._has_hand:
            rows = np.zeros_like(rows)
        first = self._num_frames - len(rows)
        return [
            StepScores(first + number, row, inference_ms, is_warm=True)
            for number, row in enumerate(rows)
        ]

    @property
    def _has_hand(self) -> bool:
        """Return True if a hand was seen not long ago."""
        if self._last_hand < 0:
            return False
        gone_s = (self._num_frames - 1 - self._last_hand) / self._clips.tracking_rate_fps
        return gone_s < _WITHOUT_HAND_S

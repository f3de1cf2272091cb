"""Streams over a stateful network that takes landmarks: hands are tracked, each frame is new once.

The sides of hands, and all that the network knows, come from the past alone.
"""

from __future__ import annotations

import functools
import time
from typing import Final

import numpy as np

from action_recognition.deploy.backends.stateful import StatefulBackend
from action_recognition.deploy.landmark_clips import LandmarkClips
from action_recognition.deploy.stream_protocol import Picture, SideBySide, StepScores, StreamMode
from action_recognition.hands.causal_slots import CausalSlots
from action_recognition.hands.slots import HandArray
from action_recognition.hands.tracker import HandTracker, TrackedHand

_WITHOUT_HAND_S: Final = 1.0
"""No hand for so long, no gesture: then no label is more likely than another."""


class StatefulLandmarkStreams(SideBySide):
    """A stateful network over landmarks for streams."""

    mode: StreamMode = "stateful"

    def __init__(self, backend: StatefulBackend, clips: LandmarkClips) -> None:
        # All streams share the requests of the networks that find hands.
        super().__init__(num_requests=1)
        self.backend, self.clips = backend, clips
        self.metadata, self.runs_as = backend.metadata, backend.runs_as

    @property
    def fed_rate_fps(self) -> float:
        """Return how many frames a second a stream has to get."""
        return self.clips.tracking_rate_fps

    @property
    def frames_per_score(self) -> int:
        """Return the number of frames that the network's layout states."""
        return self.backend.layout.frames_per_score

    def open_stream(self) -> StatefulLandmarkStream:
        """Open a stream with an empty state."""
        return StatefulLandmarkStream(self.backend, self.clips)


class StatefulLandmarkStream:
    """The state of one stream, and the hands of its last frame. Takes pictures of any size."""

    def __init__(self, backend: StatefulBackend, clips: LandmarkClips) -> None:
        self._backend, self._clips = backend, clips
        self._stepper = backend.new_stepper()
        self._begin()

    def feed(self, picture: Picture) -> list[StepScores]:
        """Take the next frame, (H, W, 3) uint8 RGB. Returns the scores of a call it completes."""
        start = time.perf_counter()
        hands = self._tracker.track(picture, self._num_frames / self._clips.tracking_rate_fps)
        return self._take(hands, start)

    def feed_hands(self, hands: list[TrackedHand]) -> list[StepScores]:
        """Take the hands of the next frame, which a tracker found before, as `feed` does."""
        return self._take(hands, time.perf_counter())

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
        self._num_frames, self._last_hand = 0, -1
        # Opened with the first picture: stored landmarks need no networks that find hands.
        self.__dict__.pop("_tracker", None)

    @functools.cached_property
    def _tracker(self) -> HandTracker:
        return HandTracker(self._clips.networks)

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

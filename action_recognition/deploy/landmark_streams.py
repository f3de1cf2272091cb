"""Streams over a network that takes landmarks: hands are tracked, and a window slides over them."""

from __future__ import annotations

import functools
import time
from collections import deque
from typing import NamedTuple

import numpy as np

from action_recognition.deploy.backends.protocol import Backend, Scores
from action_recognition.deploy.landmark_clips import LandmarkClips
from action_recognition.deploy.stream_protocol import Picture, SideBySide, StepScores, StreamMode
from action_recognition.hands.landmark_file import landmarks_of
from action_recognition.hands.slots import hand_array
from action_recognition.hands.tracker import HandTracker, TrackedHand


class TrackedStreams(SideBySide):
    """Streams in which hands are tracked. All of them share the networks that find hands."""

    def __init__(self, clips: LandmarkClips) -> None:
        super().__init__(num_requests=1)
        self.clips = clips

    @property
    def fed_rate_fps(self) -> float:
        """Return how many frames a second a stream has to get."""
        return self.clips.tracking_rate_fps


class TrackedStream:
    """A stream with a tracker of its own. A subclass takes the hands of each frame."""

    def __init__(self, clips: LandmarkClips) -> None:
        self._clips = clips
        self._num_frames = 0

    def feed(self, picture: Picture) -> list[StepScores]:
        """Take the next frame, (H, W, 3) uint8 RGB. Return the scores that it completes."""
        start = time.perf_counter()
        hands = self._tracker.track(picture, self._num_frames / self._clips.tracking_rate_fps)
        return self._take(hands, start)

    def feed_hands(self, hands: list[TrackedHand]) -> list[StepScores]:
        """Take the hands of the next frame, which a tracker found before, as `feed` does."""
        return self._take(hands, time.perf_counter())

    def _take(self, hands: list[TrackedHand], start: float) -> list[StepScores]:
        raise NotImplementedError

    @functools.cached_property
    def _tracker(self) -> HandTracker:
        # Opened with the first picture: stored landmarks need no networks that find hands.
        return HandTracker(self._clips.networks)

    def _begin_tracking(self) -> None:
        """Count frames from 0, and follow no hand any more."""
        self._num_frames = 0
        self.__dict__.pop("_tracker", None)


class LandmarkStreams(TrackedStreams):
    """A landmark network for streams, scored every `stride` tracked frames.

    A window has the tracked frames of `clip_len / frame_rate_fps` seconds. The network's frames are
    spread evenly over them.
    """

    mode: StreamMode = "window"

    def __init__(self, backend: Backend, clips: LandmarkClips, stride: int) -> None:
        if stride < 1:
            raise ValueError(f"stride {stride}, expected 1 or more")
        super().__init__(clips)
        self.backend, self.stride = backend, stride
        self.metadata, self.runs_as = backend.metadata, backend.runs_as

    @property
    def frames_per_score(self) -> int:
        """Return the stride."""
        return self.stride

    @property
    def window_frames(self) -> int:
        """Return the number of tracked frames of a window."""
        seconds = self.metadata.clip_len / self.metadata.frame_rate_fps
        return 1 if self.metadata.clip_len == 1 else max(1, round(seconds * self.fed_rate_fps))

    def open_stream(self) -> LandmarkStream:
        """Open a stream with an empty window."""
        return LandmarkStream(self.backend, self.clips, self.window_frames, self.stride)


class _Frame(NamedTuple):
    number: int
    hands: list[TrackedHand]


class LandmarkStream(TrackedStream):
    """The hands of the last frames of one stream. Takes whole pictures of any size."""

    def __init__(
        self, backend: Backend, clips: LandmarkClips, window_frames: int, stride: int
    ) -> None:
        super().__init__(clips)
        self._backend, self._stride = backend, stride
        self._window: deque[_Frame] = deque(maxlen=window_frames)
        self._length = window_frames
        self.reset()

    def _take(self, hands: list[TrackedHand], start: float) -> list[StepScores]:
        self._window.append(_Frame(self._num_frames, hands))
        self._num_frames += 1

        # The first score comes with a full window, the others a stride apart.
        since_full = self._num_frames - self._length
        if since_full < 0 or since_full % self._stride:
            return []
        return [self._score(start)]

    @property
    def hands(self) -> list[TrackedHand]:
        """Return the hands of the last frame."""
        return self._window[-1].hands if self._window else []

    def finish(self) -> list[StepScores]:
        """Score a source that was shorter than the window, if it had any frame."""
        if not 0 < self._num_frames < self._length:
            return []
        return [self._score(time.perf_counter())]

    def reset(self) -> None:
        """Empty the window, and follow no hand any more."""
        self._window.clear()
        self._begin_tracking()

    def _score(self, start: float) -> StepScores:
        scores = self._scores()
        inference_ms = (time.perf_counter() - start) * 1e3
        return StepScores(self._num_frames - 1, scores, inference_ms, is_warm=True)

    def _scores(self) -> Scores:
        """Score the window. Without any hand no label is more likely than another."""
        if not any(frame.hands for frame in self._window):
            return np.zeros(len(self._backend.metadata.labels), np.float32)
        rows = [(frame.number, 0.0, hand) for frame in self._window for hand in frame.hands]
        numbers = np.array([frame.number for frame in self._window], np.int64)
        hands = hand_array(landmarks_of(rows, numbers, (0, 0)), numbers)
        scores: Scores = self._backend.scores(self._clips.of_array(hands)[None])[0]
        return scores

"""Streams over a network that takes whole clips: a window slides over the last frames."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from action_recognition.deploy.backends.protocol import Backend
from action_recognition.deploy.stream_protocol import (
    Picture,
    SideBySide,
    StepScores,
    StreamMode,
    check_picture,
)


class WindowStreams(SideBySide):
    """A clip network for streams, scored every `stride` frames.

    A window holds every `fold`-th of the last frames, `clip_len` in all.
    """

    mode: StreamMode = "window"

    def __init__(self, backend: Backend, stride: int, fold: int = 1) -> None:
        if stride < 1:
            raise ValueError(f"stride {stride}, expected 1 or more")
        super().__init__(getattr(backend, "num_requests", 1))
        self.backend, self.stride, self.fold = backend, stride, fold
        self.metadata, self.runs_as = backend.metadata, backend.runs_as

    @property
    def frames_per_score(self) -> int:
        """Return the stride."""
        return self.stride

    def open_stream(self) -> WindowStream:
        """Open a stream with an empty window."""
        return WindowStream(self.backend, self.stride, self.fold)


class WindowStream:
    """The last frames of one stream. Each score computes the whole window again."""

    def __init__(self, backend: Backend, stride: int, fold: int = 1) -> None:
        self._backend, self._stride, self._fold = backend, stride, fold
        # `clip_len` frames that are `fold` apart.
        self._length = (backend.metadata.clip_len - 1) * fold + 1
        self._window: deque[Picture] = deque(maxlen=self._length)
        self.reset()

    def feed(self, picture: Picture) -> list[StepScores]:
        """Take the next frame. Returns a score if the window is full and a stride has passed."""
        check_picture(picture, self._backend.metadata)
        self._window.append(picture)
        self._num_frames += 1

        # The first score comes with a full window, the others a stride apart.
        since_full = self._num_frames - self._length
        if since_full < 0 or since_full % self._stride:
            return []
        return [self._score(self._folded())]

    def finish(self) -> list[StepScores]:
        """Score a source that was shorter than the window, if it had any frame.

        Its ends are repeated, as evaluation pads a short clip.
        """
        if not 0 < self._num_frames < self._length:
            return []

        frames = self._folded()
        num_missing = self._backend.metadata.clip_len - len(frames)
        # The larger half of the padding comes after.
        before = frames[:1] * (num_missing // 2)
        after = frames[-1:] * (num_missing - num_missing // 2)
        return [self._score(before + frames + after)]

    def reset(self) -> None:
        """Empty the window."""
        self._window.clear()
        self._num_frames = 0

    def _folded(self) -> list[Picture]:
        """Return every `fold`-th frame of the window."""
        return list(self._window)[:: self._fold]

    def _score(self, frames: list[Picture]) -> StepScores:
        start = time.perf_counter()
        scores = self._backend.scores(np.stack(frames).transpose(3, 0, 1, 2)[None])[0]
        inference_ms = (time.perf_counter() - start) * 1e3
        return StepScores(self._num_frames - 1, scores, inference_ms, is_warm=True)

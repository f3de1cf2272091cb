"""The network's side of a live stream: model frames in, scores out, one state per stream; the same for a sliding window and a stateful IR.

    model = open_stream_model(Path("export/model_stream4.xml"))   # or any clip model: then a window is slid, and `model.mode` says so
    stream = model.open_stream()                                  # one per track; all share one compiled network
    for picture in pictures:                                      # at the model's rate, cropped: see `StreamModel.metadata`
        for step in stream.feed(picture):
            ...                                                   # StepScores: 0, 1 or more of them
    stream.reset()                                                # the track was lost, or time tore

Whoever feeds does the rest, alike for both modes: rate (`metadata.frame_rate_fps`), region, `metadata.resize`, what is made of the scores.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.backends import (
    Backend,
    Hint,
    Pixels,
    Precision,
    Scores,
    StatefulBackend,
    load_backend,
)
from action_recognition.deploy.metadata import DeployMetadata

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
StreamMode = Literal["window", "stateful"]
DEFAULT_STRIDE = 4
SCORES_PER_S = 3.5
"""How often a window of few frames a second is scored at least, where nobody asks for a stride."""
PHOTOS_PER_S = 10.0
"""How often a network of single photos looks at a stream: its own rate says nothing, and a hand takes longer to change."""


@dataclass(frozen=True, slots=True)
class StepScores:
    """The cosine of each label, (C,) float32, after the model frame `frame`, counted from 0 at the last reset.

    `is_warm` is False while the network has seen fewer frames than the clips that it was trained and measured on: a decision may wait.
    `inference_ms` is the time of the call, shared by all steps that came out of it.
    """

    frame: int
    scores: Scores
    inference_ms: float
    is_warm: bool


class Stream(Protocol):
    """One track of one source. One thread at a time; streams of one model may be fed side by side by several."""

    def feed(self, picture: Picture) -> list[StepScores]:
        """Take the next model frame, (crop_size, crop_size, 3) uint8 RGB; the scores that it completed, oldest first, often none."""
        ...

    def finish(self) -> list[StepScores]:
        """At the end of a source: what frames that were too few for a score still give. Feeding goes on after a reset only."""
        ...

    def reset(self) -> None:
        """Forget all frames: the next one is frame 0 again."""
        ...


class StreamModel(Protocol):
    """A compiled network and what it says about itself. `frames_per_score`: model frames from one score to the next."""

    metadata: DeployMetadata
    runs_as: str

    @property
    def mode(self) -> StreamMode: ...

    @property
    def frames_per_score(self) -> int: ...

    def open_stream(self) -> Stream:
        """A stream of its own state over the same compiled network."""
        ...

    def feed_all(self, pictures: Sequence[tuple[Stream, Picture]]) -> list[list[StepScores]]:
        """Feed each of several streams, no two of them the same, its next picture; side by side where the network can."""
        ...


def open_stream_model(
    path: Path,
    num_threads: int | None = None,
    precision: Precision = "f32",
    device: str = "CPU",
    hint: Hint = "latency",
    stride: int | None = None,
) -> StreamModel:
    """Open a model for streams: a stateful one as it is, any other with a window slid by `stride` frames (default: `as_stream_model`).

    Errors: those of `load_backend`.
    """
    return as_stream_model(load_backend(path, num_threads, precision, device, hint), stride)


def as_stream_model(backend: Backend, stride: int | None = None) -> StreamModel:
    """Streams with states where the network keeps one, else a window over it. A stateful model's own step is fixed: `stride` is not used.

    Without a stride the window slides by 4 frames. A model of few frames a second would then say something every few seconds: it is
    fed several times as many, of which a window takes every `fold`-th, so that it says something `SCORES_PER_S` times a second.
    A model of photos is given `PHOTOS_PER_S`, each of them scored.
    """
    if isinstance(backend, StatefulBackend):
        return StatefulStreams(backend)
    rate = backend.metadata.frame_rate_fps
    if backend.metadata.clip_len == 1:
        return WindowStreams(backend, stride or 1, max(1, round(PHOTOS_PER_S / rate)))
    if stride is not None or rate / DEFAULT_STRIDE >= SCORES_PER_S:
        return WindowStreams(backend, DEFAULT_STRIDE if stride is None else stride)
    fold = math.ceil(SCORES_PER_S / rate)
    return WindowStreams(backend, max(1, int(rate * fold / SCORES_PER_S)), fold)


def fed_rate_fps(model: StreamModel) -> float:
    """How many frames a second `Stream.feed` has to get."""
    return model.metadata.frame_rate_fps * (model.fold if isinstance(model, WindowStreams) else 1)


class _SideBySide:
    """Feeds streams one after another, or in as many threads as OpenVINO wants requests at once: 1 by the hint `latency`."""

    def __init__(self, num_requests: int) -> None:
        self._threads = (
            ThreadPoolExecutor(num_requests, thread_name_prefix="stream")
            if num_requests > 1
            else None
        )

    def feed_all(self, pictures: Sequence[tuple[Stream, Picture]]) -> list[list[StepScores]]:
        """As `StreamModel.feed_all`."""
        if self._threads is None or len(pictures) < 2:
            return [stream.feed(picture) for stream, picture in pictures]
        return list(self._threads.map(lambda pair: pair[0].feed(pair[1]), pictures))


class WindowStreams(_SideBySide):
    """Streams over a network that takes whole clips: of the last frames every `fold`-th, `clip_len` in all, are scored every `stride`."""

    mode: StreamMode = "window"

    def __init__(self, backend: Backend, stride: int, fold: int = 1) -> None:
        if stride < 1:
            raise ValueError(f"stride {stride}, expected 1 or more")
        super().__init__(getattr(backend, "num_requests", 1))
        self.backend, self.stride, self.fold = backend, stride, fold
        self.metadata, self.runs_as = backend.metadata, backend.runs_as

    @property
    def frames_per_score(self) -> int:
        return self.stride

    def open_stream(self) -> WindowStream:
        return WindowStream(self.backend, self.stride, self.fold)


class WindowStream:
    """The last frames of one stream; each score computes the whole window anew."""

    def __init__(self, backend: Backend, stride: int, fold: int = 1) -> None:
        self._backend, self._stride, self._fold = backend, stride, fold
        self._length = (backend.metadata.clip_len - 1) * fold + 1
        self._window: deque[Picture] = deque(maxlen=self._length)
        self.reset()

    def feed(self, picture: Picture) -> list[StepScores]:
        check_picture(picture, self._backend.metadata)
        self._window.append(picture)
        self._num_frames += 1
        since_full = self._num_frames - self._length
        if since_full < 0 or since_full % self._stride:
            return []
        return [self._score(list(self._window)[:: self._fold])]

    def finish(self) -> list[StepScores]:
        """Of a source shorter than the window: the window of evaluation, padded by its ends, if there was any frame."""
        if not 0 < self._num_frames < self._length:
            return []
        frames = list(self._window)[:: self._fold]
        num_missing = self._backend.metadata.clip_len - len(frames)
        num_before = num_missing // 2
        return [
            self._score(frames[:1] * num_before + frames + frames[-1:] * (num_missing - num_before))
        ]

    def reset(self) -> None:
        self._window.clear()
        self._num_frames = 0

    def _score(self, frames: list[Picture]) -> StepScores:
        start = time.perf_counter()
        scores = self._backend.scores(np.stack(frames).transpose(3, 0, 1, 2)[None])[0]
        return StepScores(
            self._num_frames - 1, scores, (time.perf_counter() - start) * 1e3, is_warm=True
        )


class StatefulStreams(_SideBySide):
    """Streams over a network that keeps a state: each frame is computed once."""

    mode: StreamMode = "stateful"

    def __init__(self, backend: StatefulBackend) -> None:
        super().__init__(backend.num_requests)
        self.backend = backend
        self.metadata, self.runs_as = backend.metadata, backend.runs_as

    @property
    def frames_per_score(self) -> int:
        return self.backend.layout.frames_per_score

    def open_stream(self) -> StatefulStream:
        return StatefulStream(self.backend)


class StatefulStream:
    """One stream's state, and the frames that are too few for a call."""

    def __init__(self, backend: StatefulBackend) -> None:
        self._metadata, self._layout = backend.metadata, backend.layout
        self._stepper = backend.new_stepper()
        self._waiting: list[Picture] = []
        self._num_frames = 0

    def feed(self, picture: Picture) -> list[StepScores]:
        check_picture(picture, self._metadata)
        self._waiting.append(picture)
        self._num_frames += 1
        if len(self._waiting) < self._layout.frames_per_call:
            return []
        frames, self._waiting = np.stack(self._waiting), []
        return self._step(frames)

    def finish(self) -> list[StepScores]:
        """Of a stream shorter than one call: the call filled up with its last frame; later frames that fill none say nothing new."""
        if not self._waiting or self._num_frames >= self._layout.frames_per_call:
            return []
        missing = self._layout.frames_per_call - len(self._waiting)
        frames, self._waiting = np.stack(self._waiting + self._waiting[-1:] * missing), []
        return [replace(step, frame=self._num_frames - 1) for step in self._step(frames)[-1:]]

    def reset(self) -> None:
        self._stepper.reset()
        self._waiting, self._num_frames = [], 0

    def _step(self, frames: Pixels) -> list[StepScores]:
        start, layout = time.perf_counter(), self._layout
        rows = self._stepper.step(frames)
        inference_ms = (time.perf_counter() - start) * 1e3
        first = self._num_frames - layout.frames_per_call
        seen = [first + layout.frames_per_score * (row + 1) for row in range(len(rows))]
        return [
            StepScores(
                num_frames - 1, row, inference_ms, is_warm=num_frames >= layout.warm_up_frames
            )
            for num_frames, row in zip(seen, rows, strict=True)
        ]


def check_picture(picture: Picture, metadata: DeployMetadata) -> None:
    """A wrong shape or type is a mistake of the calling code, not of the user."""
    side = metadata.resize.crop_size
    if picture.shape != (side, side, 3) or picture.dtype != np.uint8:
        raise ValueError(
            f"a picture {picture.shape} {picture.dtype}, expected ({side}, {side}, 3) uint8 RGB"
        )

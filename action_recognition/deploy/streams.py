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

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.backends import Backend, Hint, Precision, Scores, load_backend
from action_recognition.deploy.metadata import DeployMetadata

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
StreamMode = Literal["window", "stateful"]
DEFAULT_STRIDE = 4


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


def open_stream_model(
    path: Path,
    num_threads: int | None = None,
    precision: Precision = "f32",
    device: str = "CPU",
    hint: Hint = "latency",
    stride: int | None = None,
) -> StreamModel:
    """Open a model for streams: a stateful one as it is, any other with a window slid by `stride` frames (default: 4).

    Errors: those of `load_backend`.
    """
    return as_stream_model(load_backend(path, num_threads, precision, device, hint), stride)


def as_stream_model(backend: Backend, stride: int | None = None) -> StreamModel:
    """The backend itself where it keeps a state, else a window over it. A stateful model's own step is fixed: `stride` is not used."""
    return backend if _keeps_state(backend) else WindowStreams(backend, stride or DEFAULT_STRIDE)


def _keeps_state(backend: Backend | StreamModel) -> TypeGuard[StreamModel]:
    return hasattr(backend, "open_stream")


class WindowStreams:
    """Streams over a network that takes whole clips: the last `clip_len` frames are scored once every `stride`."""

    mode: StreamMode = "window"

    def __init__(self, backend: Backend, stride: int) -> None:
        if stride < 1:
            raise ValueError(f"stride {stride}, expected 1 or more")
        self.backend, self.stride = backend, stride
        self.metadata, self.runs_as = backend.metadata, backend.runs_as

    @property
    def frames_per_score(self) -> int:
        return self.stride

    def open_stream(self) -> WindowStream:
        return WindowStream(self.backend, self.stride)


class WindowStream:
    """The last frames of one stream; each score computes the whole window anew."""

    def __init__(self, backend: Backend, stride: int) -> None:
        self._backend, self._stride = backend, stride
        self._window: deque[Picture] = deque(maxlen=backend.metadata.clip_len)
        self.reset()

    def feed(self, picture: Picture) -> list[StepScores]:
        check_picture(picture, self._backend.metadata)
        self._window.append(picture)
        self._num_frames += 1
        since_full = self._num_frames - self._backend.metadata.clip_len
        if since_full < 0 or since_full % self._stride:
            return []
        return [self._score(list(self._window))]

    def finish(self) -> list[StepScores]:
        """Of a source shorter than the window: the window of evaluation, padded by its ends, if there was any frame."""
        num_missing = self._backend.metadata.clip_len - self._num_frames
        if not self._num_frames or num_missing <= 0:
            return []
        frames, num_before = list(self._window), num_missing // 2
        return [self._score(frames[:1] * num_before + frames + frames[-1:] * (num_missing - num_before))]

    def reset(self) -> None:
        self._window.clear()
        self._num_frames = 0

    def _score(self, frames: list[Picture]) -> StepScores:
        start = time.perf_counter()
        scores = self._backend.scores(np.stack(frames).transpose(3, 0, 1, 2)[None])[0]
        return StepScores(self._num_frames - 1, scores, (time.perf_counter() - start) * 1e3, is_warm=True)


def check_picture(picture: Picture, metadata: DeployMetadata) -> None:
    """A wrong shape or type is a mistake of the calling code, not of the user."""
    side = metadata.resize.crop_size
    if picture.shape != (side, side, 3) or picture.dtype != np.uint8:
        raise ValueError(f"a picture {picture.shape} {picture.dtype}, expected ({side}, {side}, 3) uint8 RGB")

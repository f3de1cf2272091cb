"""What every engine offers: the cosines of clips, at once or later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.metadata import DeployMetadata

Precision = Literal["f32", "default"]
Hint = Literal["latency", "throughput"]
Pixels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]

_NUM_WAITING = (
    2  # clips that wait for an engine that takes one at a time: more would only fill the memory
)


class Backend(Protocol):
    """A model that scores clips. `runs_as` says engine, precision and threads, for reports."""

    metadata: DeployMetadata
    runs_as: str

    def scores(self, clips: Pixels) -> Scores:
        """Clips (N, 3, T, H, W) uint8 RGB 0..255 -> (N, C) float32, the cosine of each label."""
        ...

    def submit(self, clip: Pixels) -> Future[Scores]:
        """One clip (3, T, H, W) uint8 RGB; its cosines (C,) float32 come later. Waits while the engine has enough to do."""
        ...


class InferenceThreads:
    """`submit` of an engine that computes `num_clips` clips at a time: threads of its own, so that the caller can prepare the next clip."""

    def __init__(self, scores: Callable[[Pixels], Scores], num_clips: int = 1) -> None:
        self._scores = scores
        self._thread = ThreadPoolExecutor(num_clips, thread_name_prefix="inference")
        self._free = threading.BoundedSemaphore(num_clips - 1 + _NUM_WAITING)

    def submit(self, clip: Pixels) -> Future[Scores]:
        """As `Backend.submit`."""
        self._free.acquire()
        future = self._thread.submit(lambda: self._scores(clip[None])[0])
        future.add_done_callback(lambda _: self._free.release())
        return future


def network_input(clips: Pixels, metadata: DeployMetadata) -> npt.NDArray[np.float32]:
    """Clips (N, 3, T, H, W) uint8 RGB -> what the exported graph takes: float32, its colour order, normalised if it does not do so."""
    ordered = clips[:, ::-1] if metadata.color_order == "BGR" else clips
    values = np.ascontiguousarray(ordered, np.float32)
    if metadata.normalization == "external":
        mean, scale = (
            np.array(part, np.float32).reshape(1, 3, 1, 1, 1)
            for part in (metadata.mean_values, metadata.scale_values)
        )
        values = (values - mean) / scale
    return values


def check_clips(clips: Pixels, metadata: DeployMetadata) -> None:
    """A wrong shape or type is a mistake of the calling code, not of the user."""
    if clips.ndim != 5 or clips.shape[1:] != metadata.clip_shape or clips.dtype != np.uint8:
        raise ValueError(
            f"clips {clips.shape} {clips.dtype}, expected (N, {', '.join(map(str, metadata.clip_shape))}) uint8"
        )


def stack_scores(rows: list[Scores], metadata: DeployMetadata) -> Scores:
    """(N, C) of N rows (C,), also for no row."""
    return np.stack(rows) if rows else np.zeros((0, len(metadata.labels)), np.float32)

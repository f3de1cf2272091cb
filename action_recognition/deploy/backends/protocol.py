"""Interface of every engine: the cosines of clips, at once or later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.metadata import DeployMetadata

Precision = Literal["f32", "default"]
Hint = Literal["latency", "throughput"]
Clips = npt.NDArray[Any]
"""(N, 3, T, H, W) uint8 RGB, or (N, 4, T, 2, 21) float32 landmarks, see `hands.slots`."""
Scores = npt.NDArray[np.float32]

# Clips that wait beside those being computed. More would only fill the memory.
_NUM_WAITING: Final = 1


class Backend(Protocol):
    """A model that scores clips. `runs_as` names engine, precision and threads, for reports."""

    metadata: DeployMetadata
    runs_as: str

    def scores(self, clips: Clips) -> Scores:
        """Return the cosine of each label, (N, C) float32.

        Clips are (N, 3, T, H, W) uint8 RGB 0..255, or landmarks.
        """
        ...

    def submit(self, clip: Clips) -> Future[Scores]:
        """Return a future of the cosines (C,) float32 of one clip (3, T, H, W) uint8 RGB.

        Waits while the engine has enough to do.
        """
        ...


class InferenceThreads:
    """Threads of an engine that computes `num_clips` clips at a time, for its `submit`.

    The caller can prepare the next clip in the meantime.
    """

    def __init__(self, scores: Callable[[Clips], Scores], num_clips: int = 1) -> None:
        self._scores = scores
        self._thread = ThreadPoolExecutor(num_clips, thread_name_prefix="inference")
        # Free places for clips, both those that are computed and those that wait.
        self._free = threading.BoundedSemaphore(num_clips + _NUM_WAITING)

    def submit(self, clip: Clips) -> Future[Scores]:
        """Score one clip later, as `Backend.submit` says."""
        # Blocks the caller while all places are taken.
        self._free.acquire()
        future = self._thread.submit(lambda: self._scores(clip[None])[0])
        future.add_done_callback(lambda _: self._free.release())
        return future


def network_input(clips: Clips, metadata: DeployMetadata) -> npt.NDArray[np.float32]:
    """Convert clips (N, 3, T, H, W) uint8 RGB to the input of the exported graph.

    Returns float32 in its colour order, normalised if the graph does not do so. Landmarks stay as
    they are.
    """
    if metadata.landmarks is not None:
        return np.ascontiguousarray(clips, np.float32)
    ordered = clips[:, ::-1] if metadata.color_order == "BGR" else clips
    values = np.ascontiguousarray(ordered, np.float32)

    # Per channel, the second axis.
    if metadata.normalization == "external":
        mean = np.array(metadata.mean_values, np.float32).reshape(1, 3, 1, 1, 1)
        scale = np.array(metadata.scale_values, np.float32).reshape(1, 3, 1, 1, 1)
        values = (values - mean) / scale
    return values


def check_clips(clips: Clips, metadata: DeployMetadata) -> None:
    """Raise ValueError for a wrong shape or type: a mistake of the calling code, not the user."""
    kind = "uint8" if metadata.landmarks is None else "float32"
    if clips.ndim != 5 or clips.shape[1:] != metadata.clip_shape or clips.dtype != kind:
        expected = f"(N, {', '.join(map(str, metadata.clip_shape))}) {kind}"
        raise ValueError(f"clips {clips.shape} {clips.dtype}, expected {expected}")


def stack_scores(rows: list[Scores], metadata: DeployMetadata) -> Scores:
    """Stack N rows (C,) to (N, C), also where there is no row."""
    return np.stack(rows) if rows else np.zeros((0, len(metadata.labels)), np.float32)

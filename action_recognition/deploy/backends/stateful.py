"""Stateful networks in any engine: k frames a call, a separate state for each stream."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.backends.protocol import (
    Clips,
    InferenceThreads,
    Scores,
    check_clips,
    stack_scores,
)
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.stateful_layout import StatefulLayout

STATE_PREFIX: Final = "state_"
NEXT_STATE_PREFIX: Final = "next_state_"


class Stepper(Protocol):
    """The network with the state of one stream."""

    def step(self, frames: Clips) -> Scores:
        """Take the next frames_per_call frames (k, H, W, 3) uint8 RGB, or landmarks (k, 2, 21, 4).

        Returns cosines (S, C), oldest first.
        """
        ...

    def reset(self) -> None:
        """Return to the state before the first frame."""
        ...


class StatefulBackend:
    """A `Backend` whose streams have separate states.

    A clip is scored as a stream that begins with it, by its last score. Hands mostly go back to
    rest in a clip, so one of landmarks is scored by the mean of its scores.
    `num_requests` is the number of steppers that are best called side by side.
    """

    def __init__(
        self,
        metadata: DeployMetadata,
        runs_as: str,
        new_stepper: Callable[[], Stepper],
        num_requests: int = 1,
    ) -> None:
        assert metadata.stream is not None
        self.metadata, self.runs_as = metadata, runs_as
        self.new_stepper, self.num_requests = new_stepper, num_requests
        self.layout: StatefulLayout = metadata.stream
        self._own: Stepper | None = None
        self._queue = InferenceThreads(self.scores)

    def scores(self, clips: Clips) -> Scores:
        """Score clips, as `Backend.scores` says."""
        check_clips(clips, self.metadata)
        return stack_scores([self._clip_score(clip) for clip in clips], self.metadata)

    def submit(self, clip: Clips) -> Future[Scores]:
        """Score one clip later, as `Backend.submit` says."""
        check_clips(clip[None], self.metadata)
        return self._queue.submit(clip)

    def _clip_score(self, clip: Clips) -> Scores:
        # A stepper for clips alone, apart from those of streams.
        if self._own is None:
            self._own = self.new_stepper()
        self._own.reset()

        # (3, T, H, W) -> (T, H, W, 3)
        frames, k = clip.transpose(1, 2, 3, 0), self.layout.frames_per_call
        scores = [self._own.step(frames[start : start + k]) for start in range(0, len(frames), k)]
        if self.metadata.landmarks is not None:
            mean: Scores = np.concatenate(scores).mean(axis=0)
            return mean
        last: Scores = scores[-1][-1]
        return last


def frame_input(
    frames: Clips, metadata: DeployMetadata
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """Convert frames (k, H, W, 3) uint8 RGB to the input of a stateful graph.

    Returns its colour order as uint8, or as float32 and normalised if the graph does not do so.
    Landmarks (k, 2, 21, 4) are taken as they are.
    """
    if metadata.landmarks is not None:
        return np.ascontiguousarray(frames, np.float32)
    ordered = np.ascontiguousarray(frames[..., ::-1] if metadata.color_order == "BGR" else frames)
    if metadata.normalization == "embedded":
        return ordered
    mean = np.array(metadata.mean_values, np.float32)
    scale = np.array(metadata.scale_values, np.float32)
    return (ordered.astype(np.float32) - mean) / scale

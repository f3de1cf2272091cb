"""Networks that keep a state: k frames a call, a state for each stream, whatever engine they run in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.backends.model_files import Shape
from action_recognition.deploy.backends.protocol import (
    InferenceThreads,
    Pixels,
    Scores,
    check_clips,
    stack_scores,
)
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.stateful_layout import StatefulLayout
from action_recognition.errors import user_error

STATE_PREFIX: Final = "state_"
NEXT_STATE_PREFIX: Final = "next_state_"


class Stepper(Protocol):
    """The network with the state of one stream."""

    def step(self, frames: Pixels) -> Scores:
        """The next frames_per_call frames (k, H, W, 3) uint8 RGB -> (S, C) cosines, oldest first."""
        ...

    def reset(self) -> None:
        """As if no frame had come yet."""
        ...


class StatefulBackend:
    """A `Backend` of which each stream has a state of its own; a clip is scored as a stream that begins with it, by its last score.

    `num_requests`: how many steppers are best called side by side.
    """

    def __init__(
        self,
        metadata: DeployMetadata,
        runs_as: str,
        new_stepper: Callable[[], Stepper],
        num_requests: int = 1,
    ) -> None:
        assert metadata.stream is not None
        self.metadata, self.runs_as, self.new_stepper, self.num_requests = (
            metadata,
            runs_as,
            new_stepper,
            num_requests,
        )
        self.layout: StatefulLayout = metadata.stream
        self._own: Stepper | None = None
        self._queue = InferenceThreads(self.scores)

    def scores(self, clips: Pixels) -> Scores:
        """As `Backend.scores`."""
        check_clips(clips, self.metadata)
        return stack_scores([self._clip_score(clip) for clip in clips], self.metadata)

    def submit(self, clip: Pixels) -> Future[Scores]:
        check_clips(clip[None], self.metadata)
        return self._queue.submit(clip)

    def _clip_score(self, clip: Pixels) -> Scores:
        if self._own is None:
            self._own = self.new_stepper()
        self._own.reset()
        frames = clip.transpose(1, 2, 3, 0)
        calls = range(0, len(frames), self.layout.frames_per_call)
        scores = [
            self._own.step(frames[start : start + self.layout.frames_per_call]) for start in calls
        ]
        last: Scores = scores[-1][-1]
        return last


def frame_input(
    frames: Pixels, metadata: DeployMetadata
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """Frames (k, H, W, 3) uint8 RGB -> what a stateful graph takes: its colour order, uint8, or float32 normalised if it does not do so."""
    ordered = np.ascontiguousarray(frames[..., ::-1] if metadata.color_order == "BGR" else frames)
    if metadata.normalization == "embedded":
        return ordered
    mean, scale = (
        np.array(values, np.float32) for values in (metadata.mean_values, metadata.scale_values)
    )
    return (ordered.astype(np.float32) - mean) / scale


def check_stateful_shapes(
    path: Path, metadata: DeployMetadata, frames: Shape, scores: Shape
) -> None:
    """A `UserError` when a network that keeps a state is not the one that its metadata describe."""
    layout, side = metadata.stream, metadata.resize.crop_size
    if layout is None:
        raise user_error(
            str(path),
            "keeps a state, but its metadata do not say how it is fed",
            fix="export the model again with export.py",
        )
    expected_frames = (layout.frames_per_call, side, side, 3)
    expected_scores = (layout.frames_per_call // layout.frames_per_score, len(metadata.labels))
    if (frames, scores) != (expected_frames, expected_scores):
        found = f"takes {frames} and gives {scores}, its metadata say {expected_frames} and {expected_scores}"
        raise user_error(str(path), found, fix="export the model again with export.py")
    if metadata.clip_len % layout.frames_per_call:
        found = (
            f"clips of {metadata.clip_len} frames are no whole calls of {layout.frames_per_call}"
        )
        raise user_error(str(path), found, fix="export the model again with export.py")

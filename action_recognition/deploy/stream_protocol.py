"""Interface of live streams over any network: frames in, scores out, one state per stream."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.backends.protocol import Scores
from action_recognition.deploy.metadata import DeployMetadata

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
StreamMode = Literal["window", "stateful"]


@dataclass(frozen=True, slots=True)
class StepScores:
    """The cosine of each label, (C,) float32, after the model frame `frame`.

    Attributes:
        frame: counted from 0 at the last reset.
        inference_ms: the time of the call, shared by all steps that it gave.
        is_warm: False while the network has seen fewer frames than the clips that it was trained
            and measured on. A decision may wait for that.

    """

    frame: int
    scores: Scores
    inference_ms: float
    is_warm: bool


class Stream(Protocol):
    """One track of one source.

    Only one thread at a time may use it. Several threads may feed streams of one model.
    """

    def feed(self, picture: Picture) -> list[StepScores]:
        """Take the next model frame, (crop_size, crop_size, 3) uint8 RGB.

        Returns the scores that it completed, oldest first, often none.
        """
        ...

    def finish(self) -> list[StepScores]:
        """Return the scores of frames that were too few for one, at the end of a source.

        The stream takes more frames only after a reset.
        """
        ...

    def reset(self) -> None:
        """Forget all frames: the next one is frame 0 again."""
        ...


class StreamModel(Protocol):
    """A compiled network, its metadata, and streams over it."""

    metadata: DeployMetadata
    runs_as: str

    @property
    def mode(self) -> StreamMode:
        """Return the kind of stream: a window that slides or a network with memory."""
        ...

    @property
    def frames_per_score(self) -> int:
        """Return the number of model frames from one score to the next."""
        ...

    def open_stream(self) -> Stream:
        """Open a stream with its own state over the same compiled network."""
        ...

    def feed_all(self, pictures: Sequence[tuple[Stream, Picture]]) -> list[list[StepScores]]:
        """Feed each of several different streams its next picture, in parallel if possible."""
        ...


class SideBySide:
    """Feeds streams one after another, or in as many threads as the engine wants requests at once.

    OpenVINO wants one request for the hint `latency`.
    """

    def __init__(self, num_requests: int) -> None:
        self._threads: ThreadPoolExecutor | None = None
        if num_requests > 1:
            self._threads = ThreadPoolExecutor(num_requests, thread_name_prefix="stream")

    def feed_all(self, pictures: Sequence[tuple[Stream, Picture]]) -> list[list[StepScores]]:
        """Feed each stream its picture, as `StreamModel.feed_all` says."""
        # A single picture gains nothing from threads.
        if self._threads is None or len(pictures) < 2:
            return [stream.feed(picture) for stream, picture in pictures]
        return list(self._threads.map(lambda pair: pair[0].feed(pair[1]), pictures))


def check_picture(picture: Picture, metadata: DeployMetadata) -> None:
    """Raise ValueError for a wrong shape or type: a mistake of the calling code, not the user."""
    side = metadata.resize.crop_size
    if picture.shape != (side, side, 3) or picture.dtype != np.uint8:
        expected = f"({side}, {side}, 3) uint8 RGB"
        raise ValueError(f"a picture {picture.shape} {picture.dtype}, expected {expected}")

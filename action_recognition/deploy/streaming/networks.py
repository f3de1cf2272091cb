"""A network that is fed block by block: what the engine needs of it, and the sliding window of a clip model in that form.

Window and stateful networks share everything but what stands behind this protocol.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

import numpy as np

from action_recognition.deploy.backends.protocol import Backend, Pixels, Scores
from action_recognition.deploy.metadata import DeployMetadata

PREDICTIONS_PER_S = 3.5
"""How often a window is scored at least where nobody says otherwise: often enough to decide within a third of a second."""


class StepStream(Protocol):
    """What a network remembers of one person in one stream; the weights are the network's, shared by all of its streams."""

    def feed(self, block: Pixels) -> Scores:
        """`block_len` frames (3, k, H, W) uint8 RGB 0..255, cropped -> the cosines of the steps that they completed, (S, C) float32.

        The steps share the block's time evenly, the last one ends with it; S may be 0.
        """
        ...

    def finish(self) -> Scores:
        """The steps (S, C) that are still owed when the source ends, before anything was said; mostly none."""
        ...

    def reset(self) -> None:
        """Forget everything: the next block is the first."""
        ...


class StepNetwork(Protocol):
    """A compiled model that takes frames at `frame_rate_fps`, `block_len` a call, for any number of streams."""

    metadata: DeployMetadata
    runs_as: str
    frame_rate_fps: float
    block_len: int

    def open(self) -> StepStream:
        """A stream of its own, with nothing in its memory."""
        ...


class WindowNetwork:
    """A clip model over a sliding window: frames come one by one, the window is scored once every `stride` of them.

    A model of few frames a second is fed `fold` times as many, of which a window takes every `fold`-th: else it could say
    something only when its next frame is due. `stride` None chooses both so that it is scored `PREDICTIONS_PER_S` times a second.
    """

    block_len = 1

    def __init__(self, backend: Backend, stride: int | None = None) -> None:
        self.backend = backend
        self.metadata, self.runs_as = backend.metadata, backend.runs_as
        rate = self.metadata.frame_rate_fps
        self.fold = max(1, math.ceil(PREDICTIONS_PER_S / rate)) if stride is None else 1
        self.stride = stride or max(1, int(rate * self.fold / PREDICTIONS_PER_S))
        self.frame_rate_fps = rate * self.fold

    def open(self) -> StepStream:
        return _WindowStream(self)


class _WindowStream:
    def __init__(self, network: WindowNetwork) -> None:
        self._network = network
        self._frames: deque[Pixels] = deque(maxlen=(network.metadata.clip_len - 1) * network.fold + 1)
        self.reset()

    def reset(self) -> None:
        self._frames.clear()
        self._num_waiting = 0
        self._has_scored = False

    def feed(self, block: Pixels) -> Scores:
        self._frames.append(block)
        self._num_waiting += 1
        if len(self._frames) < (self._frames.maxlen or 0) or (self._has_scored and self._num_waiting < self._network.stride):
            return self._nothing()
        return self._score(list(self._frames)[:: self._network.fold])

    def finish(self) -> Scores:
        """A source that was shorter than the window: the window of evaluation, its ends repeated."""
        if self._has_scored or not self._frames:
            return self._nothing()
        frames = list(self._frames)[:: self._network.fold]
        num_missing = self._network.metadata.clip_len - len(frames)
        num_before = num_missing // 2
        return self._score([frames[0]] * num_before + frames + [frames[-1]] * (num_missing - num_before))

    def _score(self, blocks: list[Pixels]) -> Scores:
        self._num_waiting, self._has_scored = 0, True
        return self._network.backend.scores(np.concatenate(blocks, axis=1)[None])

    def _nothing(self) -> Scores:
        return np.zeros((0, len(self._network.metadata.labels)), np.float32)

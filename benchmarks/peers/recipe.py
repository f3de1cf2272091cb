"""A competitor: the values that are tried on val people, and how it learns from clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.data.landmarks.sampling import spread_places
from action_recognition.hands.slots import HandArray
from benchmarks.peers.clips import ClipSet

Scores = Callable[[ClipSet], NDArray[np.float32]]
"""Takes N clips and returns (N, C), the highest score being the answer."""

Values = Mapping[str, Any]
NUM_CANDIDATES: Final = 6
"""Values that every competitor may try on val: the budget."""


class Fit(Protocol):
    """Learns from clips of `num_classes` classes."""

    def __call__(self, train: ClipSet, num_classes: int, values: Values, seed: int) -> Scores:
        """Return what scores clips."""


@dataclass(frozen=True)
class Recipe:
    """A competitor by name, with at most `NUM_CANDIDATES` sets of values."""

    name: str
    title: str
    candidates: Sequence[Values]
    fit: Fit

    def __post_init__(self) -> None:
        assert 1 <= len(self.candidates) <= NUM_CANDIDATES, self.name

    def shortened(self) -> Recipe:
        """Return it with one candidate, and a fiftieth of its training."""
        values = dict(self.candidates[0])
        for key in ("epochs", "steps"):
            if key in values:
                values[key] = max(2, values[key] // 50)
        return dataclasses.replace(self, candidates=[values])


def around_wrist(hands: HandArray) -> NDArray[np.float32]:
    """Return (T, 2, 21, 3): points from the wrist, over the farthest of them in x or y.

    What was not seen is 0.
    """
    points = hands[..., :3] - hands[:, :, :1, :3]
    far = np.abs(points[..., :2]).max(axis=(2, 3), keepdims=True)
    return np.asarray(points / np.maximum(far, 1e-3), np.float32)


def in_picture(hands: HandArray, size_hw: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (T, 2, 21, 3): points as MediaPipe gives them, in shares of the picture."""
    height, width = size_hw.tolist()
    return np.asarray(hands[..., :3] / np.array([width, height, width], np.float32), np.float32)


def last_frames(values: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """Return the last frames (number, ...) of a clip, zeros before a shorter one."""
    kept = values[-number:]
    padding = np.zeros((number - len(kept), *values.shape[1:]), np.float32)
    return np.concatenate([padding, kept])


def spread_frames(values: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """Return frames (number, ...) from the first to the last of a clip."""
    return np.asarray(values[spread_places(len(values), number)])


@dataclass(frozen=True)
class Schedule:
    """How a network is trained: passes over the clips, clips at once, and the optimiser.

    `most_steps` ends the passes early where there are many clips.
    """

    epochs: int
    batch_size: int
    make: Callable[[nn.Module], torch.optim.Optimizer]
    cosine: bool = False
    most_steps: int = 1_000_000


def train_network(
    network: nn.Module,
    inputs: Callable[[np.random.Generator], Tensor],
    labels: NDArray[np.int64],
    schedule: Schedule,
    seed: int,
) -> None:
    """Train with cross entropy. `inputs` draws all clips (N, ...) anew for every epoch."""
    torch.manual_seed(seed)
    rng, targets = np.random.default_rng(seed), torch.from_numpy(labels)
    optimizer = schedule.make(network)
    steps_an_epoch = -(-len(labels) // schedule.batch_size)
    epochs = max(1, min(schedule.epochs, schedule.most_steps // steps_an_epoch))
    steps = steps_an_epoch * epochs
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if schedule.cosine else None
    network.train()
    for _ in range(epochs):
        clips = inputs(rng)
        order = torch.from_numpy(rng.permutation(len(labels)))
        for batch in torch.split(order, schedule.batch_size):
            # A batch norm learns nothing from a single clip.
            if len(batch) < 2:
                continue
            optimizer.zero_grad()
            F.cross_entropy(network(clips[batch]), targets[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if rate is not None:
                rate.step()
    network.eval()


def scores_of(network: nn.Module, inputs: Tensor) -> NDArray[np.float32]:
    """Return the scores (N, C) of clips (N, ...)."""
    with torch.inference_mode():
        found = torch.cat([network(part) for part in torch.split(inputs, 128)])
    return np.asarray(found.numpy())

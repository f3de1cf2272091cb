"""A graph network over the joints of both hands, after ST-GCN, in code of our own.

A block mixes the joints of a frame by three matrices (a joint itself, those nearer to the wrist,
those farther), each with learned weights beside it, and then convolves over time. Both hands go
through the same blocks and are averaged, as persons are in the original. Joints are given with
their bones. The training is that of pyskl's recipe: SGD with Nesterov momentum, 0.1 along a cosine,
weight decay 5e-4, uniform random frames.
Sources: Yan, Xiong, Lin, Spatial temporal graph convolutional networks, 2018; Duan et al., PYSKL,
2022. The blocks are narrower and fewer than theirs, for a CPU.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from action_recognition.hands.slots import HandArray, while_seen
from benchmarks.peers.clips import ClipSet
from benchmarks.peers.recipe import (
    Recipe,
    Schedule,
    Scores,
    Values,
    scores_of,
    spread_frames,
    train_network,
)

_FRAMES: Final = 20
_PARENTS: Final = (0, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19)
_VALUES: Final = 7
# Channels of each block, and its step over time.
_BLOCKS: Final = ((24, 1), (32, 2), (48, 1), (64, 2))


def partitions() -> Tensor:
    """Return (3, 21, 21): itself, towards the wrist, away from it. Rows sum to 1 or 0."""
    matrices = np.zeros((3, 21, 21), np.float32)
    matrices[0] = np.eye(21)
    for joint, parent in enumerate(_PARENTS[1:], start=1):
        matrices[1, joint, parent] = 1.0
        matrices[2, parent, joint] = 1.0
    return torch.from_numpy(matrices / np.maximum(matrices.sum(-1, keepdims=True), 1.0))


class Block(nn.Module):
    """Joints, then time, with a way round both.

    Shape: (N, channels, T, 21) -> (N, others, T / step, 21).
    """

    joints: Tensor

    def __init__(self, before: int, after: int, step: int) -> None:
        super().__init__()
        self.register_buffer("joints", partitions(), persistent=False)
        self.learned = nn.Parameter(torch.zeros(3, 21, 21))
        self.mix = nn.Conv2d(before, 3 * after, 1)
        self.norm = nn.BatchNorm2d(after)
        self.time = nn.Conv2d(after, after, (5, 1), (step, 1), (2, 0))
        self.time_norm = nn.BatchNorm2d(after)
        self.around = nn.Conv2d(before, after, 1, (step, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the mixed values."""
        parts = self.mix(x).unflatten(1, (3, -1))
        mixed = torch.einsum("npctv,pwv->nctw", parts, self.joints + self.learned)
        moved = self.time_norm(self.time(torch.relu(self.norm(mixed))))
        summed: Tensor = torch.relu(moved + self.around(x))
        return summed


class HandGraphNet(nn.Module):
    """Blocks over the joints of both hands, averaged over all of them.

    Shape: (N, 7, T, 2, 21) -> (N, classes).
    """

    def __init__(self, num_classes: int, dropout: float) -> None:
        super().__init__()
        channels = [_VALUES, *(channels for channels, _ in _BLOCKS)]
        self.norm = nn.BatchNorm1d(2 * 21 * _VALUES)
        self.blocks = nn.Sequential(
            *(
                Block(before, after, step)
                for before, (after, step) in zip(channels, _BLOCKS, strict=False)
            )
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels[-1], num_classes))

    def forward(self, clips: Tensor) -> Tensor:
        """Return the scores."""
        number, _, length, hands, points = clips.shape
        flat = clips.permute(0, 3, 4, 1, 2).reshape(number, -1, length)
        x = self.norm(flat).view(number, hands, points, _VALUES, length)
        x = x.permute(0, 1, 3, 4, 2).flatten(0, 1)
        pooled = self.blocks(x).mean((2, 3)).view(number, hands, -1).mean(1)
        scores: Tensor = self.head(pooled)
        return scores


def joint_values(hands: HandArray) -> NDArray[np.float32]:
    """Return (T, 2, 21, 7): joints around the clip's mean place, bones, seen. Unseen is 0."""
    shown = while_seen(hands)
    seen = shown[..., 3:]
    number = max(1.0, float(seen.sum()))
    centre = (shown[..., :3] * seen).sum((0, 1, 2)) / number
    spread = np.sqrt((((shown[..., :2] - centre[:2]) ** 2) * seen).sum() / number)
    joints = (shown[..., :3] - centre) / max(float(spread), 1e-3)
    bones = joints - joints[:, :, list(_PARENTS)]
    together = np.concatenate([joints * seen, 3.0 * bones * seen, seen], -1)
    return np.asarray(together, np.float32)


def _inputs(clips: list[NDArray[np.float32]], rng: np.random.Generator | None) -> Tensor:
    """Return (N, 7, T, 2, 21): frames spread evenly, or one at random of each equal part."""
    rows = []
    for clip in clips:
        if rng is None:
            rows.append(spread_frames(clip, _FRAMES))
            continue
        edges = np.linspace(0, len(clip), _FRAMES + 1)
        places = np.floor(edges[:-1] + rng.random(_FRAMES) * np.diff(edges)).astype(int)
        rows.append(clip[np.minimum(places, len(clip) - 1)])
    return torch.from_numpy(np.stack(rows).transpose(0, 4, 1, 2, 3).copy())


def fit(train: ClipSet, num_classes: int, values: Values, seed: int) -> Scores:
    """Train a network for a fixed number of steps, whatever the number of clips."""
    torch.manual_seed(seed)
    network = HandGraphNet(num_classes, values["dropout"])
    clips = [joint_values(hands) for hands in train.hands]
    steps_an_epoch = -(-len(clips) // values["batch"])
    epochs = max(1, values["steps"] // steps_an_epoch)
    sgd = functools.partial(
        torch.optim.SGD, lr=values["rate"], momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    schedule = Schedule(epochs, values["batch"], lambda net: sgd(net.parameters()), cosine=True)
    train_network(network, lambda rng: _inputs(clips, rng), train.labels, schedule, seed)

    def scores(others: ClipSet) -> NDArray[np.float32]:
        return scores_of(network, _inputs([joint_values(hands) for hands in others.hands], None))

    return scores


GRAPH = Recipe(
    "graph",
    "(c) graph network",
    [
        {"rate": rate, "steps": steps, "batch": 16, "dropout": dropout}
        for rate, steps, dropout in (
            (0.1, 300, 0.0),
            (0.05, 300, 0.0),
            (0.02, 300, 0.0),
            (0.1, 300, 0.5),
            (0.05, 300, 0.5),
            (0.1, 600, 0.5),
        )
    ],
    fit,
)

"""The recipe that is copied most: landmarks of the last frames into a small network.

It goes round in two forms. One flattens the last frames and has two hidden layers with dropout. The
other stacks LSTM layers of 64, 128 and 64 units over 30 frames and adds two dense layers. Both are
trained by Adam at 1e-3. This is code of our own after descriptions of them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.peers.clips import ClipSet
from benchmarks.peers.recipe import (
    Recipe,
    Schedule,
    Scores,
    Values,
    around_wrist,
    in_picture,
    last_frames,
    scores_of,
    spread_frames,
    train_network,
)

_COORDINATES: Final = 2 * 21 * 3
# A network of 17 classes is right about its training clips long before.
_MOST_STEPS: Final = 600


def clip_input(clips: ClipSet, values: Values) -> Tensor:
    """Return (N, frames, 126) float32, as the recipe's values say."""
    number, layout = values["frames"], values["take"]
    take = last_frames if layout == "last" else spread_frames
    rows = []
    for hands, size_hw in zip(clips.hands, clips.sizes_hw, strict=True):
        points = around_wrist(hands) if values["wrist"] else in_picture(hands, size_hw)
        rows.append(take(points.reshape(len(points), _COORDINATES), number))
    return torch.from_numpy(np.stack(rows))


def two_layers(num_classes: int, values: Values) -> nn.Module:
    """Return the network of two hidden layers."""
    first, second = values["hidden"]
    return nn.Sequential(
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(values["frames"] * _COORDINATES, first),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, num_classes),
    )


class StackedLstm(nn.Module):
    """LSTM layers, the last state of which goes through two dense layers.

    Shape: (N, frames, 126) -> (N, classes).
    """

    def __init__(self, num_classes: int, values: Values) -> None:
        super().__init__()
        sizes = [_COORDINATES, *values["hidden"]]
        self.layers = nn.ModuleList(
            nn.LSTM(before, after, batch_first=True) for before, after in itertools.pairwise(sizes)
        )
        self.head = nn.Sequential(
            nn.Linear(sizes[-1], 64),
            nn.ReLU(),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Linear(32, num_classes),
        )

    def forward(self, clips: Tensor) -> Tensor:
        """Return the scores."""
        x = clips
        for layer in self.layers:
            x, _ = layer(x)
        scores: Tensor = self.head(x[:, -1])
        return scores


def _fit(
    make: Callable[[int, Values], nn.Module],
    train: ClipSet,
    num_classes: int,
    values: Values,
    seed: int,
) -> Scores:
    torch.manual_seed(seed)
    network, clips = make(num_classes, values), clip_input(train, values)
    rate = values["rate"]
    schedule = Schedule(
        values["epochs"],
        32,
        lambda module: torch.optim.Adam(module.parameters(), rate),
        most_steps=_MOST_STEPS,
    )
    train_network(network, lambda _: clips, train.labels, schedule, seed)

    def scores(others: ClipSet) -> NDArray[np.float32]:
        return scores_of(network, clip_input(others, values))

    return scores


def _values(take: str, frames: int, wrist: bool, hidden: tuple[int, ...], epochs: int) -> Values:
    return {
        "take": take, "frames": frames, "wrist": wrist, "hidden": hidden, "epochs": epochs,
        "rate": 1e-3,
    }  # fmt: skip


TWO_LAYERS = Recipe(
    "kit-two-layers",
    "(a) kit: two layers",
    [
        _values("last", 16, True, (24, 10), 200),
        _values("last", 16, True, (128, 64), 200),
        _values("last", 30, True, (128, 64), 200),
        _values("spread", 30, True, (128, 64), 200),
        _values("spread", 30, True, (256, 128), 200),
        _values("spread", 30, False, (128, 64), 200),
    ],
    functools.partial(_fit, two_layers),
)
STACKED_LSTM = Recipe(
    "kit-lstm",
    "(a) kit: stacked LSTM",
    [
        _values("last", 30, False, (64, 128, 64), 60),
        _values("last", 30, True, (64, 128, 64), 60),
        _values("spread", 30, False, (64, 128, 64), 60),
        _values("spread", 30, True, (64, 128, 64), 60),
        _values("spread", 30, True, (64, 64), 60),
        _values("spread", 30, True, (64, 128, 64), 120),
    ],
    functools.partial(_fit, StackedLstm),
)

"""Nearest neighbours by dynamic time warping of landmarks.

The distance of two clips is the mean distance of their frames along the best path through both, at
steps of one frame in either or both, within a band around the diagonal.
Source: Sakoe and Chiba, Dynamic programming algorithm optimization for spoken word recognition,
1978, symmetric form with equal weights.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from action_recognition.hands.slots import PALM_BONES, HandArray, while_seen
from benchmarks.peers.clips import ClipSet
from benchmarks.peers.recipe import Recipe, Scores, Values, around_wrist, spread_frames

_FRAMES: Final = 20
_CLIPS_AT_ONCE: Final = 16


def frame_values(hands: HandArray, place_weight: float, depth_weight: float) -> NDArray[np.float32]:
    """Return (frames, F): points around the wrist, and the wrists' place in palms of the clip.

    The weights are those of the place, and of z beside x and y.
    """
    shown = while_seen(hands)
    seen = shown[:, :, 0, 3:]
    first, second = (list(side) for side in zip(*PALM_BONES, strict=True))
    ways = shown[:, :, first, :2] - shown[:, :, second, :2]
    palm = np.linalg.norm(ways, axis=-1).mean(-1, keepdims=True)
    number = max(1.0, float(seen.sum()))
    unit = max(1e-3, float((palm * seen).sum()) / number)

    wrists = shown[:, :, 0, :2]
    mean = (wrists * seen).sum((0, 1)) / number
    place = place_weight * (wrists - mean) / unit * seen
    axes = np.array([1.0, 1.0, depth_weight], np.float32)
    shape = around_wrist(shown) * seen[..., None] * axes
    rows = np.concatenate([shape.reshape(len(shown), -1), place.reshape(len(shown), -1)], 1)
    return spread_frames(rows.astype(np.float32), _FRAMES)


def warped_distances(
    ours: NDArray[np.float32], others: NDArray[np.float32], band: int
) -> NDArray[np.float32]:
    """Return the distances (N, M) of clips (N, T, F) and (M, T, F)."""
    found = [
        _distances_of_some(ours[start : start + _CLIPS_AT_ONCE], others, band)
        for start in range(0, len(ours), _CLIPS_AT_ONCE)
    ]
    return np.concatenate(found)


def _distances_of_some(
    ours: NDArray[np.float32], others: NDArray[np.float32], band: int
) -> NDArray[np.float32]:
    (number, length, size), many = ours.shape, len(others)
    flat, flat_others = ours.reshape(-1, size), others.reshape(-1, size)
    squares = (flat**2).sum(1)[:, None] + (flat_others**2).sum(1) - 2.0 * flat @ flat_others.T
    cost = np.sqrt(np.maximum(squares, 0.0)).reshape(number, length, many, length)
    # Times first, so that a step handles all pairs of clips together.
    cost = np.ascontiguousarray(cost.transpose(1, 3, 0, 2))

    best = np.full((length + 1, length + 1, number, many), np.inf, np.float32)
    best[0, 0] = 0.0
    for i in range(length):
        for j in range(max(0, i - band), min(length, i + band + 1)):
            before = np.minimum(np.minimum(best[i, j], best[i, j + 1]), best[i + 1, j])
            best[i + 1, j + 1] = cost[i, j] + before
    return np.asarray(best[length, length] / length)


def fit(train: ClipSet, num_classes: int, values: Values, seed: int) -> Scores:
    """Keep the clips. `seed` has no part in it."""
    weights, band, neighbours = (values["place"], values["z"]), values["band"], values["neighbours"]
    known = np.stack([frame_values(hands, *weights) for hands in train.hands])

    def scores(clips: ClipSet) -> NDArray[np.float32]:
        asked = np.stack([frame_values(hands, *weights) for hands in clips.hands])
        distances = warped_distances(asked, known, band)
        nearest = np.argsort(distances, axis=1)[:, :neighbours]
        votes = np.zeros((len(clips), num_classes), np.float32)
        for place in range(nearest.shape[1]):
            # A nearer one breaks ties.
            rows, here = np.arange(len(clips)), nearest[:, place]
            closeness = 1.0 / (1e-3 + distances[rows, here])
            votes[rows, train.labels[here]] += 1.0 + 1e-3 * closeness
        return votes

    return scores


TIME_WARPING = Recipe(
    "dtw",
    "(b) nearest by time warping",
    [
        {"place": place, "z": depth, "band": band, "neighbours": neighbours}
        for place, depth, band, neighbours in (
            (0.0, 1.0, 6, 1),
            (0.3, 1.0, 6, 1),
            (0.3, 0.0, 6, 1),
            (1.0, 0.0, 6, 1),
            (0.3, 0.0, 6, 3),
            (0.3, 0.0, 3, 1),
        )
    ],
    fit,
)

"""The clips of a data set as landmarks: the same clips, people and draws for every competitor."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.landmarks.sampling import frames_of_clip
from action_recognition.data.landmarks.store import LandmarkStore
from action_recognition.data.listed_clips import ListedClip, listed_clips
from action_recognition.hands.slots import HandArray, hand_array
from action_recognition.training.studies.subsets import nested_subset

RATE_FPS: Final = 10.0
SPLITS: Final = ("train", "val", "test")
SIZES: Final = (1, 3, 5, 10, None)
"""Training clips a class. None takes all."""

SEEDS: Final = (0, 1, 2)


@dataclass(frozen=True, eq=False)
class ClipSet:
    """Clips with their labels.

    Attributes:
        hands: one (T, 2, 21, 4) a clip, in pixels, all of its tracked frames.
        sizes_hw: (N, 2) the pictures' height and width.
        labels: (N,) int64.

    """

    hands: Sequence[HandArray]
    sizes_hw: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, places: Sequence[int] | NDArray[np.int64]) -> ClipSet:
        """Return the clips at some places."""
        chosen = np.asarray(places, np.int64)
        hands = [self.hands[place] for place in chosen.tolist()]
        return ClipSet(hands, self.sizes_hw[chosen], self.labels[chosen])


@dataclass(frozen=True, eq=False)
class DataSet:
    """The splits of a data set, and the names of its classes."""

    name: str
    splits: dict[str, ClipSet]
    classes: Sequence[str]

    def training_part(self, size: int | None, seed: int) -> ClipSet:
        """Return `size` training clips a class, those of `train.py --learning-curve`."""
        train = self.splits["train"]
        return train.part(nested_subset(train.labels.tolist(), size, seed))


def listed(data_root: Path, name: str, splits: Sequence[str] = SPLITS) -> list[ListedClip]:
    """Return the clips of some splits as their files list them."""
    folder = data_root / name
    clips, _ = listed_clips([folder / f"{split}.txt" for split in splits], [folder], None)
    return clips


def most_wanted_first(data_root: Path, name: str) -> list[ListedClip]:
    """Return all clips, those of val and test first, then those that small draws need."""
    train = listed(data_root, name, ["train"])
    labels = [clip.record.label for clip in train]
    order = [
        place for size in SIZES for seed in SEEDS for place in nested_subset(labels, size, seed)
    ]
    wanted = [train[place] for place in dict.fromkeys(order)]
    return [*listed(data_root, name, ["val", "test"]), *wanted]


def load_data_set(data_root: Path, name: str, store: LandmarkStore) -> DataSet:
    """Return a data set out of a store. Raises UserError: a clip was not tracked."""
    splits = {}
    for split in SPLITS:
        clips = listed(data_root, name, [split])
        found = [_clip(store, clip) for clip in clips]
        splits[split] = ClipSet(
            [hands for hands, _ in found],
            np.stack([size for _, size in found]),
            np.array([clip.record.label for clip in clips], np.int64),
        )
        print(f"{name}: {len(clips)} clips of {split}", file=sys.stderr, flush=True)
    folder = data_root / name
    _, classes = listed_clips([folder / "train.txt"], [folder], None)
    return DataSet(name, splits, classes)


def _clip(store: LandmarkStore, clip: ListedClip) -> tuple[HandArray, NDArray[np.int64]]:
    landmarks, record = store.load(clip.record)
    frames = frames_of_clip(landmarks.tracked_frames, record.clip_start, record.clip_end)
    return hand_array(landmarks, frames), landmarks.frame_size_hw

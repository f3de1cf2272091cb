"""Fragments of landmark streams as a torch data set, for networks that decide in every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.batches import DamagedClip, Sample
from action_recognition.data.clip_table import labels_of
from action_recognition.data.datasets import ClipDataset, ItemKey
from action_recognition.data.landmarks.datasets import LandmarkDataset, mirrored
from action_recognition.data.landmarks.fragments import FragmentMaker, Material
from action_recognition.data.landmarks.sampling import as_network_input, frames_of_clip
from action_recognition.data.landmarks.store import LandmarkStore
from action_recognition.errors import UserError, user_error
from action_recognition.hands.causal_slots import causal_hand_array
from action_recognition.template import LandmarkAugmentation, LandmarkInput

_TRIES = 8  # of a neighbour, before a clip stands beside itself
_MAX_IN_MEMORY = 20_000  # clips


class LandmarkStreamDataset(Dataset[Sample | DamagedClip]):
    """Training fragments (4, T, 2, 21) float32, each around a clip, with a label for every frame.

    What comes before and behind the clip are other clips, drawn at random. Keys and randomness are
    those of `data.datasets.ClipDataset`. A clip without a hand becomes a `DamagedClip`, unless it
    is of the class without a gesture.
    """

    def __init__(
        self,
        records: Sequence[ClipRecord],
        clip_input: LandmarkInput,
        store: LandmarkStore,
        augmentation: LandmarkAugmentation,
        negative: int,
        label_swaps: Mapping[int, int] | None = None,
        seed: int = 0,
    ) -> None:
        self.records, self.clip_input, self.store = records, clip_input, store
        self.augmentation, self.negative = augmentation, negative
        self.label_swaps, self.seed = dict(label_swaps or {}), seed
        self._maker = FragmentMaker(
            clip_input.clip_len, clip_input.tracking_rate_fps, negative, augmentation.time_warp
        )
        self._material: dict[int, Material] = {}

    def __len__(self) -> int:
        return len(self.records)

    def labels(self) -> NDArray[np.int32]:
        """Return the label of every record."""
        return labels_of(self.records)

    def num_without_hand(self) -> int:
        """Return how many clips show no hand. Those that cannot be read do not count."""
        count = 0
        for index in range(len(self.records)):
            try:
                count += not self._clip(index).hands[..., -1].any()
            except UserError:
                continue
        return count

    def __getitem__(self, key: ItemKey) -> Sample | DamagedClip:
        epoch, index, number = key if isinstance(key, tuple) else (0, key, 0)
        rng = np.random.default_rng([self.seed, epoch, index, number])
        try:
            clip = self._clip(index)
            if not clip.hands[..., -1].any() and clip.label != self.negative:
                raise user_error(str(self.records[index].path), "no hand is seen in it")
        except UserError as error:
            return DamagedClip(index, f"{self.records[index].line}: {error}")

        before, behind = self._neighbour(clip, rng), self._neighbour(clip, rng)
        hands, targets = self._maker.make(before, clip, behind, rng)
        label = clip.label
        if rng.random() < self.augmentation.flip.probability:
            hands, label = mirrored(hands), self.label_swaps.get(label, label)
            swapped = [self.label_swaps.get(item, item) for item in targets.tolist()]
            targets = np.array(swapped)
        values = torch.from_numpy(as_network_input(hands))
        return Sample(values, label, index, targets=torch.from_numpy(targets))

    def _neighbour(self, clip: Material, rng: np.random.Generator) -> Material:
        """Return a random clip that can stand beside another one, or that one itself.

        A clip that cannot be read, or shows no hand where a gesture should be, teaches nothing.
        """
        for index in rng.integers(len(self.records), size=_TRIES).tolist():
            try:
                other = self._clip(index)
            except UserError:
                continue
            if other.label == self.negative or other.hands[..., -1].any():
                return other
        return clip

    def _clip(self, index: int) -> Material:
        """Return a clip in all of its tracked frames. Raises UserError."""
        found = self._material.get(index)
        if found is None:
            landmarks, record = self.store.load(self.records[index])
            frames = frames_of_clip(landmarks.tracked_frames, record.clip_start, record.clip_end)
            inside = np.isin(landmarks.tracked_frames, frames)
            found = Material.of(causal_hand_array(landmarks)[inside], int(record.label))
            if len(self._material) < _MAX_IN_MEMORY:
                self._material[index] = found
        return found


AnyClipDataset = ClipDataset | LandmarkDataset | LandmarkStreamDataset
"""The clips of a run, as its network takes them."""

"""Landmarks of annotated clips as a torch data set. Hands are tracked before, by `tracking`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.batches import DamagedClip, Sample
from action_recognition.data.clip_table import labels_of
from action_recognition.data.datasets import ItemKey
from action_recognition.data.landmarks.sampling import (
    as_network_input,
    frames_of_clip,
    spread_places,
    warped_places,
)
from action_recognition.data.landmarks.store import LandmarkStore
from action_recognition.errors import UserError, user_error
from action_recognition.hands.slots import HandArray, hand_array, while_seen
from action_recognition.template import LandmarkAugmentation, LandmarkInput

_MAX_IN_MEMORY = 20_000  # clips


class LandmarkDataset(Dataset[Sample | DamagedClip]):
    """Landmark clips (4, T, 2, 21) float32 of annotation records, out of a store.

    Keys and randomness are those of `data.datasets.ClipDataset`. A clip that cannot be read, or in
    which no hand was seen, becomes a `DamagedClip` in training: it would teach that nothing is a
    gesture. Evaluation keeps it.
    """

    def __init__(
        self,
        records: Sequence[ClipRecord],
        clip_input: LandmarkInput,
        store: LandmarkStore,
        augmentation: LandmarkAugmentation | None = None,
        label_swaps: Mapping[int, int] | None = None,
        seed: int = 0,
    ) -> None:
        self.records, self.clip_input, self.store = records, clip_input, store
        self.augmentation = augmentation
        self.label_swaps = dict(label_swaps or {})
        self.seed = seed
        self._labels = labels_of(records)
        self._all_inside = torch.ones(clip_input.clip_len, dtype=torch.bool)
        # A set that fits into memory is read once: 40 kB for a clip of four seconds. Frames are the
        # second axis, as in what the network takes, so that taking some of them is all the work.
        self._arrays: dict[int, HandArray] = {}

    def __len__(self) -> int:
        return len(self.records)

    def labels(self) -> NDArray[np.int32]:
        """Return the label of every record."""
        return self._labels

    def num_without_hand(self) -> int:
        """Return how many clips show no hand. Those that cannot be read do not count."""
        count = 0
        for index in range(len(self.records)):
            try:
                count += not self._array(index)[-1].any()
            except UserError:
                continue
        return count

    def __getitem__(self, key: ItemKey) -> Sample | DamagedClip:
        epoch, index, number = key if isinstance(key, tuple) else (0, key, 0)
        try:
            array = self._array(index)
            if self.augmentation is not None and not array[-1].any():
                raise user_error(str(self.records[index].path), "no hand is seen in it")
        except UserError as error:
            return DamagedClip(index, f"{self.records[index].line}: {error}")

        label, length = int(self._labels[index]), self.clip_input.clip_len
        if self.augmentation is None:
            return _sample(_spread(array, length), label, index)
        rng = np.random.default_rng([self.seed, epoch, index, number])
        return self._random_sample(array, label, index, self.augmentation, rng)

    def _random_sample(
        self,
        array: HandArray,
        label: int,
        index: int,
        augmentation: LandmarkAugmentation,
        rng: np.random.Generator,
    ) -> Sample:
        """Take frames at random places, and mirror the label with the hands."""
        warp, cut = augmentation.time_warp, augmentation.cut_ends
        length = self.clip_input.clip_len
        clip = array.take(warped_places(array.shape[1], length, warp, cut, rng), 1)
        if not clip[-1].any():
            # The drawn frames are all without a hand.
            clip = _spread(array, length)
        if rng.random() < augmentation.flip.probability:
            clip = as_network_input(mirrored(clip.transpose(1, 2, 3, 0)))
            label = self.label_swaps.get(label, label)
        return _sample(clip, label, index)._replace(inside=self._all_inside)

    def _array(self, index: int) -> HandArray:
        """Return the hands (4, F, 2, 21) of a clip in all tracked frames. Raises UserError."""
        found = self._arrays.get(index)
        if found is None:
            found = as_network_input(clip_array(self.store, self.records[index]))
            if len(self._arrays) < _MAX_IN_MEMORY:
                self._arrays[index] = found
        return found


def clip_array(store: LandmarkStore, listed: ClipRecord) -> HandArray:
    """Return the hands (T, 2, 21, 4) of a clip in its tracked frames, while any is seen, T >= 1.

    Raises UserError: it cannot be read, or was not tracked.
    """
    landmarks, record = store.load(listed)
    frames = frames_of_clip(landmarks.tracked_frames, record.clip_start, record.clip_end)
    return while_seen(hand_array(landmarks, frames))


def mirrored(clip: HandArray) -> HandArray:
    """Return the hands (T, 2, 21, 4) as a mirror shows them: left and right change places."""
    swapped = np.ascontiguousarray(clip[:, ::-1])
    swapped[..., 0] *= -1.0
    return swapped


def _spread(array: HandArray, length: int) -> HandArray:
    """Return the clip (4, T, 2, 21) of evaluation, out of hands (4, F, 2, 21)."""
    return array.take(spread_places(array.shape[1], length), 1)


def _sample(clip: HandArray, label: int, index: int) -> Sample:
    return Sample(torch.from_numpy(clip), label, index)

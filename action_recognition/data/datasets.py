"""Clips of annotation records as a torch data set.

Randomness is a pure function of (seed, epoch, index, clip number). The order of workers, resuming
and other machines change nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.augmentation import (
    move_as_reference,
    recolour_as_reference,
    trivially_augmented,
)
from action_recognition.data.batches import DamagedClip, Sample
from action_recognition.data.clip_table import labels_of
from action_recognition.data.frame_source import FileFrames, FrameSource
from action_recognition.data.sampling import (
    centre_frame_indices,
    random_frame_indices,
    varied_frame_indices,
)
from action_recognition.data.transforms import Frames, canvas_side, fitted_clip, mirror_clip
from action_recognition.errors import UserError
from action_recognition.template import (
    Augmentation,
    BatchAugmentation,
    ClipInput,
    LandmarkAugmentation,
    ReferenceAugmentation,
    TrivialAugmentation,
)

# Encoders leave as many frames between key frames by default.
# One pass over more frames decodes some that a seek would leave out.
_KEY_FRAME_DISTANCE = 250

ItemKey = int | tuple[int, int, int]
"""An index (evaluation), or (epoch, index, number of the clip among those of its video)."""


class ClipDataset(Dataset[Sample | DamagedClip]):
    """Clips of annotation records: the centre ones, or random ones with `augmentation`.

    `label_swaps` maps labels to those of the mirrored clip, see `labels.label_swap_map`. Keys are
    `index`, or `(epoch, index, clip number)` for a random clip. A clip that cannot be read becomes
    a `DamagedClip`. Other errors are ours and are raised. Frames come from `source`, by default
    from the files, shrunk where the recipe takes smaller ones.
    """

    def __init__(
        self,
        records: Sequence[ClipRecord],
        clip_input: ClipInput,
        augmentation: Augmentation | None = None,
        label_swaps: Mapping[int, int] | None = None,
        seed: int = 0,
        source: FrameSource | None = None,
    ) -> None:
        self.source = source or FileFrames(clip_input.resize_short_side)
        self.records = records
        self.clip_input = clip_input
        self.augmentation = augmentation
        self.label_swaps = dict(label_swaps or {})
        self.seed = seed

    def __len__(self) -> int:
        return len(self.records)

    def labels(self) -> NDArray[np.int32]:
        """Return the label of every record."""
        return labels_of(self.records)

    def __getitem__(self, key: ItemKey) -> Sample | DamagedClip:
        # Evaluation asks by index.
        epoch, index, number = key if isinstance(key, tuple) else (0, key, 0)
        if self.augmentation is not None:
            return self._random_samples(self.augmentation, epoch, index, [number])[0]

        record = self.records[index]
        try:
            record = self.source.complete(record, self.clip_input.frame_rate_fps)
            return _sample(self._centre_clip(record), record.label, index)
        except UserError as error:
            return DamagedClip(index, f"{record.line}: {error}")

    def __getitems__(self, keys: Sequence[ItemKey]) -> list[Sample | DamagedClip]:
        """Return the clips that single keys give. DataLoader calls this for a batch.

        Clips of one video that follow each other are read together.
        """
        items: list[Sample | DamagedClip] = []

        for video, group in itertools.groupby(keys, _video_of):
            several = list(group)
            if self.augmentation is None or video is None or len(several) == 1:
                items += [self[key] for key in several]
            else:
                numbers = [key[2] for key in several if isinstance(key, tuple)]
                items += self._random_samples(self.augmentation, *video, numbers)

        return items

    def _centre_clip(self, record: ClipRecord) -> Frames:
        spec = self.clip_input
        indices = centre_frame_indices(record, spec.clip_len, spec.frame_rate_fps)
        return self._fitted(self.source.read(record, indices))

    def _random_samples(
        self, augmentation: Augmentation, epoch: int, index: int, numbers: Sequence[int]
    ) -> list[Sample | DamagedClip]:
        """Return the clips of those numbers of one video.

        Each is what it would be alone. But where one is damaged, all are.
        """
        record = self.records[index]
        # One generator per clip: it does not depend on the others of its batch.
        rngs = [np.random.default_rng([self.seed, epoch, index, number]) for number in numbers]
        try:
            record = self.source.complete(record, self.clip_input.frame_rate_fps)
            places = [self._random_frame_indices(record, augmentation, rng) for rng in rngs]
            clips = self._read(record, places)
            parts = zip(clips, places, rngs, strict=True)
            return [self._random_sample(record, augmentation, index, *part) for part in parts]
        except UserError as error:
            return [DamagedClip(index, f"{record.line}: {error}") for _ in numbers]

    def _read(self, record: ClipRecord, places: Sequence[list[int]]) -> Sequence[Frames]:
        """Read several clips of a video, in one pass unless they are far from each other."""
        # A pass decodes all frames between the first and the last wanted one.
        joined = [place for clip in places for place in clip]
        if len(places) == 1 or max(joined) - min(joined) >= _KEY_FRAME_DISTANCE:
            return [self.source.read(record, clip) for clip in places]
        return np.split(self.source.read(record, joined), len(places))

    def _random_sample(
        self,
        record: ClipRecord,
        augmentation: Augmentation,
        index: int,
        frames: Frames,
        frame_indices: list[int],
        rng: np.random.Generator,
    ) -> Sample:
        """Change the frames of a window as the recipe draws it, and mirror the label with them."""
        # The order of the draws is part of the recipe: changes, mirroring, colours.
        clip, label = self._random_clip(frames, augmentation, rng), record.label
        if rng.random() < augmentation.flip.probability:
            clip, label = mirror_clip(clip), self.label_swaps.get(label, label)
        if isinstance(augmentation, ReferenceAugmentation):
            clip = recolour_as_reference(clip, augmentation, rng)

        inside = [record.clip_start <= i < record.clip_end for i in frame_indices]
        return _sample(clip, label, index)._replace(inside=torch.tensor(inside))

    def _random_frame_indices(
        self, record: ClipRecord, augmentation: Augmentation, rng: np.random.Generator
    ) -> list[int]:
        assert not isinstance(augmentation, LandmarkAugmentation)
        spec, jitter = self.clip_input, augmentation.temporal_jitter
        if isinstance(augmentation, BatchAugmentation):
            speed = augmentation.temporal_speed_max
            return varied_frame_indices(
                record, spec.clip_len, spec.frame_rate_fps, speed, jitter, rng
            )
        return random_frame_indices(record, spec.clip_len, spec.frame_rate_fps, jitter, rng)

    def _random_clip(
        self, frames: Frames, augmentation: Augmentation, rng: np.random.Generator
    ) -> Frames:
        """Return a window of a video, changed but not mirrored.

        The reference recipe takes a random crop, TrivialAugment the changed crop of evaluation.
        Batch augmentation gets the canvas in which the device crops: `canvas_side` pixels square,
        at the scale of evaluation and around the same centre.
        """
        spec = self.clip_input
        if isinstance(augmentation, ReferenceAugmentation):
            return move_as_reference(frames, spec, augmentation, rng)
        if isinstance(augmentation, TrivialAugmentation):
            seed = int(rng.integers(2**63))
            return trivially_augmented(self._fitted(frames), spec.mean_values, seed)
        return self._fitted(frames, canvas_side(spec.crop_size))

    def _fitted(self, frames: Frames, side: int | None = None) -> Frames:
        spec = self.clip_input
        return fitted_clip(frames, spec.resize_short_side, spec.crop_size, spec.mean_values, side)


def _video_of(key: ItemKey) -> tuple[int, int] | None:
    """Return (epoch, index) of the key of a random clip, None for an index."""
    return key[:2] if isinstance(key, tuple) else None


def _sample(clip_thwc: Frames, label: int, index: int) -> Sample:
    # (T, H, W, 3) to (3, T, H, W).
    planes = np.empty((3, *clip_thwc.shape[:3]), np.uint8)
    for place, frame in enumerate(clip_thwc):
        # Five times as fast as numpy's transposed copy.
        cv2.split(frame, [planes[channel, place] for channel in range(3)])
    return Sample(torch.from_numpy(planes), label, index)

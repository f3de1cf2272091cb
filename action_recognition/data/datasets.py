"""Clips as a torch data set, the orders in which to read them, and batches.

Randomness is a pure function of (seed, epoch, index, clip number): the order of workers, resuming and other machines change nothing.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from action_recognition.data.annotations import ClipRecord, ClipTable
from action_recognition.data.augmentation import (
    move_as_reference,
    recolour_as_reference,
    trivially_augmented,
)
from action_recognition.data.frame_source import FileFrames, FrameSource
from action_recognition.data.sampling import (
    centre_frame_indices,
    random_frame_indices,
    varied_frame_indices,
)
from action_recognition.data.transforms import Frames, canvas_side, fitted_clip, mirror_clip
from action_recognition.data.video import set_decode_threads
from action_recognition.errors import Problem, UserError, nearest
from action_recognition.template import (
    Augmentation,
    BatchAugmentation,
    ClipInput,
    ReferenceAugmentation,
    TrivialAugmentation,
)

_KEY_FRAME_DISTANCE = 250  # what encoders leave between them by default: a pass over more decodes what a seek would leave out

ItemKey = int | tuple[int, int, int]
"""An index (evaluation) or (epoch, index, number of the clip among those of its video) (training)."""


class Sample(NamedTuple):
    """One clip: (3, T, H, W) uint8 RGB 0..255; the label after mirroring; its place in the data set.

    `inside` (T,) bool of a random clip: which frames lie within the annotated clip.
    """

    clip: torch.Tensor
    label: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls on a sample
    inside: torch.Tensor | None = None


class DamagedClip(NamedTuple):
    """A clip that could not be read: `message` names the annotation line and the file."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls on a sample
    message: str


class Batch(NamedTuple):
    """`clips` (N, 3, T, H, W) uint8 RGB 0..255; `labels` and `indices` (N,) int64; N is 0 when every clip is damaged.

    `inside` (N, T) bool of random clips, see `Sample`.
    """

    clips: torch.Tensor
    labels: torch.Tensor
    indices: torch.Tensor
    damaged: list[DamagedClip]
    inside: torch.Tensor | None = None


def label_swap_map(label_swaps: Mapping[str, str], labels: Sequence[str]) -> dict[int, int]:
    """Label after mirroring for each label that changes, both ways; pairs of which no label is in use are left out.

    >>> label_swap_map({"left": "right"}, ["right", "stop", "left"])
    {2: 0, 0: 2}
    """
    where = "training.augmentation.flip.label_swaps"
    problems: list[Problem] = []
    swaps: dict[int, int] = {}
    for pair in label_swaps.items():
        unknown = [name for name in pair if name not in labels]
        if len(unknown) == 1:
            fix = "add the class, or set flip.probability to 0 and remove the pair"
            problems.append(
                Problem(
                    where,
                    f"{unknown[0]!r} of {pair} is no label of this run{nearest(unknown[0], labels)}",
                    fix=fix,
                )
            )
        if unknown:
            continue
        first, second = (labels.index(name) for name in pair)
        if swaps.get(first, second) != second or swaps.get(second, first) != first:
            problems.append(
                Problem(
                    where,
                    f"a label of {pair} swaps with another label too",
                    "one partner for each label",
                )
            )
        swaps |= {first: second, second: first}
    if problems:
        raise UserError(problems)
    return swaps


class ClipDataset(Dataset[Sample | DamagedClip]):
    """Clips of annotation records: centre sampling and centre crop, or random ones with `augmentation`, see `_random_clip`.

    `label_swaps` maps labels to those of the mirrored clip, see `label_swap_map`.
    Keys are `index`, or `(epoch, index, clip number)` for a random clip.
    A clip that cannot be read becomes a `DamagedClip`; other errors are ours and are raised.
    Frames come from `source`, by default the files, shrunk where the recipe takes smaller ones.
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
        """The label of every record."""
        records = self.records
        return (
            records.labels
            if isinstance(records, ClipTable)
            else np.array([record.label for record in records], dtype=np.int32)
        )

    def __getitem__(self, key: ItemKey) -> Sample | DamagedClip:
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
        """The same clips as one by one; those of one video that follow each other are read together. (DataLoader asks for it.)"""
        items: list[Sample | DamagedClip] = []
        for video, group in itertools.groupby(
            keys, lambda key: key[:2] if isinstance(key, tuple) else None
        ):
            several = list(group)
            if self.augmentation is None or video is None or len(several) == 1:
                items += [self[key] for key in several]
            else:
                items += self._random_samples(
                    self.augmentation,
                    video[0],
                    video[1],
                    [key[2] for key in several if isinstance(key, tuple)],
                )
        return items

    def _centre_clip(self, record: ClipRecord) -> NDArray[np.uint8]:
        spec = self.clip_input
        frames = self.source.read(
            record, centre_frame_indices(record, spec.clip_len, spec.frame_rate_fps)
        )
        return fitted_clip(frames, spec.resize_short_side, spec.crop_size, spec.mean_values)

    def _random_samples(
        self, augmentation: Augmentation, epoch: int, index: int, numbers: Sequence[int]
    ) -> list[Sample | DamagedClip]:
        """The clips of those numbers of one video; each is what it would be alone, but that damage of one is that of all."""
        record = self.records[index]
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
        """The frames of several clips of a video, in one pass over it unless they are far from each other."""
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
        clip = self._random_clip(frames, augmentation, rng)
        mirrored = rng.random() < augmentation.flip.probability
        if mirrored:
            clip = mirror_clip(clip)
        if isinstance(augmentation, ReferenceAugmentation):
            clip = recolour_as_reference(clip, augmentation, rng)
        sample = _sample(
            clip,
            self.label_swaps.get(record.label, record.label) if mirrored else record.label,
            index,
        )
        return sample._replace(
            inside=torch.tensor([record.clip_start <= i < record.clip_end for i in frame_indices])
        )

    def _random_frame_indices(
        self, record: ClipRecord, augmentation: Augmentation, rng: np.random.Generator
    ) -> list[int]:
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
        """A window of a video, changed but not mirrored: the reference recipe's random crop, or the canvas in which the device crops.

        With TrivialAugment it is evaluation's crop, changed.
        A canvas is `canvas_side` pixels square, at the scale of evaluation and around the same centre.
        """
        spec = self.clip_input
        if isinstance(augmentation, BatchAugmentation):
            return fitted_clip(
                frames,
                spec.resize_short_side,
                spec.crop_size,
                spec.mean_values,
                canvas_side(spec.crop_size),
            )
        if isinstance(augmentation, TrivialAugmentation):
            clip = fitted_clip(frames, spec.resize_short_side, spec.crop_size, spec.mean_values)
            return trivially_augmented(clip, spec.mean_values, int(rng.integers(2**63)))
        return move_as_reference(frames, spec, augmentation, rng)


def _sample(clip_thwc: NDArray[np.uint8], label: int, index: int) -> Sample:
    planes = np.empty((3, *clip_thwc.shape[:3]), np.uint8)
    for place, frame in enumerate(clip_thwc):
        cv2.split(
            frame, [planes[channel, place] for channel in range(3)]
        )  # five times as fast as numpy's transposed copy
    return Sample(torch.from_numpy(planes), label, index)


class EpochShuffleSampler(Sampler[tuple[int, int, int]]):
    """(epoch, index, clip number) of every clip in an order seeded by (seed, epoch), one share per rank.

    All ranks get equally many: the order is repeated from its beginning where that needs more clips than there are.
    The `clips_per_video` clips of one record follow each other. An order is a pure function of (seed, epoch).
    """

    def __init__(
        self,
        num_records: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        clips_per_video: int = 1,
    ) -> None:
        self.num_records, self.seed, self.rank, self.world_size = (
            num_records,
            seed,
            rank,
            world_size,
        )
        self.clips_per_video = clips_per_video
        self.epoch = 0
        self._behind: dict[int, int] = {}

    def skip(self, epoch: int, num_clips: int) -> None:
        """Leave out the first clips of this rank's share of one epoch: a run that goes on has them behind it. The length stays."""
        self._behind = {epoch: num_clips}

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.num_records // self.world_size) * self.clips_per_video

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        order = self._order(
            len(self) // self.clips_per_video * self.world_size,
            np.random.default_rng([self.seed, self.epoch]),
        )
        first = self._behind.get(self.epoch, 0)
        share = order[self.rank :: self.world_size]
        for place in range(first, len(self)):
            yield (
                self.epoch,
                int(share[place // self.clips_per_video]),
                place % self.clips_per_video,
            )

    def _order(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """The `count` records of an epoch of all ranks."""
        return np.resize(rng.permutation(self.num_records), count)


class ClassBalancedSampler(EpochShuffleSampler):
    """As `EpochShuffleSampler`, as many clips, but every class that has clips equally often, up to rounding.

    Clips of rare classes come more than once an epoch, those of frequent ones only in some epochs.
    Clips of one class differ by at most one in how often they come.
    """

    def __init__(
        self,
        labels: Sequence[int] | NDArray[np.int32],
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        clips_per_video: int = 1,
    ) -> None:
        super().__init__(len(labels), seed, rank, world_size, clips_per_video)
        self._labels = np.array(labels)

    def _order(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        classes = rng.permutation(
            np.unique(self._labels)
        )  # which of them get one more is drawn, too
        shares = [
            count // len(classes) + (place < count % len(classes)) for place in range(len(classes))
        ]
        drawn = [
            np.resize(rng.permutation(np.flatnonzero(self._labels == label)), share)
            for label, share in zip(classes, shares, strict=True)
        ]
        return rng.permutation(np.concatenate(drawn))


class ShareSampler(Sampler[int]):
    """Every `world_size`-th index from `rank`: over all ranks each clip exactly once, for evaluation."""

    def __init__(self, num_clips: int, rank: int = 0, world_size: int = 1) -> None:
        self._share = range(rank, num_clips, world_size)

    def __len__(self) -> int:
        return len(self._share)

    def __iter__(self) -> Iterator[int]:
        return iter(self._share)


def collate(items: Sequence[Sample | DamagedClip]) -> Batch:
    """A batch of the clips that could be read, and the damaged ones; of a video with a damaged clip none is taken."""
    damaged = [item for item in items if isinstance(item, DamagedClip)]
    without = {item.index for item in damaged}
    samples = [item for item in items if isinstance(item, Sample) and item.index not in without]
    clips = (
        torch.stack([sample.clip for sample in samples])
        if samples
        else torch.empty(0, 3, 0, 0, 0, dtype=torch.uint8)
    )
    labels, indices = ([getattr(sample, name) for sample in samples] for name in ("label", "index"))
    places = [sample.inside for sample in samples if sample.inside is not None]
    inside = torch.stack(places) if samples and len(places) == len(samples) else None
    return Batch(
        clips,
        torch.tensor(labels, dtype=torch.int64),
        torch.tensor(indices, dtype=torch.int64),
        damaged,
        inside,
    )


def make_loader(
    dataset: ClipDataset,
    batch_size: int,
    sampler: Sampler[int] | Sampler[tuple[int, int, int]],
    num_workers: int = 0,
    drop_last: bool = False,
    pin_memory: bool = False,
) -> DataLoader[Batch]:
    """Batches (`Batch`) in the sampler's order; workers live as long as the loader."""
    if num_workers:
        _end_workers_at_exit()
    loader: DataLoader[Batch] = DataLoader(
        dataset,  # type: ignore[arg-type]  # DataLoader[T] is typed by its items, we name what it yields
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        drop_last=drop_last,
        pin_memory=pin_memory,
        collate_fn=collate,
        worker_init_fn=_start_worker,
        persistent_workers=num_workers > 0,
    )
    return loader


@functools.cache
def _end_workers_at_exit() -> None:
    atexit.register(_kill_workers)  # after that of multiprocessing, so it runs before


def _kill_workers() -> None:
    # Python ends daemons by SIGTERM, which workers ignore, and waits: for ever, where a loader is in use still, as after an interruption.
    workers = [child for child in multiprocessing.active_children() if child.daemon]
    if workers and hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch takes a killed worker for a failure
    for worker in workers:
        worker.kill()


def _start_worker(worker_id: int) -> None:
    # Ctrl-C in a terminal and a cluster's SIGTERM reach all processes; the main one still needs clips until it has saved.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    cv2.setNumThreads(0)  # the workers are the parallel part
    set_decode_threads(1)

"""The orders in which an epoch reads the clips of a data set.

An order is a pure function of (seed, epoch). It does not depend on workers, resuming or the
machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler


class EpochShuffleSampler(Sampler[tuple[int, int, int]]):
    """Yields (epoch, index, clip number) of every clip, in an order drawn by (seed, epoch).

    Each rank has a share of the order. All ranks get equally many. The order is repeated from
    its beginning where that needs more clips than the data set has. The `clips_per_video` clips of
    one record follow each other. An epoch makes that many `passes` over the data set, each in an
    order of its own and with other clips of every record.
    """

    def __init__(
        self,
        num_records: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        clips_per_video: int = 1,
        passes: int = 1,
    ) -> None:
        self.num_records, self.seed = num_records, seed
        self.rank, self.world_size = rank, world_size
        self.clips_per_video, self.passes = clips_per_video, passes
        self.epoch = 0
        self._behind: dict[int, int] = {}

    def skip(self, epoch: int, num_clips: int) -> None:
        """Leave out the first clips of this rank's share of one epoch. The length stays.

        A run that resumes has them behind it.
        """
        self._behind = {epoch: num_clips}

    def set_epoch(self, epoch: int) -> None:
        """Choose the order. Lightning calls this before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        # Rounded up: the ranks get equally many.
        num_all = self.num_records * self.passes
        return -(-num_all // self.world_size) * self.clips_per_video

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        num_of_all_ranks = len(self) // self.clips_per_video * self.world_size
        order = self._order(num_of_all_ranks, np.random.default_rng([self.seed, self.epoch]))
        share = order[self.rank :: self.world_size]

        # A run that resumes continues after the clips that it has seen.
        first = self._behind.get(self.epoch, 0)
        for place in range(first, len(self)):
            video, number = divmod(place, self.clips_per_video)
            yield self.epoch, int(share[video]), number + self._first_number(video)

    def _first_number(self, video: int) -> int:
        """Return the number of the first clip of a record: other ones in every pass."""
        if self.passes == 1:
            return 0
        place = video * self.world_size + self.rank
        return place // self.num_records * self.clips_per_video

    def _order(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the `count` records of an epoch of all ranks."""
        orders = [rng.permutation(self.num_records) for _ in range(self.passes)]
        # `resize` repeats the order where more clips are needed than there are.
        return np.resize(np.concatenate(orders), count)


class ClassBalancedSampler(EpochShuffleSampler):
    """As `EpochShuffleSampler`, as many clips, but every class that has clips equally often.

    Classes differ by rounding only. Clips of rare classes come more than once an epoch, those of
    frequent ones only in some epochs. Clips of one class differ by at most one in how often they
    come.
    """

    def __init__(
        self,
        labels: Sequence[int] | NDArray[np.int32],
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        clips_per_video: int = 1,
        passes: int = 1,
    ) -> None:
        super().__init__(len(labels), seed, rank, world_size, clips_per_video, passes)
        self._labels = np.array(labels)

    def _order(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        # The order of the classes is drawn too: the first ones get one clip more.
        classes = rng.permutation(np.unique(self._labels))
        share, rest = divmod(count, len(classes))
        drawn = []
        for place, label in enumerate(classes):
            of_class = rng.permutation(np.flatnonzero(self._labels == label))
            drawn.append(np.resize(of_class, share + (place < rest)))

        # Until here the clips of a class are next to each other.
        return rng.permutation(np.concatenate(drawn))


class ShareSampler(Sampler[int]):
    """Yields every `world_size`-th index from `rank`, for evaluation.

    Over all ranks each clip comes exactly once.
    """

    def __init__(self, num_clips: int, rank: int = 0, world_size: int = 1) -> None:
        self._share = range(rank, num_clips, world_size)

    def __len__(self) -> int:
        return len(self._share)

    def __iter__(self) -> Iterator[int]:
        return iter(self._share)

"""Orders of clips: shares cover every clip, and an order follows (seed, epoch) only."""

from __future__ import annotations

from collections import Counter

import pytest

from action_recognition.data.clip_orders import (
    ClassBalancedSampler,
    EpochShuffleSampler,
    ShareSampler,
)


@pytest.mark.parametrize(("num_clips", "world_size"), [(10, 1), (10, 3), (2, 5), (12, 4)])
def test_training_shares_are_equal_and_cover_every_clip(num_clips: int, world_size: int) -> None:
    """Ranks get equally many, and no clip comes twice before all have come once."""
    samplers = [EpochShuffleSampler(num_clips, 5, rank, world_size) for rank in range(world_size)]
    shares = [list(sampler) for sampler in samplers]

    assert {len(share) for share in shares} == {len(samplers[0])} == {-(-num_clips // world_size)}
    # A share may repeat clips, to be as long as the others.
    counts = Counter(index for share in shares for _, index, _ in share)
    assert set(counts) == set(range(num_clips))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_training_order_changes_with_epoch_and_seed_only() -> None:
    """The same epoch and seed give the same order again."""
    sampler = EpochShuffleSampler(50, seed=1)
    first = list(sampler)

    assert first == list(EpochShuffleSampler(50, seed=1)) == list(sampler)
    sampler.set_epoch(1)
    assert {epoch for epoch, _, _ in sampler} == {1}
    orders = [
        [index for _, index, _ in order]
        for order in (first, sampler, EpochShuffleSampler(50, seed=2))
    ]
    assert orders[0] != orders[1] and orders[0] != orders[2] and orders[0] != list(range(50))


@pytest.mark.parametrize("world_size", [1, 3])
def test_balanced_sampling_gives_every_class_equally_often(world_size: int) -> None:
    """Classes, and the clips of a class, differ by one at most."""
    labels = [0] * 2 + [3] * 30 + [5] * 11  # no clip of the other classes
    plain = EpochShuffleSampler(len(labels), 5, 0, world_size)
    for epoch in range(4):
        # As many ranks as a run has processes.
        samplers = [ClassBalancedSampler(labels, 5, rank, world_size) for rank in range(world_size)]
        for sampler in samplers:
            sampler.set_epoch(epoch)
        shares = [list(sampler) for sampler in samplers]
        assert {len(share) for share in shares} == {len(samplers[0])} == {len(plain)}
        counts = Counter(index for share in shares for _, index, _ in share)
        times = {
            label: [counts[i] for i in range(len(labels)) if labels[i] == label]
            for label in (0, 3, 5)
        }
        by_class = [sum(of_class) for of_class in times.values()]
        assert max(by_class) - min(by_class) <= 1 and sum(by_class) == len(plain) * world_size
        assert all(max(of_class) - min(of_class) <= 1 for of_class in times.values())

        # The classes are mixed.
        drawn = [labels[index] for _, index, _ in shares[0]]
        assert drawn != sorted(drawn)


def test_balanced_orders_change_with_epoch_and_seed_only() -> None:
    """Over 12 epochs every clip of the frequent class comes."""
    labels = [0] * 4 + [1] * 20
    sampler = ClassBalancedSampler(labels, seed=1, clips_per_video=2)
    first = list(sampler)

    assert first == list(ClassBalancedSampler(labels, seed=1, clips_per_video=2)) == list(sampler)
    assert len(first) == len(sampler) == 48
    assert all(
        one[:2] == two[:2] and (one[2], two[2]) == (0, 1)
        for one, two in zip(first[::2], first[1::2], strict=True)
    )
    sampler.set_epoch(1)
    second = list(sampler)
    other_seed = list(ClassBalancedSampler(labels, seed=2, clips_per_video=2))
    assert [key[1] for key in first] != [key[1] for key in second] and first != other_seed
    seen: set[int] = set()
    for epoch in range(12):  # which clips of the frequent class come changes too
        sampler.set_epoch(epoch)
        seen |= {index for _, index, _ in sampler}
    assert seen == set(range(24))


@pytest.mark.parametrize(("num_clips", "world_size"), [(10, 1), (10, 3), (2, 5)])
def test_evaluation_counts_each_clip_exactly_once(num_clips: int, world_size: int) -> None:
    """The shares of all ranks together are every index once."""
    shares = [list(ShareSampler(num_clips, rank, world_size)) for rank in range(world_size)]
    assert [len(share) for share in shares] == [
        len(ShareSampler(num_clips, rank, world_size)) for rank in range(world_size)
    ]
    assert sorted(index for share in shares for index in share) == list(range(num_clips))


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_several_passes_give_other_clips_of_every_record(world_size: int) -> None:
    samplers = [
        EpochShuffleSampler(12, 5, rank, world_size, clips_per_video=2, passes=4)
        for rank in range(world_size)
    ]
    keys = [key for sampler in samplers for key in sampler]
    assert len(keys) == 12 * 2 * 4 and len(set(keys)) == len(keys)
    assert set(Counter(index for _, index, _ in keys).values()) == {8}
    assert {number for _, _, number in keys} == set(range(8))

    # A resumed run continues where it stopped.
    samplers[0].skip(0, 6)
    assert list(samplers[0]) == [key for key in EpochShuffleSampler(12, 5, 0, world_size, 2, 4)][6:]

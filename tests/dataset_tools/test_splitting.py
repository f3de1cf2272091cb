"""Splits by person: nobody in two parts, every class in every part where that can be, the same for
the same seed.
"""

from __future__ import annotations

import numpy as np
import pytest

from action_recognition.dataset_tools.splitting import (
    missing_lines,
    parse_fractions,
    person_groups,
    split_clips,
    tie_together,
)
from action_recognition.errors import UserError

FRACTIONS = [0.7, 0.15, 0.15]


def clips_of_people(
    num_people: int, num_classes: int, seed: int = 0
) -> tuple[list[list[str]], list[int]]:
    """Up to 3 clips of each class and person, some classes missing."""
    counts = np.random.default_rng(seed).integers(0, 4, size=(num_people, num_classes))
    rows = [
        (f"p{person}", label)
        for (person, label), count in np.ndenumerate(counts)
        for _ in range(count)
    ]
    return [[person] for person, _ in rows], [label for _, label in rows]


@pytest.mark.parametrize("num_people", [3, 9, 40])
def test_nobody_is_in_two_parts_and_every_class_is_in_all(num_people: int) -> None:
    groups, labels = clips_of_people(num_people, 12, seed=num_people)
    plan = split_clips(groups, labels, FRACTIONS, seed=0)
    parts_of = {
        person: {part for (name,), part in zip(groups, plan.parts, strict=True) if name == person}
        for (person,) in groups
    }
    assert all(len(parts) == 1 for parts in parts_of.values())
    assert set(plan.parts) == {0, 1, 2}
    if num_people > 3:
        assert plan.missing == []


def test_shares_are_near_the_fractions() -> None:
    groups, labels = clips_of_people(40, 12)
    shares = np.bincount(split_clips(groups, labels, FRACTIONS, seed=0).parts) / len(labels)
    assert np.abs(shares - FRACTIONS).max() < 0.03


def test_without_people_every_class_is_cut_at_the_fractions() -> None:
    labels = [label for label in range(5) for _ in range(20)]
    plan = split_clips([[str(clip)] for clip in range(100)], labels, FRACTIONS, seed=3)
    for label in range(5):
        assert np.bincount(
            [part for part, own in zip(plan.parts, labels, strict=True) if own == label]
        ).tolist() == [14, 3, 3]


def test_many_clips_take_the_short_way_with_the_same_result() -> None:
    labels = [clip % 10 for clip in range(6000)]
    parts = split_clips([[str(clip)] for clip in range(6000)], labels, FRACTIONS, seed=0).parts
    assert np.abs(np.bincount(parts) - np.array([4200, 900, 900])).max() <= 10


def test_the_seed_decides() -> None:
    groups, labels = clips_of_people(20, 5)
    first, again, other = (
        split_clips(groups, labels, FRACTIONS, seed=seed).parts for seed in (1, 1, 2)
    )
    assert first == again and first != other


def test_a_rare_class_is_in_every_part_although_its_people_have_many_clips() -> None:
    groups = [[f"p{person}"] for person in range(12) for _ in range(10 if person < 3 else 2)]
    labels = [0 if i % 10 == 0 and int(name[0][1:]) < 3 else 1 for i, name in enumerate(groups)]
    assert split_clips(groups, labels, FRACTIONS, seed=0).missing == []


def test_what_cannot_be_is_said() -> None:
    plan = split_clips([["anna"], ["anna"], ["ben"]], [0, 1, 1], [0.5, 0.5], seed=0)
    part_of_anna = plan.parts[0]
    assert plan.missing == [(1 - part_of_anna, 0)]


def test_a_part_of_size_0_stays_empty() -> None:
    groups, labels = clips_of_people(9, 4)
    assert set(split_clips(groups, labels, [0.8, 0.2, 0.0], seed=0).parts) == {0, 1}


def test_people_who_share_a_video_stay_together() -> None:
    assert tie_together([["anna", "a"], ["ben", "b"], ["carl", "c"], ["ben", "a"]]) == [0, 0, 1, 0]


@pytest.mark.parametrize("text", ["70,15", "a,b,c", "0,50,50", "70,-5,35", "nan,1,1", ""])
def test_fractions_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="--fractions"):
        parse_fractions(text)


def test_people_who_share_files_too_widely_are_tied_by_person_alone() -> None:
    people = [f"p{number % 10}" for number in range(100)]
    files = [f"{number // 2 % 9}.mp4" for number in range(100)]  # a chain over all
    groups, said = person_groups(people, files, FRACTIONS)
    assert len(set(tie_together(groups))) == 10 and "hang together" in said[0]
    plan = split_clips(groups, [0] * 100, FRACTIONS, seed=0)
    assert set(plan.parts) == {0, 1, 2} and len(set(zip(people, plan.parts, strict=True))) == 10
    groups, said = person_groups(["a", "b", "c", "c", None], ["1", "1", "2", "3", "4"], FRACTIONS)
    assert tie_together(groups) == [0, 0, 1, 1, 2] and said[0].startswith("1 of 5 clips")


def test_many_missing_classes_are_counted() -> None:
    plan = split_clips([["anna"]] * 30, list(range(30)), FRACTIONS, seed=0)
    lines = missing_lines(
        plan, ("train", "val", "test"), [f"w{number}" for number in range(30)], FRACTIONS
    )
    assert len(lines) == 2 and lines[0].endswith("w9 and 20 more: too few people or clips")

"""Splits of few people and few clips, and people that are none."""

from __future__ import annotations

import pytest

from action_recognition.dataset_tools.doubtful_people import without_doubtful
from action_recognition.dataset_tools.people_split import PeopleSplit, split_by_people

FRACTIONS = [0.7, 0.15, 0.15]


def split(people: list[str | None], labels: list[int]) -> PeopleSplit:
    files = [f"{number}.mp4" for number in range(len(people))]
    classes = [f"class {label}" for label in range(max(labels) + 1)]
    return split_by_people(people, files, labels, classes, FRACTIONS, 0)


def test_one_person_is_split_by_file() -> None:
    plan = split(["anna"] * 12, [0, 1, 2] * 4)
    assert plan.split_by == "file" and plan.empty == []
    assert [len(part) for part in plan.members] == [6, 3, 3]
    assert any(text.startswith("one person cannot fill") for text in plan.warnings)


def test_two_people_leave_one_unseen_in_training() -> None:
    people: list[str | None] = ["anna", "ben"] * 8
    plan = split(people, [0, 0, 1, 1] * 4)
    of_part = [{people[at] for at in part} for part in plan.members]
    assert of_part[0].isdisjoint(of_part[1] | of_part[2]) and of_part[1] == of_part[2]
    assert all(plan.members) and any("share people" in text for text in plan.warnings)


def test_three_people_are_one_for_each_part() -> None:
    people: list[str | None] = ["anna", "ben", "carl"] * 3
    plan = split(people, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert [len({people[at] for at in part}) for part in plan.members] == [1, 1, 1]
    assert plan.split_by == "person" and plan.warnings == []


@pytest.mark.parametrize("people", [["anna"] * 4, [None] * 4, ["anna", "ben", "carl", "dora"]])
def test_one_clip_a_class_is_for_training(people: list[str | None]) -> None:
    plan = split(people, [0, 1, 2, 3])
    assert plan.members[0] == [0, 1, 2, 3] and plan.empty == [1, 2]
    assert sum("repeats train" in text for text in plan.warnings) == 2


def test_training_has_every_class_first() -> None:
    # The only person of class 1 would else be as good for val.
    people: list[str | None] = ["anna"] * 2 + ["ben"] * 2 + ["carl"] * 2 + ["dora"] * 2
    plan = split(people, [0, 0, 0, 1, 0, 0, 0, 0])
    assert 3 in plan.members[0]


@pytest.mark.parametrize("names", [["VID"], ["IMG", "VID"], ["PXL"], ["Screenshot"], ["WhatsApp"]])
def test_words_of_cameras_are_no_people(names: list[str]) -> None:
    people, said = without_doubtful([*names * 6], [0, 1, 2] * 2 * len(names))
    assert people == [None] * 6 * len(names) and "no person" in said[0] and "by file" in said[0]


def test_a_camera_beside_people_is_taken_out_alone() -> None:
    people, said = without_doubtful(["anna", "VID", "ben", "anna"], [0, 0, 1, 1])
    assert people == ["anna", None, "ben", "anna"] and len(said) == 1


def test_a_person_for_each_class_is_none() -> None:
    people, said = without_doubtful(["one2", "one2", "three2"], ["one2", "one2", "three2"])
    assert people == [None, None, None] and said[0].startswith("each class has a person of its own")


def test_doubts_that_may_be_wrong_are_said_and_change_nothing() -> None:
    people, said = without_doubtful(["anna"] * 3, [0, 1, 1])
    assert people == ["anna"] * 3 and said[0].startswith("all clips have one person, 'anna'")
    people, said = without_doubtful(["0001", "0002", "0003"], [0, 1, 1])
    assert people == ["0001", "0002", "0003"] and said[0].startswith("each clip has a person")
    assert without_doubtful(["anna", "ben", "anna", "ben"], [0, 0, 1, 1])[1] == []
    assert without_doubtful([None, None], [0, 1]) == ([None, None], [])

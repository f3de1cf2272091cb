"""Folds of the quick model: people apart, and no class in one fold alone."""

from __future__ import annotations

import numpy as np

from action_recognition.training.few_clips.quick_landmarks import _folds


def test_the_people_of_a_class_are_never_in_one_fold() -> None:
    # With eight folds, persons 0 and 8 would share one.
    people = [f"{number}" for number in range(9)] * 2 + ["0", "8"]
    labels = np.array([0] * 9 + [1] * 9 + [2, 2])
    folds, are_people_apart = _folds(labels, people)
    assert are_people_apart
    for label in range(3):
        assert len(set(folds[labels == label])) > 1
    for person in set(people):
        assert len({fold for fold, name in zip(folds, people, strict=True) if name == person}) == 1


def test_a_class_of_one_person_is_divided_by_clips() -> None:
    folds, are_people_apart = _folds(np.array([0, 0, 1, 1]), ["a", "b", "a", "a"])
    assert not are_people_apart and folds.tolist() == [0, 1, 0, 1]

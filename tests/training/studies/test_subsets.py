"""Subsets of annotated clips, folds by person, and what a learning curve says."""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.data.annotation_files import scan_annotation_files
from action_recognition.data.annotations import read_annotations
from action_recognition.data.listed_clips import listed_clips
from action_recognition.errors import UserError
from action_recognition.training.studies.folds import assign_folds, people_of
from action_recognition.training.studies.learning_curve import CurvePoint, verdict
from action_recognition.training.studies.subsets import (
    few_clips_note,
    nested_subset,
    write_annotations,
)
from tests.tiny import LABELS, tiny_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"))


def test_a_subset_written_and_read_again_is_the_same_clips(data: Path, tmp_path: Path) -> None:
    clips, _ = listed_clips([Path("train.txt"), data / "val.txt"], [data, data], LABELS)
    files, roots = write_annotations(clips[3:20], tmp_path, "part")
    again = read_annotations(files, roots, LABELS)
    assert [(r.path, r.label, r.clip_end) for r in again] == [
        (c.record.path, c.record.label, 8) for c in clips[3:20]
    ]
    assert clips[0].path == "videos/train 0-0.mp4"


def test_every_root_gets_its_own_file(data: Path, tmp_path: Path) -> None:
    other = tiny_data(tmp_path / "other", clips_per_class=1)
    clips, _ = listed_clips([data / "val.txt", other / "val.txt"], [data, other], LABELS)
    files, roots = write_annotations(clips, tmp_path / "out", "val")
    assert (len(files), roots) == (2, [data, other])
    assert [r.path for r in read_annotations(files, roots, LABELS)] == [
        c.record.path for c in clips
    ]


def test_subsets_are_nested_balanced_and_follow_from_the_seed() -> None:
    labels = [0] * 12 + [1] * 4 + [2] * 12
    small, large = nested_subset(labels, 3, 7), nested_subset(labels, 6, 7)
    assert set(small) < set(large)
    assert [sum(labels[place] == label for place in large) for label in range(3)] == [6, 4, 6]
    assert small == nested_subset(labels, 3, 7) != nested_subset(labels, 3, 8)
    assert nested_subset(labels, None, 7) == list(range(28))


def test_the_preset_is_proposed_for_few_clips_only(data: Path, tmp_path: Path) -> None:
    assert (
        few_clips_note(scan_annotation_files([data / "train.txt"], []))
        == "note: 6 training clips a class are few; --preset small-data is made for that"
    )
    many = tmp_path / "many.txt"
    many.write_text("".join(f"videos/{i}.mp4 {i % 2}\n" for i in range(40)))
    assert few_clips_note(scan_annotation_files([many], [])) == ""


def test_no_person_is_in_two_folds_and_classes_are_spread() -> None:
    people = [f"p{i // 6}" for i in range(48)]
    labels = [i % 3 for i in range(48)]
    folds = assign_folds(people, labels, 4, seed=0)
    assert all(
        len({fold for fold, who in zip(folds, people, strict=True) if who == person}) == 1
        for person in set(people)
    )
    assert [folds.count(fold) for fold in range(4)] == [12] * 4
    # Persons who show one class only: an assignment that ignores classes would put them together.
    people, labels = ["a"] * 4 + ["b"] * 4 + ["c"] * 4 + ["d"] * 4, [0] * 8 + [1] * 8
    folds = assign_folds(people, labels, 2, seed=0)
    assert all(
        {label for fold, label in zip(folds, labels, strict=True) if fold == number} == {0, 1}
        for number in (0, 1)
    )


def test_no_fold_is_empty_even_when_one_person_has_most_clips() -> None:
    people = ["a"] * 50 + ["b", "c"]
    assert len(set(assign_folds(people, [0] * 52, 3, seed=0))) == 3
    with pytest.raises(UserError, match="2 to 3"):
        assign_folds(people, [0] * 52, 4, seed=0)


def test_the_person_is_the_first_group_of_the_expression(data: Path) -> None:
    clips, _ = listed_clips([data / "train.txt"], [data], LABELS)
    assert people_of(clips, r"-(\d+)\.") == [str(i) for i in range(6)] * 3
    assert len(set(people_of(clips, None))) == 18
    for wrong, said in (
        (r"(", "not a regular expression"),
        (r"\d", "has no group"),
        (r"(x)", "and 13 more paths like these"),
    ):
        with pytest.raises(UserError) as error:
            people_of(clips, wrong)
        assert said in str(error.value)


def test_the_verdict_follows_the_slope_between_points_whose_intervals_are_apart() -> None:
    def point(size: float, accuracy: float) -> CurvePoint:
        return CurvePoint(size, int(size * 17), accuracy, 0.0, 0.0, Path())

    assert verdict([point(5, 50), point(20, 60)], 1000).startswith("more clips would help")
    assert "about 5.0 points" in verdict([point(5, 50), point(20, 60)], 1000)  # two doublings
    assert "hardly help" in verdict([point(5, 60), point(10, 50)], 1000)
    assert "two sizes" in verdict([point(5, 50), point(20, float("nan"))], 80)


def test_the_verdict_promises_nothing_where_the_intervals_overlap() -> None:
    points = [
        CurvePoint(size, 9, top1, 0, 0, Path()) for size, top1 in ((3, 10), (5, 60), (10, 66))
    ]
    said = verdict(points, 80)
    assert said.startswith("whether more clips would help cannot be told from 80 validation clips")
    assert "60.0 and 66.0 % may differ by chance (95 % intervals: 49 to 70 %, 55 to 75 %)" in said
    assert said.endswith(
        "from 3 to 10 clips a class it changed from 10.0 to 66.0 %, more than by chance"
    )
    assert "changed" not in verdict(points[1:], 80)

"""The sources of the labels of a training run, in order, and partners in mirrored clips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from action_recognition.data.labels import label_swap_map, training_labels
from action_recognition.errors import UserError
from tests.synthetic import write_lines

TEMPLATE = ["Swiping Left", "Swiping Right", "No gesture"]


def labels_of(root: Path, *lines: str, classes: list[str] | None = None) -> tuple[list[str], str]:
    """Return the labels of a list with these lines."""
    return training_labels(
        [write_lines(root / "lists" / "train.txt", lines)], classes, TEMPLATE, [root]
    )


def test_the_flag_comes_first(tmp_path: Path) -> None:
    """The flag wins over a classes.json."""
    (tmp_path / "classes.json").write_text('["x"]')
    assert labels_of(tmp_path, "a.mp4 0", classes=["cat", "dog"]) == (
        ["cat", "dog"],
        "labels: from --classes",
    )


def test_then_the_list_beside_the_annotation_file_then_the_one_in_the_root(tmp_path: Path) -> None:
    """Both places are looked at, in this order."""
    (tmp_path / "classes.json").write_text('["from", "root"]')
    labels, line = labels_of(tmp_path, "a.mp4 0")
    assert labels == ["from", "root"] and str(tmp_path / "classes.json") in line
    # Beside the annotation file comes first.
    (tmp_path / "lists" / "classes.json").write_text('["from", "beside"]')
    assert labels_of(tmp_path, "a.mp4 0")[0] == ["from", "beside"]


def test_then_the_class_names_in_the_files(tmp_path: Path) -> None:
    """Names are sorted, comments do not count."""
    labels, line = labels_of(
        tmp_path, "a.mp4 wave", "# x y", "b.mp4 fist 0 9 0 9 30", "c d.mp4 wave"
    )
    assert labels == ["fist", "wave"] and "sorted" in line


def test_the_template_when_the_files_use_exactly_its_names(tmp_path: Path) -> None:
    """One name less, and the names of the files are taken."""
    lines = ["a.mp4 No gesture", "b.mp4 Swiping Right", "c.mp4 Swiping Left 0 9 0 9 30"]
    assert labels_of(tmp_path, *lines) == (TEMPLATE, "labels: from the template")
    assert labels_of(tmp_path, *lines[:2])[0] == ["No gesture", "Swiping Right"]


def test_the_template_when_the_numbers_are_its_own(tmp_path: Path) -> None:
    """The highest number decides."""
    assert labels_of(tmp_path, "a.mp4 0", "b.mp4 2") == (TEMPLATE, "labels: from the template")


@pytest.mark.parametrize(
    ("last", "line"),
    [(1, "number them 0 to 1;"), (4, "number them 0 to 4, 3 of them without a clip;")],
)
def test_else_numbers(tmp_path: Path, last: int, line: str) -> None:
    """Classes without a clip are counted in the printed line."""
    labels, said = labels_of(tmp_path, "a.mp4 0", f"b.mp4 {last} 0 9 0 9 30")
    assert labels == [str(i) for i in range(last + 1)] and line in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"0": "a"}', "is not a list of names"),
        ("[1, 2]", "is not a list of names"),
        ("[", "is not valid JSON"),
        ("[]", "no class name"),
        ('["a", "b", "a"]', "'a' occurs twice"),
        ('["a", " b"]', "blanks around it"),
    ],
)
def test_a_wrong_class_list(tmp_path: Path, content: str, message: str) -> None:
    """Each mistake in a classes.json is named with the file."""
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        labels_of(tmp_path, "a.mp4 0")
    assert "classes.json" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a.mp4 0", "b.mp4 wave"], "some labels are class names"),
        (["a.mp4 1000000000"], "label 1000000000; allowed: numbers below"),
        (["# nothing"], "no line has a label"),
    ],
)
def test_labels_that_make_no_list(tmp_path: Path, lines: list[str], message: str) -> None:
    """Mixed, absurd and missing labels are refused."""
    with pytest.raises(UserError, match=message):
        labels_of(tmp_path, *lines)


def test_real_class_lists_are_read(real_data: Path) -> None:
    """The lists of two real data sets are read in their order."""
    for name, num_classes in (("smarthome_gestures", 17), ("asl_words", 24)):
        folder = real_data / name
        labels, _ = training_labels([Path("train.txt")], None, TEMPLATE, [folder])
        assert labels == json.loads((folder / "classes.json").read_text())
        assert len(labels) == num_classes


def test_swaps_hold_both_ways_and_only_for_labels_in_use() -> None:
    """Half a pair is a mistake, and so are two partners."""
    labels, swaps = ["left", "right", "stop"], {0: 1, 1: 0}
    assert label_swap_map({"left": "right", "up": "down"}, labels) == swaps
    assert label_swap_map({"left": "right", "right": "left"}, labels) == swaps
    assert label_swap_map({}, labels) == {}

    # One unknown name is a typing mistake, two are a pair of other labels.
    message = r"'rigth' of \('left', 'rigth'\) is not a label of this run, did you mean 'right'\?"
    with pytest.raises(UserError, match=message):
        label_swap_map({"left": "rigth"}, labels)
    with pytest.raises(UserError, match="swaps with another label too"):
        label_swap_map({"left": "right", "right": "stop"}, labels)

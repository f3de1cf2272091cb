"""Annotation files split again: by person, reproducibly, with lines that mean what they meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.commands.data.split import main
from action_recognition.data.annotations import read_annotations
from action_recognition.data.dataset_files import read_negative_label
from action_recognition.errors import UserError
from tests.synthetic import write_lines

CLASSES = ["wave", "Stop Sign"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two clips of each class from each of 8 people, in two files, labels in both forms."""
    lines: dict[str, list[str]] = {"train.txt": [], "val.txt": []}
    for person in "abcdefgh":
        for number, label in enumerate(("wave", "Stop Sign", "0", "1")):
            file = tmp_path / "clips" / f"{person}_{number}.mp4"
            file.parent.mkdir(exist_ok=True)
            file.touch()
            numbers = " 1 9 0 10 29.97" if number % 2 else ""
            lines["val.txt" if number == 3 else "train.txt"].append(
                f"clips/{file.name} {label}{numbers}"
            )
    for name, rows in lines.items():
        write_lines(tmp_path / name, rows)
    write_lines(tmp_path / "classes.json", ['["wave", "Stop Sign"]'])
    return tmp_path


def split(root: Path, output: Path, *more: str) -> dict[str, list[tuple[str, int, int, float]]]:
    """Runs the command; path below the root, label, clip_end and rate of the clips of every file
    that it wrote.
    """
    files = f"{root / 'train.txt'},{root / 'val.txt'}"
    assert (
        main(["--ann-files", files, "--data-roots", str(root), "--output", str(output), *more]) == 0
    )
    return {
        file.stem: [
            (clip.path.relative_to(root).as_posix(), clip.label, clip.clip_end, clip.frame_rate_fps)
            for clip in read_annotations([file], [root], CLASSES)
        ]
        for file in sorted(output.glob("*.txt"))
    }


def test_by_regex(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = split(root, tmp_path / "out", "--person-regex", r"/([a-z])_", "--fractions", "50,25,25")
    people = {name: {path[6] for path, *_ in clips} for name, clips in parts.items()}
    assert {name: len(found) for name, found in people.items()} == {"train": 4, "val": 2, "test": 2}
    assert set.union(*people.values()) == set("abcdefgh") and sum(map(len, people.values())) == 8
    every = {path: rest for clips in parts.values() for path, *rest in clips}
    assert (
        len(every) == 32
        and every["clips/a_1.mp4"] == [1, 9, 29.97]
        and every["clips/a_2.mp4"] == [0, 0, 0]
    )
    assert "warning" not in capsys.readouterr().out


def test_the_same_seed_gives_the_same_files(root: Path, tmp_path: Path) -> None:
    args = ("--person-regex", r"/([a-z])_")
    first, again, other = (
        split(root, tmp_path / name, *args, "--seed", seed)
        for name, seed in (("1", "5"), ("2", "5"), ("3", "6"))
    )
    assert first == again and first != other


def test_the_order_of_the_lines_changes_nothing(root: Path, tmp_path: Path) -> None:
    first = split(root, tmp_path / "1", "--person-regex", r"/([a-z])_")
    lines = (root / "train.txt").read_text(encoding="utf-8").splitlines()
    write_lines(root / "train.txt", lines[::-1])
    assert split(root, tmp_path / "2", "--person-regex", r"/([a-z])_") == first


def test_by_table(root: Path, tmp_path: Path) -> None:
    rows = [
        f"clips/{person}_{number}.mp4;signer{'ab'.find(person)}"
        for person in "abcdefgh"
        for number in range(4)
    ]
    write_lines(tmp_path / "people.csv", ["file;signer", *rows])
    parts = split(root, tmp_path / "out", "--metadata", str(tmp_path / "people.csv"))
    assert sum("clips/c_0.mp4" in {path for path, *_ in clips} for clips in parts.values()) == 1
    others = [
        name for name, clips in parts.items() if any(path[6] in "cdefgh" for path, *_ in clips)
    ]
    assert len(others) == 1  # six "people" are one by the table


def test_without_people_it_warns_and_keeps_a_file_together(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(
        root / "val.txt",
        [f"clips/a_0.mp4 1 {start} {start + 5} 0 100 30" for start in range(0, 60, 10)],
    )
    parts = split(root, tmp_path / "out")
    assert sum(any(path == "clips/a_0.mp4" for path, *_ in clips) for clips in parts.values()) == 1
    assert "no clip has a known person" in capsys.readouterr().out


def test_the_class_that_means_no_gesture_is_kept(root: Path, tmp_path: Path) -> None:
    split(root, tmp_path / "without")
    assert not (tmp_path / "without" / "dataset.json").exists()
    write_lines(root / "dataset.json", ['{"negative_label": "wave"}'])
    split(root, tmp_path / "with")
    assert read_negative_label(tmp_path / "with") == "wave"


def test_what_is_there_is_not_replaced_unless_told(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"classes.json: exists already"):
        split(root, root)
    out = tmp_path / "out"
    split(root, out)
    assert (out / "test.txt").is_file()
    split(root, out, "--force", "--fractions", "80,20,0")
    assert not (out / "test.txt").exists() and not list(out.glob(".*"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (["name,age"], "no column 'file'"),
        (["file,person", "other.mp4,anna"], "knows the person of none"),
        (["file,person", "clips/a_0.mp4,anna"], "has no person for"),
        ([], "is empty"),
    ],
)
def test_tables_that_do_not_fit(root: Path, tmp_path: Path, table: list[str], message: str) -> None:
    write_lines(tmp_path / "people.csv", table)
    with pytest.raises(UserError, match=message):
        split(root, tmp_path / "out", "--metadata", str(tmp_path / "people.csv"))
    assert not (tmp_path / "out").exists()

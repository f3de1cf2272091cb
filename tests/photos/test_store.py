"""Photos on disk: names, table, going on, taking back."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from action_recognition.data.people import people_by_regex, people_by_table
from action_recognition.data.photo import read_photo
from action_recognition.errors import UserError
from action_recognition.photos import store as store_module
from action_recognition.photos.store import HEADER, PhotoStore, Session
from tests.made_photos import drawn_hands

ANNA = Session("anna", "kitchen-2")
CLASSES = ("one", "two hands")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_per_class_with_person_and_session(tmp_path: Path) -> None:
    store, photo = PhotoStore(tmp_path / "my photos", CLASSES, ANNA), drawn_hands(30)[0]
    files = [store.save(photo, label) for label in ("one", "one", "two hands")]
    names = [
        "one/anna_kitchen-2_0001.jpg",
        "one/anna_kitchen-2_0002.jpg",
        "two hands/anna_kitchen-2_0001.jpg",
    ]
    assert [file.relative_to(tmp_path / "my photos").as_posix() for file in files] == names
    assert np.abs(read_photo(files[0]).astype(int) - photo).mean() < 3
    table = rows(tmp_path / "my photos")
    assert [row["file"] for row in table] == names and {row["person"] for row in table} == {"anna"}
    assert {row["session"] for row in table} == {"kitchen-2"} and [
        row["label"] for row in table
    ] == ["one", "one", "two hands"]
    assert store.counts() == {"one": 2, "two hands": 1} and store.num_taken == 3
    # What split.py and import_clips.py read.
    assert people_by_table(tmp_path / "my photos" / "metadata.csv") == dict.fromkeys(names, "anna")
    assert set(people_by_regex(names, "/([a-z]+)_").values()) == {"anna"}


def test_it_goes_on_where_it_was_also_where_the_table_lacks_the_last(tmp_path: Path) -> None:
    first = PhotoStore(tmp_path, CLASSES, ANNA)
    first.save(drawn_hands(30)[0], "one")
    kept = (tmp_path / "metadata.csv").read_bytes()
    second_file = first.save(drawn_hands(30)[1], "one")
    (tmp_path / "metadata.csv").write_bytes(kept)  # killed between the photo and its line
    content = second_file.read_bytes()
    again = PhotoStore(tmp_path, CLASSES, ANNA)
    assert (
        again.counts()["one"] == 2 and again.undo() is None
    )  # an earlier run's photos are not taken back
    assert again.save(drawn_hands(30)[2], "one").name == "anna_kitchen-2_0003.jpg"
    assert second_file.read_bytes() == content
    other = PhotoStore(tmp_path, CLASSES, Session("bob", "s1"))
    assert other.save(drawn_hands(30)[2], "one").name == "bob_s1_0001.jpg"
    assert other.counts()["one"] == 4 and other.session_counts()["one"] == 1
    # The photo without a line has one again.
    names = [row["file"] for row in rows(tmp_path)]
    assert len(names) == 4 and "one/anna_kitchen-2_0002.jpg" in names


def test_taking_back_is_repeated_until_nothing_is_left(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path, CLASSES, ANNA)
    files = [
        store.save(drawn_hands(30)[i], label) for i, label in enumerate(("one", "two hands", "one"))
    ]
    assert [store.undo() for _ in range(4)] == ["one", "two hands", "one", None]
    assert not any(file.exists() for file in files) and rows(tmp_path) == []
    assert store.save(drawn_hands(30)[0], "one") == files[0]


def test_a_full_disk_leaves_no_half_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PhotoStore(tmp_path, CLASSES, ANNA)
    store.save(drawn_hands(30)[0], "one")

    def full(file: Path, data: bytes) -> None:
        with file.open("wb") as out:
            out.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device", str(file))

    monkeypatch.setattr(store_module.Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        store.save(drawn_hands(30)[1], "one")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "anna_kitchen-2_0001.jpg",
        "metadata.csv",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "..",
        ".hidden",
        "con",
        "NUL.txt",
        "a\x00b",
        "a\nb",
        "x" * 101,
        "end.",
        " blank",
        'q"',
    ],
)
def test_names_that_are_no_folders_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name of a folder"):
        PhotoStore(tmp_path, ["one", name], ANNA)


def test_wrong_numbers_of_classes_and_names_twice(tmp_path: Path) -> None:
    for classes, said in (
        ([], "names 0 classes"),
        ([str(i) for i in range(10)], "names 10 classes"),
        (["One", "one"], "is given twice"),
    ):
        with pytest.raises(UserError, match=said):
            PhotoStore(tmp_path, classes, ANNA)


def test_persons_and_sessions_that_a_file_name_cannot_hold_are_named_together() -> None:
    with pytest.raises(UserError) as error:
        Session("../anna", "a_b")
    assert [problem.where for problem in error.value.problems] == ["--person", "--session"]


def test_somebody_elses_table_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("name,age\nanna,7\n")
    with pytest.raises(UserError, match="has the columns name,age"):
        PhotoStore(tmp_path, CLASSES, ANNA)
    (tmp_path / "metadata.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        PhotoStore(tmp_path, CLASSES, ANNA)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        PhotoStore(tmp_path / "file", CLASSES, ANNA)


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(
        ",".join(HEADER) + "\none/a_b_0001.jpg,one,a,b,t\none/a_b"
    )
    store = PhotoStore(tmp_path, CLASSES, Session("a", "b"))
    assert store.session_counts() == {"one": 1, "two hands": 0}

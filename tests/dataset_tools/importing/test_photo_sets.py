"""Photos as people have them: folders, names, tables, HaGRID's annotation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from action_recognition.dataset_tools.importing.assign_splits import SplitOptions
from action_recognition.dataset_tools.importing.recognise import recognise
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import UserError
from tests.dataset_tools.importing.made import imported, lines_of, reasons


def photo(path: Path, level: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 10, 3), level, np.uint8)).save(path)
    return path


def test_a_folder_per_class_of_photos_is_recognised_and_bad_files_are_named(tmp_path: Path) -> None:
    photo(tmp_path / "fist" / "IMG_1.jpg")
    photo(tmp_path / "fist" / "more" / "2.PNG")
    photo(tmp_path / "train_val_palm" / "a b.jpg")
    (tmp_path / "fist" / "cut.jpg").write_bytes(
        photo(tmp_path / "fist" / "x.jpg").read_bytes()[:200]
    )
    (tmp_path / "fist" / "notes.doc").write_text("x")
    (tmp_path / "empty").mkdir()
    assert (
        recognise(tmp_path / "fist" / "..") == "class_folders"
    )  # one folder has no photo: not sure enough
    data_set = imported(tmp_path, "photo_folders")
    assert data_set.classes == ["fist", "palm"]
    assert lines_of(data_set) == [
        "fist/IMG_1.jpg 0",
        "fist/more/2.PNG 0",
        "fist/x.jpg 0",
        "train_val_palm/a b.jpg 1",
    ]
    found = reasons(data_set.left_out)
    assert (
        set(found) == {"fist/cut.jpg", "fist/notes.doc", "empty"}
        and "no photo here" in found["empty"]
    )
    (tmp_path / "empty").rmdir()
    assert recognise(tmp_path) == "photo_folders"


def test_photos_are_known_by_their_content(tmp_path: Path) -> None:
    """A missing or unknown suffix is no reason to leave one out. What is left out is named."""
    for label in ("fist", "palm"):
        for number, name in enumerate(("IMG_1", "2.jpg_large", "3.webp")):
            photo(tmp_path / "made.png", 50 * number).rename(tmp_path / "made")
            (tmp_path / label).mkdir(exist_ok=True)
            (tmp_path / "made").rename(tmp_path / label / name)
    photo(tmp_path / "fist" / "4.tif")
    photo(tmp_path / "fist" / "made.jpg").rename(tmp_path / "fist" / "5.mp4")
    assert recognise(tmp_path) == "photo_folders"
    data_set = imported(tmp_path, "photo_folders")
    assert lines_of(data_set)[:3] == ["fist/2.jpg_large 0", "fist/3.webp 0", "fist/IMG_1 0"]
    assert len(lines_of(data_set)) == 6
    assert reasons(data_set.left_out) == {
        "fist/4.tif": "a TIFF file, which is not read; save it as JPEG",
        "fist/5.mp4": "a JPEG photo with the name of a video; rename it",
    }


def test_names_of_signs_give_class_and_split(tmp_path: Path) -> None:
    photo(tmp_path / "train_signs" / "0_IMG_1118.jpg")
    photo(tmp_path / "train_signs" / "5_IMG_9.jpg")
    photo(tmp_path / "test_signs" / "0_IMG_1.jpg")
    photo(tmp_path / "test_signs" / "noname.jpg")
    data_set = imported(tmp_path, "photo_names")
    assert [clip.path for clip, _ in data_set.clips["test"]] == ["test_signs/0_IMG_1.jpg"]
    assert lines_of(data_set) == [
        "test_signs/0_IMG_1.jpg 0",
        "train_signs/0_IMG_1118.jpg 0",
        "train_signs/5_IMG_9.jpg 1",
    ]
    assert "does not begin with a class" in reasons(data_set.left_out)["test_signs/noname.jpg"]


def test_a_table_states_class_split_and_person(tmp_path: Path) -> None:
    rows = ["path,label,split,student_group"]
    for number in range(12):
        photo(tmp_path / "0" / f"{number}.jpg", 10 * number)
        rows.append(
            f"0/{number}.jpg,{number % 2},{'train' if number < 8 else 'test'},s{number // 4}"
        )
    rows.append("0/missing.jpg,0,train,s0")
    (tmp_path / "splits.csv").write_text("\n".join(rows))
    data_set = imported(tmp_path)
    assert {name: len(clips) for name, clips in data_set.clips.items()} == {
        "train": 8,
        "val": 0,
        "test": 4,
    }
    assert {clip.person for clip, _ in data_set.clips["test"]} == {"s2"}
    assert list(reasons(data_set.left_out)) == ["0/missing.jpg"]
    again = imported(tmp_path, split=SplitOptions(resplit=True, fractions=(0.34, 0.33, 0.33)))
    parts = [{clip.person for clip, _ in clips} for clips in again.clips.values()]
    assert again.split_by == "person" and sum(map(len, parts)) == 3  # nobody on two sides
    (tmp_path / "splits.csv").write_text("path,class\n0/1.jpg,0\n")
    with pytest.raises(UserError, match="no column label"):
        imported(tmp_path / "splits.csv", "photo_table")


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    photo(tmp_path / "fist" / "1.jpg")
    with pytest.raises(UserError, match="no CSV file of photos"):
        imported(tmp_path, "photo_table")


def test_hagrids_annotation_finds_its_photos_wherever_they_are(tmp_path: Path) -> None:
    for name, user in (("call", "u1"), ("fist", "u2")):
        entries = {
            f"{name}-{i}": {"bboxes": [[0.1, 0.1, 0.3, 0.3]], "labels": [name], "user_id": user}
            for i in range(3)
        }
        (tmp_path / "annotations" / "train").mkdir(parents=True, exist_ok=True)
        (tmp_path / "annotations" / "train" / f"{name}.json").write_text(json.dumps(entries))
        for i in range(2):
            photo(tmp_path / "images" / name / f"{name}-{i}.jpg")
    options = SourceOptions(clips=tmp_path / "images")
    assert recognise(tmp_path / "annotations") == "hagrid"
    data_set = imported(tmp_path / "annotations", options=options)
    assert lines_of(data_set) == [
        "call/call-0.jpg 0",
        "call/call-1.jpg 0",
        "fist/fist-0.jpg 1",
        "fist/fist-1.jpg 1",
    ]
    assert {clip.person for clip, _ in data_set.clips["train"]} == {"u1", "u2"}
    assert set(reasons(data_set.left_out)) == {"call-2", "fist-2"}


def test_the_real_tables_give_their_own_splits(real_data: Path) -> None:
    data_set = imported(real_data / "hand_images" / "sign_digits" / "splits.csv", "photo_table")
    assert {name: len(clips) for name, clips in data_set.clips.items()} == {
        "train": 714,
        "val": 101,
        "test": 208,
    }
    assert (
        data_set.classes == [str(number) for number in range(10)]
        and not data_set.left_out
        and not data_set.warnings
    )

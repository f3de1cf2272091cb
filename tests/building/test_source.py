"""What a folder holds: its kind and format, the people in it, the class that means no gesture."""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.building.people import guess_people
from action_recognition.building.source import Wishes, look_at
from action_recognition.errors import UserError


def made(folder: Path, *paths: str) -> Path:
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(path.encode())
    return folder


def pairs(*paths: str) -> list[tuple[str, str]]:
    return [(path, path.split("/")[0]) for path in paths]


@pytest.mark.parametrize(
    ("paths", "people"),
    [
        (("a/anna_1.mp4", "b/anna_1.mp4", "a/ben_1.mp4", "b/ben_1.mp4"), ("anna", "ben")),
        (("a/anna-1.mp4", "b/anna-1.mp4", "a/ben-1.mp4", "b/ben-1.mp4"), ("anna", "ben")),
        (("a/anna/1.mp4", "b/anna/2.mp4", "a/ben/1.mp4", "b/ben/2.mp4"), ("anna", "ben")),
        (("a/x/p1_1.mp4", "b/x/p1_1.mp4", "a/x/p2_1.mp4", "b/x/p2_1.mp4"), ("p1", "p2")),
    ],
)
def test_names_of_files_and_folders_name_people(
    paths: tuple[str, ...], people: tuple[str, ...]
) -> None:
    guess = guess_people(pairs(*paths))
    assert guess is not None and guess.people == people


@pytest.mark.parametrize(
    "paths",
    [
        ("a/IMG_1.mp4", "b/IMG_2.mp4", "a/VID_1.mp4", "b/VID_2.mp4"),  # of cameras
        ("a/20240101_1.mp4", "b/20240101_2.mp4", "a/20240102_1.mp4", "b/20240102_2.mp4"),  # dates
        ("wave/wave_1.mp4", "stop/stop_1.mp4", "wave/wave_2.mp4", "stop/stop_2.mp4"),  # gestures
        ("a/anna_1.mp4", "b/anna_1.mp4"),  # one for all
        ("a/x1_1.mp4", "a/x1_2.mp4", "b/x2_1.mp4", "b/x2_2.mp4"),  # each with one gesture
        ("a/1.mp4", "b/2.mp4", "a/3.mp4", "b/4.mp4"),
    ],
)
def test_what_names_nobody_is_not_taken_for_people(paths: tuple[str, ...]) -> None:
    assert guess_people(pairs(*paths)) is None


def test_class_folders_of_films(tmp_path: Path) -> None:
    source = made(
        tmp_path, "wave/anna_1.mp4", "wave/ben_1.mp4", "stop/anna_1.mp4", "stop/ben_1.mp4"
    )
    looked = look_at(source, Wishes())
    assert (looked.kind, looked.format, looked.num_found) == ("clips", "auto", 4)
    assert looked.people == ("anna", "ben") and not looked.mixed and not looked.has_split
    assert any("where that is wrong" in line for line in looked.says)
    assert look_at(source, Wishes(no_people=True)).people == ()


def test_photos_beside_films_are_named_and_left_for_another_build(tmp_path: Path) -> None:
    source = made(
        tmp_path, "wave/a1.mp4", "stop/a2.mp4", "wave/a1.jpg", "wave/a2.jpg", "stop/1.jpg"
    )
    looked = look_at(source, Wishes())
    assert looked.kind == "clips" and looked.num_other == 3
    films = [(film.path, film.label, film.split) for film in looked.mixed]
    assert films == [("stop/a2.mp4", "stop", None), ("wave/a1.mp4", "wave", None)]
    assert any("3 photos" in line and "--kind photos" in line for line in looked.says)
    photos = look_at(source, Wishes(kind="photos"))
    assert (photos.kind, photos.num_found) == ("photos", 3)
    assert photos.says[0] == "3 photos in 2 classes (photo folders)"


@pytest.mark.parametrize("photo", ["train/cover.jpg", "train/wave/1.jpg"])
def test_folders_of_splits_stay_splits_beside_photos(tmp_path: Path, photo: str) -> None:
    films = [f"{split}/{name}/1.mp4" for split in ("train", "val") for name in ("stop", "wave")]
    looked = look_at(made(tmp_path, *films, photo), Wishes())
    found = [(film.path, film.label, film.split) for film in looked.mixed]
    assert found == [(path, path.split("/")[1], path.split("/")[0]) for path in films]
    assert looked.has_split and looked.num_classes == 2


def test_films_without_a_gesture_are_counted_or_refused(tmp_path: Path) -> None:
    films = made(tmp_path / "films", "wave/1.mp4", "stop/1.mp4", "loose.mp4", "wave/a.jpg")
    looked = look_at(films, Wishes())
    assert len(looked.mixed) == 2 and any("1 clips lie in no folder" in it for it in looked.says)
    with pytest.raises(UserError, match="named for splits, and others not"):
        look_at(made(tmp_path / "x", "train/1.mp4", "wave/1.mp4", "wave/a.jpg"), Wishes())
    with pytest.raises(UserError, match="holds no clips"):
        look_at(made(tmp_path / "y", "wave/a.jpg", "stop/b.jpg"), Wishes(kind="clips"))


@pytest.mark.parametrize(
    ("parts", "has_split"),
    [(("train",), False), (("train", "val"), True), (("train", "test"), True), (("val",), False)],
)
def test_a_split_has_a_train_part_and_another(
    tmp_path: Path, parts: tuple[str, ...], has_split: bool
) -> None:
    source = made(tmp_path, *(f"clips/{part}{label}.mp4" for part in parts for label in "01"))
    for part in parts:
        lines = [f"clips/{part}{label}.mp4 {label}\n" for label in "01"]
        (source / f"{part}.txt").write_text("".join(lines))
    looked = look_at(source, Wishes())
    assert looked.has_split == has_split
    assert any("no split" in line for line in looked.says) == (not has_split)


def test_a_class_named_no_gesture_is_the_negative_one(tmp_path: Path) -> None:
    source = made(tmp_path, "wave/a.mp4", "no gesture/b.mp4")
    assert look_at(source, Wishes()).negative_label == "no gesture"
    assert look_at(source, Wishes(negative_label="wave")).negative_label == "wave"
    with pytest.raises(UserError, match="--negative-label: no class 'none'"):
        look_at(source, Wishes(negative_label="none"))


def test_a_changed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    source = made(tmp_path, "wave/a.mp4", "stop/b.mp4")
    before = look_at(source, Wishes()).fingerprint
    assert look_at(source, Wishes()).fingerprint == before
    (source / "wave" / "c.mp4").write_bytes(b"new")
    assert look_at(source, Wishes()).fingerprint != before


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        look_at(tmp_path / "none", Wishes())
    with pytest.raises(UserError, match="holds one class, 'wave'"):
        look_at(made(tmp_path / "one", "wave/a.mp4"), Wishes())

"""A folder per class of videos or of frame folders, as users have them: nothing is lost without a
reason.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from action_recognition.dataset_tools.importing.assign_splits import SplitOptions
from action_recognition.errors import UserError
from tests.dataset_tools.importing.made import (
    found_in,
    imported,
    lines_of,
    make_folder,
    make_video,
    reasons,
)
from tests.synthetic import write_audio_only


def test_videos_and_frame_folders_are_told_apart(tmp_path: Path) -> None:
    make_video(tmp_path / "wave" / "a.mp4", num_frames=9, frame_rate_fps=25)
    make_video(tmp_path / "stop sign" / "anna" / "b 1.mp4", num_frames=5)
    make_folder(tmp_path / "stop sign" / "clip_7", num_frames=4)
    data_set = imported(tmp_path)
    assert data_set.classes == ["stop sign", "wave"]
    assert lines_of(data_set) == [
        "stop sign/anna/b 1.mp4 0 0 5 0 5 30",
        "stop sign/clip_7 0",
        "wave/a.mp4 1 0 9 0 9 25",
    ]
    assert data_set.left_out == []


def test_classes_that_are_numbers_stand_in_their_order(tmp_path: Path) -> None:
    for name in ("1", "10", "2"):
        make_video(tmp_path / name / "a.mp4")
    assert imported(tmp_path).classes == ["1", "2", "10"]


def test_classes_that_look_like_one_are_said(tmp_path: Path) -> None:
    for name in ("Wave", "wave", "stop"):
        make_video(tmp_path / name / "a.mp4")
    data_set = imported(tmp_path)
    assert data_set.classes == ["Wave", "stop", "wave"]
    said = "classes 'Wave' and 'wave' may be one; if so, give their clips one name"
    assert said in data_set.warnings


def test_frame_folders_get_the_rate_that_is_given(tmp_path: Path) -> None:
    make_folder(tmp_path / "wave" / "1", num_frames=4)
    assert lines_of(imported(tmp_path, frame_rate_fps=12.0)) == ["wave/1 0 0 4 0 4 12"]


def test_folders_of_splits_are_kept(tmp_path: Path) -> None:
    for split in ("train", "Validation", "test"):
        make_video(tmp_path / split / "wave" / f"{split}.mp4")
    data_set = imported(tmp_path)
    assert {split: [clip.path for clip, _ in clips] for split, clips in data_set.clips.items()} == {
        "train": ["train/wave/train.mp4"],
        "val": ["Validation/wave/Validation.mp4"],
        "test": ["test/wave/test.mp4"],
    }
    assert data_set.split_by == "the source"
    assert "file" in imported(tmp_path, split=SplitOptions(resplit=True)).split_by


def test_what_is_no_clip_is_named_with_its_reason(tmp_path: Path) -> None:
    wave = tmp_path / "wave"
    make_video(wave / "good.mp4")
    (wave / "empty.mp4").touch()
    (wave / "renamed.mp4").write_text("not a video", encoding="utf-8")
    (wave / "notes.txt").write_text("hello", encoding="utf-8")
    (wave / ".hidden").touch()
    write_audio_only(wave / "sound.mkv")
    make_folder(wave / "gap")
    (wave / "gap" / "00003.jpg").unlink()
    (tmp_path / "nothing here").mkdir()
    make_video(tmp_path / "loose.mp4")
    data_set = imported(tmp_path)
    assert lines_of(data_set) == ["wave/good.mp4 0 0 6 0 6 30"]
    found = reasons(data_set.left_out)
    assert set(found) == {
        f"wave/{name}" for name in ("empty.mp4", "renamed.mp4", "notes.txt", "sound.mkv", "gap")
    } | {
        "nothing here",
        "loose.mp4",
    }
    assert "beside the folders of the classes" in found["loose.mp4"]
    assert (
        "0 bytes" in found["wave/empty.mp4"]
        and "cannot be read as a video" in found["wave/renamed.mp4"]
    )
    assert (
        "suffix '.txt'" in found["wave/notes.txt"] and "no video stream" in found["wave/sound.mkv"]
    )
    assert "number 3 is missing" in found["wave/gap"] and "has no clip" in found["nothing here"]


def test_images_directly_in_a_class_folder(tmp_path: Path) -> None:
    make_folder(tmp_path / "wave")
    make_video(tmp_path / "stop" / "a.mp4")
    assert "its own folder" in reasons(imported(tmp_path).left_out)["wave"]


def test_links(tmp_path: Path) -> None:
    outside = make_video(tmp_path / "outside" / "secret.mp4")
    root = tmp_path / "root"
    make_video(root / "wave" / "a.mp4")
    (root / "wave" / "inside.mp4").symlink_to("a.mp4")
    (root / "wave" / "leaving.mp4").symlink_to(outside)
    (root / "stop").symlink_to(outside.parent)
    (root / "wave" / "round").symlink_to(root)
    data_set = imported(root)
    assert [line.split()[0] for line in lines_of(data_set)] == ["wave/a.mp4", "wave/inside.mp4"]
    found = reasons(data_set.left_out)
    assert "leaves the data root" in found["wave/leaving.mp4"]
    assert str(outside.parent) in found["stop"] and "not followed" in found["wave/round"]


def test_names_that_are_hard_to_write_down(tmp_path: Path) -> None:
    names = ["#first.mp4", " blank.mp4", 'quote\'s "x".mp4', "größe 数.mp4", "tab\there.mp4"]
    for name in [*names, "new\nline.mp4"]:
        make_video(tmp_path / "3" / name)
    os.rename(make_video(tmp_path / "3" / "x.mp4"), os.fsencode(tmp_path / "3") + b"/\xff.mp4")  # noqa: PTH104
    make_video(tmp_path / "3" / "ends.mp4").rename(tmp_path / "3" / "ends.mp4 ")
    data_set = imported(tmp_path)
    assert {clip.path for clips in data_set.clips.values() for clip, _ in clips} == {
        f"3/{name}" for name in names
    }
    found = reasons(data_set.left_out)
    assert "cannot stand in an annotation line" in found["3/new\nline.mp4"]
    assert "cannot stand" in found[os.fsdecode(b"3/\xff.mp4")] and "3/ends.mp4 " in found
    assert data_set.classes == ["3"] and all(
        line.split(".mp4 ")[1].startswith("0 ") for line in lines_of(data_set)
    )


def test_two_ways_to_write_one_name_are_one_class(tmp_path: Path) -> None:
    make_video(tmp_path / "caf\u00e9" / "a.mp4")
    make_video(tmp_path / "cafe\u0301" / "b.mp4")
    assert imported(tmp_path).classes == ["caf\u00e9"]


def test_people(tmp_path: Path) -> None:
    for person in ("anna", "ben", "carl", "dora"):
        for label in ("wave", "stop"):
            make_video(tmp_path / label / f"{person}_{label}.mp4", num_frames=2)
    data_set = imported(tmp_path, split=SplitOptions(person_regex="/([a-z]+)_"))
    assert data_set.split_by == "person" and data_set.warnings == []
    people = [{clip.person for clip, _ in clips} for clips in data_set.clips.values()]
    assert sorted(map(len, people)) == [1, 1, 2] and set.union(*people) == {
        "anna",
        "ben",
        "carl",
        "dora",
    }
    assert all(
        {clip.label for clip, _ in clips} == {"wave", "stop"} for clips in data_set.clips.values()
    )


def test_without_people_it_warns(tmp_path: Path) -> None:
    make_video(tmp_path / "wave" / "a.mp4")
    assert any("--person-regex" in warning for warning in imported(tmp_path).warnings)


@pytest.mark.parametrize("regex", ["(", "anna", "(x)"])
def test_a_person_regex_that_finds_nobody(tmp_path: Path, regex: str) -> None:
    make_video(tmp_path / "wave" / "anna.mp4")
    with pytest.raises(UserError, match="--person-regex"):
        imported(tmp_path, split=SplitOptions(person_regex=regex))


def test_nothing_to_import(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        found_in(tmp_path, "class_folders")
    (tmp_path / "wave").mkdir()
    (tmp_path / "wave" / "empty.mp4").touch()
    with pytest.raises(UserError, match=r"no clip is left.*0 bytes"):
        imported(tmp_path, "class_folders")


def test_a_word_of_a_camera_is_nobody(tmp_path: Path) -> None:
    for label in ("wave", "stop"):
        for number in range(4):
            make_video(tmp_path / label / f"VID_20240510_10153{number}.mp4", num_frames=2)
    data_set = imported(tmp_path, split=SplitOptions(person_regex="/([^/_]+)_"))
    assert data_set.split_by == "file" and all(data_set.clips.values())
    assert all(clip.person is None for clips in data_set.clips.values() for clip, _ in clips)
    assert any("'VID' is a word that cameras put" in text for text in data_set.warnings)


def test_classes_may_have_the_names_of_files_and_kinds(tmp_path: Path) -> None:
    for name in ("T", "U", "V"):
        make_video(tmp_path / "letters" / name / "a.mp4")
    assert imported(tmp_path / "letters").classes == ["T", "U", "V"]

    for name in ("video", "pose"):
        make_video(tmp_path / "words" / name / "a.mp4")
    stated = imported(tmp_path / "words", "class_folders")
    assert stated.classes == ["pose", "video"]

"""Folders of classes below, above and beside others, and what is no folder of a class."""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.dataset_tools.importing.folder_layout import Parts, folder_layout
from action_recognition.dataset_tools.importing.recognise import recognise
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import UserError
from tests.dataset_tools.importing.made import found_in, imported, make_folder, make_video
from tests.synthetic import write_lines


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ([("wave",), ("stop",)], {("wave", None), ("stop", None)}),
        ([("wave", "anna"), ("stop", "ben")], {("wave", None), ("stop", None)}),
        ([("top", "wave"), ("top", "stop")], {("wave", None), ("stop", None)}),
        ([("train", "wave"), ("val", "wave")], {("wave", "train"), ("wave", "val")}),
        ([("videos", "Train", "wave"), ("videos", "TEST", "stop")], {("wave", "train")}),
        ([("train_videos", "rgb", "wave"), ("test_videos", "rgb", "stop")], {("stop", "test")}),
        ([("wave", "train"), ("stop", "val")], {("wave", "train"), ("stop", "val")}),
        ([("top", "wave", "train"), ("top", "stop", "dev")], {("stop", "val")}),
    ],
)
def test_classes_and_splits_at_any_depth(
    folders: list[Parts], expected: set[tuple[str, str]]
) -> None:
    layout = folder_layout(folders)
    found = {(folder.label, folder.split) for folder in layout.folders}
    assert not layout.problem and expected <= found and len(found) == 2


@pytest.mark.parametrize(
    ("folders", "problem"),
    [
        ([("color", "wave"), ("depth", "wave")], "kinds of files"),
        ([("frames",), ("videos",)], "kinds of files"),
        ([("rgb",)], "kinds of files"),
        ([("train",), ("val",)], "without a class"),
        ([("train", "wave"), ("extra", "wave")], "others not"),
        ([("wave", "train", "anna"), ("stop", "train", "ben")], "the classes may be"),
    ],
)
def test_folders_that_are_no_classes(folders: list[Parts], problem: str) -> None:
    assert problem in folder_layout(folders).problem


def test_a_top_folder_with_what_macos_leaves(tmp_path: Path) -> None:
    for label in ("wave", "stop"):
        make_video(tmp_path / "my_set" / label / "a.mp4", num_frames=2)
        (tmp_path / "__MACOSX" / "my_set" / label).mkdir(parents=True)
        (tmp_path / "__MACOSX" / "my_set" / label / "._a.mp4").write_bytes(b"x")
    data_set = imported(tmp_path)
    assert data_set.classes == ["stop", "wave"] and data_set.left_out == []
    assert any("'my_set' holds all clips" in text for text in data_set.warnings)


def test_modalities_are_asked_about(tmp_path: Path) -> None:
    for label in ("wave", "stop"):
        for kind in ("color", "depth"):
            make_video(tmp_path / "above" / kind / label / "a.mp4", num_frames=2)
            make_video(tmp_path / "below" / label / kind / "a.mp4", num_frames=2)
            make_video(tmp_path / "names" / label / f"a_{kind}.mp4", num_frames=2)
    for name in ("above", "below", "names"):
        with pytest.raises(UserError, match="--modality"):
            found_in(tmp_path / name)
        found = found_in(tmp_path / name, options=SourceOptions(modality="Depth"))
        assert {clip.label for clip in found.clips} == {"wave", "stop"}
        assert len(found.clips) == 2 and all("depth" in clip.path for clip in found.clips)
    with pytest.raises(UserError, match=r"no clip is named for 'ir'.*color, depth"):
        found_in(tmp_path / "names", options=SourceOptions(modality="ir"))

    # What the user states is taken.
    found = found_in(tmp_path / "above", "class_folders", SourceOptions(modality="color"))
    assert {clip.label for clip in found.clips} == {"wave", "stop"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gestures.csv", "clip_wave;foo\nclip_stop;bar\n"),
        ("lists/mine.txt", "wave/clip_wave.mp4 3\nstop/clip_stop.mp4 x\n"),
        ("annotations.xml", "<a/>"),
        ("labels.xlsx", "PK"),
        ("train.pkl", "x"),
    ],
)
def test_lists_beside_folders_are_no_silence(tmp_path: Path, name: str, text: str) -> None:
    for label in ("wave", "stop"):
        make_video(tmp_path / label / f"clip_{label}.mp4", num_frames=2)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"{Path(name).name}: is a list of no format.*--format"):
        found_in(tmp_path)
    assert len(found_in(tmp_path, "class_folders").clips) == 2


def test_notes_and_parts_of_clips_are_no_lists(tmp_path: Path) -> None:
    for label in ("wave", "stop"):
        make_video(tmp_path / label / f"{label}_label.mp4", num_frames=2)
        (tmp_path / label / f"{label}_label.json").write_text("{}", encoding="utf-8")
    write_lines(tmp_path / "README.txt", ["We filmed wave and stop in the kitchen."])
    write_lines(tmp_path / "notes.csv", ["hello"])
    found = found_in(tmp_path)
    assert len(found.clips) == 2
    assert [text for text in found.warnings if "is not used" in text] == [
        f"{tmp_path / 'notes.csv'} is not used: no format has it"
    ]


def test_a_train_part_alone_is_split_again(tmp_path: Path) -> None:
    for label in ("wave", "stop"):
        for number in range(4):
            make_video(tmp_path / "train" / label / f"{number}.mp4", num_frames=2)
    data_set = imported(tmp_path)
    assert all(data_set.clips.values()) and data_set.classes == ["stop", "wave"]
    assert any("a train part alone" in text for text in data_set.warnings)


def test_frames_of_one_class_or_photos_of_several(tmp_path: Path) -> None:
    for name in ("top/wave", "top/stop"):
        make_folder(tmp_path / name, 3)
    with pytest.raises(UserError, match=r"frames of one class, or photos of several.*--format"):
        recognise(tmp_path)
    (tmp_path / "top" / "wave" / "00002.jpg").rename(tmp_path / "top" / "wave" / "00007.jpg")
    assert recognise(tmp_path) == "photo_folders"
    assert found_in(tmp_path).warnings == [
        "the folder 'top' holds all clips: the folders in it are the classes"
    ]

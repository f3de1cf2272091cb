"""The original's annotation lists.

Source: the original's StreamDataset reads `rel_dir label CLIP_start CLIP_end VIDEO_start VIDEO_end
fps`, or `dir label`; its README for data of one's own states the two ranges the other way round,
so that both stand in real files.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import UserError
from tests.dataset_tools.importing.made import (
    found_in,
    imported,
    lines_of,
    make_folder,
    make_video,
    reasons,
)
from tests.synthetic import write_lines


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The original's layout: frame folders below global_crops, lists beside it."""
    for name in ("video1/clip_0000", "video1/clip_0001", "video 2/clip_0000"):
        make_folder(tmp_path / "global_crops" / name, num_frames=8, pattern="img_{:05d}.jpg")
    return tmp_path


def test_both_forms_with_their_split_and_the_originals_root(source: Path) -> None:
    write_lines(source / "train.txt", ["video1/clip_0000 1 2 6 0 8 29.97", "video1/clip_0001 0"])
    write_lines(source / "val100.txt", ["# made by hand", "", "video 2/clip_0000 1 0 8 0 8 30"])
    data_set = imported(source)
    assert data_set.data_root == source / "global_crops"
    assert lines_of(data_set) == [
        "video 2/clip_0000 1 0 8 0 8 30",
        "video1/clip_0000 1 2 6 0 8 29.97",
        "video1/clip_0001 0",
    ]
    assert [len(clips) for clips in data_set.clips.values()] == [2, 1, 0]
    assert data_set.classes == ["0", "1"] and any(
        "named by their numbers" in warning for warning in data_set.warnings
    )


def test_exchanged_columns_are_put_right_and_named(source: Path) -> None:
    write_lines(source / "train.txt", ["video1/clip_0000 0 0 8 2 6 30"])
    data_set = imported(source)
    assert lines_of(data_set) == ["video1/clip_0000 0 2 6 0 8 30"]
    (remark,) = data_set.changed
    assert remark.where.endswith("train.txt:1") and "exchanged" in remark.reason


def test_rows_that_do_not_fit_the_file(source: Path) -> None:
    rows = [
        "0 0 9 0 9 30",
        "0 7 30 0 30 30",
        "0 9 12 9 12 30",
        "0 5 5 0 8 30",
        "0 0 8 0 8 0",
        "0 a b c d e",
        "7",
    ]
    write_lines(
        source / "train.txt",
        [f"video1/clip_0000 {row}" for row in rows] + ["missing/clip 0", "lonely"],
    )
    write_lines(source / "classes.json", ['["wave"]'])
    data_set = imported(source)
    assert lines_of(data_set) == [
        "video1/clip_0000 0 0 8 0 8 30"
    ]  # the first: one frame too long, cut off
    assert "video_end 9 became 8" in data_set.changed[0].reason
    found = {int(remark.where.rpartition(":")[2]): remark.reason for remark in data_set.left_out}
    assert set(found) == set(range(2, 10))
    assert (
        "ends at frame 30" in found[2]
        and "the file has 8 frames" in found[3]
        and "makes no sense" in found[4]
    )
    assert (
        "not four frame numbers" in found[6]
        and "above 0" in found[7]
        and "no file or folder" in found[8]
        and "one column" in found[9]
    )


def test_names_of_classes_and_a_single_list(source: Path) -> None:
    write_lines(
        source / "mine.txt", ["video1/clip_0000 Stop Sign 0 8 0 8 30", "video1/clip_0001 wave"]
    )
    data_set = imported(
        source / "mine.txt",
        options=SourceOptions(classes=["wave", "Stop Sign"]),
        classes=["wave", "Stop Sign"],
    )
    assert lines_of(data_set) == ["video1/clip_0000 1 0 8 0 8 30", "video1/clip_0001 0"]
    assert found_in(source / "mine.txt").clips[0].split is None


def test_a_list_in_latin_1(tmp_path: Path) -> None:
    make_video(tmp_path / "größe.mp4")
    (tmp_path / "train.txt").write_bytes("größe.mp4 0\n".encode("latin-1"))
    data_set = imported(tmp_path)
    assert [line.split()[0] for line in lines_of(data_set)] == ["größe.mp4"] and any(
        "Latin-1" in text for text in data_set.warnings
    )


def test_no_list(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="named for a split"):
        found_in(tmp_path, "original_lists")


def test_the_same_line_twice(source: Path) -> None:
    write_lines(source / "train.txt", ["video1/clip_0000 0"])
    write_lines(source / "train1.txt", ["video1/clip_0000 0"])
    data_set = imported(source)
    assert (
        len(lines_of(data_set)) == 1
        and "same clip" in reasons(data_set.left_out)["video1/clip_0000"]
    )

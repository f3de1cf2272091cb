"""CSV files of Jester and Kinetics, also as people saved them again.

Source: 20BN-jester V1 (jester-v1-train.csv holds lines as `34870;Drumming Fingers`,
jester-v1-labels.csv a name a line, jester-v1-test.csv numbers alone; frames
20bn-jester-v1/34870/00001.jpg at 12 fps); the copy at Kaggle has Train.csv with the columns
video_id,label,frames,label_id,shape,format. Kinetics' CSVs of DeepMind:
`label,youtube_id,time_start,time_end,split`, `is_cc` in some.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.dataset_tools.importing.writing import report_lines
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

LABELS = ["Swiping Left", "Drumming Fingers", "Doing other things"]


@pytest.fixture
def jester(tmp_path: Path) -> Path:
    for number in (34870, 56557, 1, 2):
        make_folder(tmp_path / "20bn-jester-v1" / str(number), num_frames=5)
    write_lines(tmp_path / "jester-v1-labels.csv", LABELS)
    write_lines(
        tmp_path / "jester-v1-train.csv",
        ["34870;Drumming Fingers", "56557;Swiping Left", "777;Swiping Left"],
    )
    write_lines(tmp_path / "jester-v1-validation.csv", ["1;Doing other things"])
    write_lines(tmp_path / "jester-v1-test.csv", ["2"])
    return tmp_path


def test_jester(jester: Path) -> None:
    data_set = imported(jester)
    assert data_set.classes == LABELS
    by_split = {split: [line for _, line in clips] for split, clips in data_set.clips.items()}
    assert by_split == {
        "train": ["20bn-jester-v1/34870 1 0 5 0 5 12", "20bn-jester-v1/56557 0 0 5 0 5 12"],
        "val": ["20bn-jester-v1/1 2 0 5 0 5 12"],
        "test": [],
    }
    assert reasons(data_set.left_out) == {
        "777": "its file is missing",
        "2": "has no label (the test part is published without)",
    }
    assert {remark.where.rpartition("/")[2] for remark in data_set.left_out} == {
        "jester-v1-train.csv:3",
        "jester-v1-test.csv:1",
    }


def test_the_report_names_the_row_and_the_clip(jester: Path) -> None:
    assert any(
        line.strip().endswith("jester-v1-train.csv:3 (777)")
        for line in report_lines(imported(jester))
    )


def test_clips_that_no_row_names_are_counted(jester: Path) -> None:
    (jester / "jester-v1-test.csv").unlink()
    assert any("1 files" in warning and "/2'" in warning for warning in imported(jester).warnings)


def test_jester_with_columns(tmp_path: Path) -> None:
    make_video(tmp_path / "Train" / "12.mp4", num_frames=4, frame_rate_fps=20)
    rows = [
        "video_id,label,frames,label_id,shape,format",
        '12,Swiping Left,37,0,"(176, 100)",jpg',
        '13,,37,0,"(176, 100)",jpg',
    ]
    write_lines(tmp_path / "Train.csv", rows)
    data_set = imported(tmp_path)
    assert lines_of(data_set) == ["Train/12.mp4 0 0 4 0 4 20"] and data_set.split_by == "the source"
    assert (
        data_set.left_out[0].where.endswith("Train.csv:3")
        and "no label" in data_set.left_out[0].reason
    )


def test_jesters_first_classes(jester: Path) -> None:
    data_set = imported(jester, options=SourceOptions(num_classes=1))
    assert data_set.classes == ["Swiping Left"] and lines_of(data_set) == [
        "20bn-jester-v1/56557 0 0 5 0 5 12"
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_encodings_and_separators(tmp_path: Path, encoding: str, separator: str) -> None:
    make_video(tmp_path / "videos" / "abc_000010_000020.mp4")
    rows = [
        ["label", "youtube_id", "time_start", "time_end", "split"],
        ['"à, la; ""carte"""', "abc", "10", "20", "train"],
    ]
    (tmp_path / "train.csv").write_bytes(
        "\r\n".join(separator.join(row) for row in rows).encode(encoding)
    )
    data_set = imported(tmp_path)
    assert data_set.classes == ['à, la; "carte"']
    assert any("Latin-1" in warning for warning in data_set.warnings) == (encoding == "latin-1")


def test_kinetics(tmp_path: Path) -> None:
    make_video(tmp_path / "wave" / "-abcdefghij_000010_000012.mp4", num_frames=60)
    make_video(tmp_path / "whole" / "klmnopqrstu.mp4", num_frames=120)
    make_video(tmp_path / "whole" / "short.mp4", num_frames=10)
    rows = [
        "label,youtube_id,time_start,time_end,split,is_cc",
        "wave,-abcdefghij,10,12,train,0",
        "air drumming,klmnopqrstu,1,2,validate,1",
        "wave,missing,0,10,test,0",
        "wave,short,0,ten,test,0",
        "wave,short,60,70,test,0",
        ",short,0,1,test,0",
    ]
    write_lines(tmp_path / "kinetics.csv", rows)
    data_set = imported(tmp_path)
    assert {split: [line for _, line in clips] for split, clips in data_set.clips.items()} == {
        "train": ["wave/-abcdefghij_000010_000012.mp4 1 0 60 0 60 30"],
        "val": ["whole/klmnopqrstu.mp4 0 30 60 15 75 30"],
        "test": [],
    }
    found = {int(remark.where.rpartition(":")[2]): remark.reason for remark in data_set.left_out}
    assert (
        found[4] == "its file is missing"
        and "no numbers of seconds" in found[5]
        and "no label" in found[7]
    )
    assert "not inside the file, which has 0.33 s" in found[6]


def test_two_files_of_one_name(tmp_path: Path) -> None:
    make_video(tmp_path / "a" / "x.mp4")
    make_video(tmp_path / "b" / "x.avi")
    write_lines(
        tmp_path / "train.csv", ["label,youtube_id,time_start,time_end,split", "wave,x,0,1,train"]
    )
    assert "several files" in found_in(tmp_path).left_out[0].reason


def test_broken_csv(tmp_path: Path) -> None:
    (tmp_path / "zeros.csv").write_bytes(b"label,youtube_id\0\n")
    with pytest.raises(UserError, match="zero bytes"):
        found_in(tmp_path / "zeros.csv", "kinetics_csv")
    write_lines(tmp_path / "other.csv", ["name,age", "anna,3"])
    with pytest.raises(UserError, match="no format that can be imported"):
        found_in(tmp_path / "other.csv")
    with pytest.raises(UserError, match="no CSV file of this format"):
        found_in(tmp_path, "jester")

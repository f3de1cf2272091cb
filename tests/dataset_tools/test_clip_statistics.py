"""What a data set holds, counted by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest

from action_recognition.commands.data.stats import main
from tests.synthetic import numbered_frames, write_frame_folder, write_lines, write_video


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_video(tmp_path / "anna_1.mp4", numbered_frames(30), frame_rate_fps=15)
    write_video(tmp_path / "ben_1.mp4", numbered_frames(60, height=64, width=48), frame_rate_fps=30)
    write_frame_folder(tmp_path / "anna_2", numbered_frames(9))
    (tmp_path / "ben_2.mp4").write_bytes(b"no video")
    write_lines(
        tmp_path / "train.txt",
        ["anna_1.mp4 wave", "anna_2 stop", "ben_2.mp4 stop", "ben_1.mp4 wave 10 40 0 60 30"],
    )
    write_lines(tmp_path / "val.txt", ["ben_1.mp4 stop 0 15 0 60 30"])
    write_lines(tmp_path / "classes.json", ['["stop", "wave", "never [seen]"]'])
    return tmp_path


def test_counts_lengths_rates_and_sizes(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_file, picture = tmp_path / "out" / "stats.json", tmp_path / "out" / "stats.png"
    more = [
        "--person-regex",
        "^([a-z]+)_",
        "--json",
        str(json_file),
        "--histogram",
        str(picture),
        "--jobs",
        "1",
    ]
    assert (
        main(["--ann-files", f"{root}/train.txt,{root}/val.txt", "--data-roots", str(root), *more])
        == 0
    )
    found = json.loads(json_file.read_text(encoding="utf-8"))
    assert found["clips"] == 4 and found["clips_without_rate"] == 1
    assert {name: row["by_split"] for name, row in found["classes"].items()} == {
        "stop": {"train": 1, "val": 1},
        "wave": {"train": 2, "val": 0},
        "never [seen]": {"train": 0, "val": 0},
    }
    assert found["classes"]["wave"]["people"] == 2
    assert {
        name: found["classes"]["wave"]["seconds"][name] for name in ("min", "median", "max")
    } == {"min": 1.0, "median": 1.5, "max": 2.0}
    assert found["people"] == {
        "anna": {"clips": 2, "splits": ["train"]},
        "ben": {"clips": 2, "splits": ["train", "val"]},
    }
    assert found["frames"]["min"] == 9 and found["frames"]["max"] == 30
    assert found["rates_fps"] == {"30": 2, "15": 1} and found["sizes"] == {"64x48": 2, "48x64": 2}
    (unreadable,) = found["unreadable"]
    assert (
        unreadable["line"].endswith("train.txt:3")
        and "cannot be read as a video" in unreadable["reason"]
    )
    said = capsys.readouterr().out
    assert re.search(r"ben +2 +train, val", said)
    assert (
        "never [seen]" in said
        and "1 of them in more than one file" in said
        and "train.txt:3" in said
    )
    assert cv2.imread(str(picture)).shape[1] == 1100


def test_a_table_without_these_clips_is_said(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--ann-files", f"{root}/train.txt", "--data-roots", str(root), "--jobs", "1"]
    table = tmp_path / "people.csv"
    for text, said in (
        ("path,person\nvideos/anna_1.mp4,anna\n", "it has paths such as 'videos/anna_1.mp4'"),
        ("path,person\nanna_1.mp4,\n", f"{table} names no person"),
    ):
        table.write_text(text, encoding="utf-8")
        assert main([*flags, "--metadata", str(table)]) == 0
        found = capsys.readouterr().out
        assert "people unknown\n" in found and said in found
        assert "--person-regex" not in found

    assert main(flags) == 0
    assert "--person-regex or --metadata tells who" in capsys.readouterr().out

"""Stretches without a gesture: never near one, of the gestures' lengths, each in the file that its
video is in.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from action_recognition.commands.data.make_negatives import main
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.dataset_tools.negatives import gaps
from action_recognition.errors import UserError
from tests.synthetic import numbered_frames, write_lines, write_video

GESTURES = {"long.mp4": [(60, 90), (200, 240)], "other.mp4": [(100, 130)]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in GESTURES:
        write_video(tmp_path / name, numbered_frames(300, 32, 32))
    write_lines(
        tmp_path / "train.txt", ["long.mp4 wave 60 90 0 300 30", "other.mp4 stop 100 130 0 300 30"]
    )
    write_lines(tmp_path / "val.txt", ["long.mp4 stop 200 240 0 300 30"])
    write_lines(tmp_path / "classes.json", ['["stop", "wave"]'])
    return tmp_path


def run(root: Path, output: Path, *more: str) -> dict[str, list[ClipRecord]]:
    assert (
        main(
            [
                "--ann-files",
                f"{root}/train.txt,{root}/val.txt",
                "--data-roots",
                str(root),
                "--output",
                str(output),
                *more,
            ]
        )
        == 0
    )
    labels = json.loads((output / "classes.json").read_text(encoding="utf-8"))
    return {
        file.stem: read_annotations([file], [root], labels) for file in sorted(output.glob("*.txt"))
    }


def test_stretches_keep_away_from_every_gesture(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    files = run(root, out, "--ratio", "3", "--margin-s", "0.5")
    assert json.loads((out / "classes.json").read_text(encoding="utf-8")) == [
        "stop",
        "wave",
        "no gesture",
    ]
    assert json.loads((out / "dataset.json").read_text(encoding="utf-8")) == {
        "negative_label": "no gesture"
    }
    negatives = {name: [clip for clip in clips if clip.label == 2] for name, clips in files.items()}
    assert [len(clips) - len(negatives[name]) for name, clips in files.items()] == [
        2,
        1,
    ]  # the gestures are still there
    assert len(negatives["train"]) == 3 and {clip.path.name for clip in negatives["val"]} == {
        "long.mp4"
    }
    for clip in [clip for clips in negatives.values() for clip in clips]:
        assert (clip.clip_start, clip.clip_end) == (
            clip.video_start,
            clip.video_end,
        ) and clip.clip_end <= 300
        assert clip.clip_end - clip.clip_start in (30, 40)
        for start, end in GESTURES[clip.path.name]:  # also those of the other file
            assert clip.clip_end <= start - 15 or clip.clip_start >= end + 15
    every = sorted(
        (clip.path, clip.clip_start, clip.clip_end)
        for clips in negatives.values()
        for clip in clips
    )
    assert all(
        first[0] != second[0] or first[2] <= second[1]
        for first, second in itertools.pairwise(every)
    )


def test_a_gap_narrower_than_its_margins_is_none() -> None:
    assert gaps([(4, 10), (19, 30), (95, 200)], num_frames=100, margin=5) == [(35, 90)]


def test_the_seed_decides_and_the_length_can_be_given(root: Path, tmp_path: Path) -> None:
    def ranges(name: str, *more: str) -> list[tuple[int, int]]:
        clips = run(root, tmp_path / name, *more)["train"]
        return [(clip.clip_start, clip.clip_end) for clip in clips if clip.label == 2]

    assert (
        ranges("a", "--seed", "1", "--ratio", "3")
        == ranges("b", "--seed", "1", "--ratio", "3")
        != ranges("c", "--ratio", "3")
    )
    assert {end - start for start, end in ranges("d", "--length-s", "0.4")} == {12}


def test_a_class_that_is_there_already_is_used(root: Path, tmp_path: Path) -> None:
    write_lines(
        root / "val.txt", ["long.mp4 stop 200 240 0 300 30", "long.mp4 wave 0 290 0 300 30"]
    )
    files = run(root, tmp_path / "out", "--negative-label", "wave", "--ratio", "3")
    assert json.loads((tmp_path / "out" / "classes.json").read_text(encoding="utf-8")) == [
        "stop",
        "wave",
    ]
    assert len(files["val"]) == 2  # its own clips of the class leave no room
    assert {
        clip.path.name for clip in files["train"] if clip.label == 1 and clip.clip_start != 60
    } == {"other.mp4"}


def test_videos_without_room(root: Path, tmp_path: Path) -> None:
    write_lines(root / "val.txt", ["long.mp4 stop 0 300 0 300 30", "other.mp4 stop"])
    with pytest.raises(UserError, match="no video has room"):
        run(root, tmp_path / "out")
    for name in ("train", "val"):
        write_lines(root / f"{name}.txt", ["long.mp4 stop"])
    with pytest.raises(UserError, match="seven columns"):
        run(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="already"):
        run(root, root)

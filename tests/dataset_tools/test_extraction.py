"""Frames as images: the right frames, in the right size, with lines that mean the same clips; runs
go on where they stopped.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from action_recognition.commands.data.extract import main
from action_recognition.data.annotations import read_annotations
from action_recognition.data.dataset_files import read_negative_label
from action_recognition.data.video import read_frames
from action_recognition.errors import UserError
from tests.synthetic import (
    numbered_frames,
    read_frame_number,
    truncate,
    write_frame_folder,
    write_lines,
    write_video,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    write_video(folder / "videos" / "long one.mp4", numbered_frames(90, height=120, width=400))
    write_video(folder / "videos" / "a.mp4", numbered_frames(5))
    write_video(folder / "videos" / "a.avi", numbered_frames(4), codec="mpeg4")
    write_frame_folder(folder / "frames", numbered_frames(7))
    lines = [
        "videos/long one.mp4 wave 40 50 35 75 30",
        "videos/a.mp4 stop",
        "videos/a.avi wave",
        "frames stop",
    ]
    write_lines(folder / "train.txt", lines)
    write_lines(folder / "val.txt", ["videos/long one.mp4 stop 0 90 0 90 30"])
    write_lines(folder / "classes.json", ['["wave", "stop"]'])
    return folder


def run(root: Path, output: Path, *more: str) -> int:
    return main(
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


def test_frames_lines_and_classes(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_lines(root / "dataset.json", ['{"negative_label": "stop"}'])
    assert run(root, out) == 0
    assert read_negative_label(out) == "stop"
    assert (out / "train.txt").read_text(encoding="utf-8").splitlines() == [
        "videos/long one_000035_000075 0 5 15 0 40 30",
        "videos/a_mp4 1 0 5 0 5 30",
        "videos/a_avi 0 0 4 0 4 30",
        "frames 1",
    ]
    first = read_annotations([out / "train.txt"], [out], ["wave", "stop"])[0]
    frames = read_frames(first.path, [first.clip_start, 39])
    assert [read_frame_number(frame) for frame in frames] == [40, 74]
    assert frames.shape[1:3] == (77, 256)  # 120x400, its longer side made 256
    assert [file.name for file in sorted((out / "videos" / "a_mp4").iterdir())] == [
        f"{number:05d}.jpg" for number in range(1, 6)
    ]
    assert read_frames(out / "videos" / "a_mp4", [0]).shape[1:3] == (48, 64)  # never enlarged
    assert len(list((out / "videos" / "long one_000000_000090").iterdir())) == 90
    assert (
        min(file.name for file in first.path.iterdir()) == "00001.jpg"
    )  # whatever frame of the video it is


def test_colours_are_kept(root: Path, tmp_path: Path) -> None:
    red = numbered_frames(3) // 255
    red[..., 0] = 250
    write_video(root / "videos" / "a.mp4", red)
    run(root, tmp_path / "out", "--image-extension", "png", "--max-image-size", "32")
    picture = cv2.imread(str(tmp_path / "out" / "videos" / "a_mp4" / "00001.png"))
    assert picture.shape == (24, 32, 3)
    blue, _, red_level = picture.reshape(-1, 3).mean(axis=0)
    assert red_level > 230 and blue < 30


def test_a_second_run_writes_only_what_is_missing(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(root, out)
    kept, broken = out / "videos" / "a_mp4" / "00001.jpg", out / "videos" / "a_avi"
    kept.write_bytes(b"kept")
    (broken / "00002.jpg").unlink()
    assert run(root, out) == 0
    assert kept.read_bytes() == b"kept" and (broken / "00002.jpg").is_file()
    assert not list(out.rglob(".*"))
    with pytest.raises(UserError, match=r"extract.json.*another --output"):
        run(root, out, "--max-image-size", "100")


def test_clips_that_cannot_be_read_are_named_and_left_out(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truncate(root / "videos" / "a.mp4", root / "videos" / "cut.mp4", keep=0.5)
    write_lines(root / "val.txt", ["videos/cut.mp4 wave", "videos/a.avi wave 0 9 0 9 30"])
    assert run(root, tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "val.txt:1: " in said.err and "val.txt:2: " in said.err and "it has 4 frames" in said.err
    assert "4 clips extracted" in said.out and not (tmp_path / "out" / "val.txt").exists()
    assert not (tmp_path / "out" / "videos" / "cut").exists()


def test_the_output_is_not_the_source(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="data root of the clips themselves"):
        run(root, root)
    write_lines(tmp_path / "other" / "train.txt", ["frames stop"])
    with pytest.raises(UserError, match="the same name"):
        main(
            [
                "--ann-files",
                f"{root}/train.txt,{tmp_path}/other/train.txt",
                "--data-roots",
                str(root),
                "--output",
                str(tmp_path / "o"),
            ]
        )
    assert not (tmp_path / "o").exists()

"""MS-ASL from its JSON and videos to cropped clips: the right frames, the right part of the
picture, lines that training reads.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.commands.data.prepare_msasl import main
from action_recognition.data.annotations import read_annotations
from action_recognition.data.labels import training_labels
from action_recognition.data.video import probe, read_frames
from action_recognition.errors import UserError
from tests.dataset_tools.preparing.made import CLASSES, make_video, sign, write_annotation
from tests.synthetic import numbered_frames, read_frame_number, truncate, write_video

SMALL = ("--target-image-size", "48,64", "--scale", "1", "--jobs", "1")


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def source(tmp_path: Path) -> list[str]:
    """Two videos of 30 fps, one downloaded at 15 fps, one that is gone."""
    for name, num_frames, rate in (("aaa", 200, 30), ("bbb", 120, 30), ("slow", 60, 15)):
        make_video(tmp_path / "videos" / f"{name}.mp4", num_frames, rate)
    train = [
        sign("aaa", 60, 90),
        sign("aaa", 100, 130, label=1, signer_id=3),
        sign("gone", 0, 30, label=2),
    ]
    val, test = [sign("slow", 30, 56)], [sign("bbb", 30, 110, label=2)]
    files = write_annotation(tmp_path / "json", train=train, val=val, test=test)
    return [*files, "-v", str(tmp_path / "videos"), "-o", str(tmp_path / "out"), *SMALL]


def test_frames_lines_and_classes(
    source: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(source) == 0
    out = tmp_path / "out"
    # a sign is 0.8 s * 1.1 = 26.4 frames: 61 to 88 and 101 to 128; its clip reaches 64 frames from
    # 88 back and from 61 on, not into 101
    assert lines(out / "train.txt") == [
        "aaa/clip_0000 0 37 64 0 77 30",
        "aaa/clip_0001 1 13 40 0 77 30",
    ]
    assert lines(out / "val.txt") == [
        "slow/clip_0000 0 15 28 0 47 15"
    ]  # 1.0 s to 1.87 s, whatever the rate of the file
    # 80 frames are a sign made twice, (80 - 24) / 26.4 = 2.1: the first of them is around 30 + 80/3
    assert lines(out / "test.txt") == ["bbb/clip_0000 2 38 64 0 102 30"]
    records = read_annotations(
        [out / "train.txt"],
        [out / "global_crops"],
        training_labels([out / "train.txt"], None, ())[0],
    )
    for record, first in zip(records, (24, 88), strict=True):
        frames = read_frames(record.path, [0, record.video_end - 1])
        assert frames.shape[1:] == (48, 64, 3)
        assert [read_frame_number(frame) for frame in frames] == [
            first,
            first + record.video_end - 1,
        ]
        assert sorted(record.path.iterdir())[0].name == "img_00001.jpg"
    assert json.loads((out / "classes.json").read_text()) == CLASSES
    assert "--train-ann-files" in capsys.readouterr().out


def test_the_crop_is_the_signers_box(source: list[str], tmp_path: Path) -> None:
    assert main(source) == 0
    number = cv2.imread(
        str(tmp_path / "out" / "global_crops" / "bbb" / "clip_0000" / "img_00001.jpg")
    )
    assert read_frame_number(number) == 5 and number.mean() < 200
    wide = [*source, "-o", str(tmp_path / "wide"), "--scale", "2"]
    assert main(wide) == 0
    picture = cv2.imread(
        str(tmp_path / "wide" / "global_crops" / "bbb" / "clip_0000" / "img_00001.jpg")
    )
    assert (
        picture[:8].mean() > 240 and picture[:, :10].mean() > 240
    )  # twice the box is the whole picture, with its white border


def test_the_box_is_y_min_x_min_y_max_x_max(tmp_path: Path) -> None:
    frames = np.full((40, 96, 128, 3), 255, np.uint8)
    frames[:, :48, 64:] = numbered_frames(40, 48, 64)
    write_video(tmp_path / "videos" / "aaa.mp4", frames)
    files = write_annotation(tmp_path, train=[sign("aaa", 5, 35, box=[0.0, 0.5, 0.5, 1.0])])
    assert main([*files, "-v", str(tmp_path / "videos"), "-o", str(tmp_path / "out"), *SMALL]) == 0
    folder = tmp_path / "out" / "global_crops" / "aaa" / "clip_0000"
    assert [read_frame_number(picture) for picture in read_frames(folder, [0, 39])] == [0, 39]


def test_subsets_are_what_the_next_command_takes(
    source: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videos" / "slow.mp4").rename(tmp_path / "elsewhere.mp4")
    assert main([*source, "-k", "1", "2"]) == 0
    said = capsys.readouterr().out
    out = tmp_path / "out"
    assert lines(out / "msasl1" / "train1.txt") == ["aaa/clip_0000 0 37 64 0 77 30"]
    assert lines(out / "msasl2" / "train2.txt") == lines(out / "train.txt")
    assert json.loads((out / "msasl1" / "classes.json").read_text()) == ["hello"]
    assert json.loads((out / "classes.json").read_text()) == ["hello", "nice"]
    assert training_labels([out / "msasl2" / "train2.txt"], None, ())[0] == ["hello", "nice"]
    assert (
        not (out / "msasl2" / "test2.txt").exists() and not (out / "global_crops" / "bbb").exists()
    )
    (tmp_path / "elsewhere.mp4").rename(tmp_path / "videos" / "slow.mp4")
    for k in (1, 2):
        assert (
            f"--train-ann-files {out}/msasl{k}/train{k}.txt --train-data-roots {out}/global_crops"
            in said
        )
    assert "listed for 2 classes, not 1" in (out / "msasl1" / "report.txt").read_text()
    assert (
        main(source) == 0
    )  # all classes later: the neighbours and numbers of the clips stay the same
    assert len(lines(out / "train.txt")) == 2 and len(lines(out / "test.txt")) == 1
    with pytest.raises(UserError, match=r"--num-classes.*1 to 3"):
        main([*source, "-k", "4"])


def test_clips_as_videos(source: list[str], tmp_path: Path) -> None:
    assert main([*source, "--output-format", "mp4"]) == 0
    out = tmp_path / "out"
    assert lines(out / "val.txt") == ["slow/clip_0000.mp4 0 15 28 0 47 15"]
    info = probe(out / "global_crops" / "slow" / "clip_0000.mp4")
    assert (info.num_frames, info.frame_rate_fps, info.width, info.height) == (47, 15, 64, 48)
    frames = read_frames(out / "global_crops" / "aaa" / "clip_0001.mp4", [0, 50])
    assert [read_frame_number(frame) for frame in frames] == [88, 138]
    with pytest.raises(UserError, match="even numbers"):
        main([*source, "--output-format", "mp4", "--target-image-size", "49,64"])


def test_a_file_that_holds_one_clip(tmp_path: Path) -> None:
    make_video(tmp_path / "videos" / "aaa_60_90.mp4", 40)
    files = write_annotation(tmp_path, train=[sign("aaa", 60, 90), sign("aaa", 100, 130)])
    assert main([*files, "-v", str(tmp_path / "videos"), "-o", str(tmp_path / "out"), *SMALL]) == 0
    assert lines(tmp_path / "out" / "train.txt") == ["aaa/clip_0000 0 6 33 0 40 30"]


def test_a_second_run_writes_only_what_is_missing(source: list[str], tmp_path: Path) -> None:
    assert main(source) == 0
    crops = tmp_path / "out" / "global_crops"
    kept, broken = (
        crops / "aaa" / "clip_0000" / "img_00001.jpg",
        crops / "aaa" / "clip_0001" / "img_00002.jpg",
    )
    kept.write_bytes(b"kept")
    broken.unlink()
    make_video(tmp_path / "videos" / "gone.mp4", 60)
    assert main(source) == 0
    assert kept.read_bytes() == b"kept" and broken.is_file() and not list(crops.rglob(".*"))
    assert lines(tmp_path / "out" / "train.txt")[-1] == "gone/clip_0000 2 1 28 0 60 30"
    with pytest.raises(
        UserError, match=r"prepare_msasl.json.*scale 1.0, not 1.3.*another --output"
    ):
        main([*source, "--scale", "1.3"])
    write_annotation(tmp_path / "json", train=[sign("aaa", 61, 90)])
    with pytest.raises(UserError, match=r"annotation"):
        main(source)


def test_several_processes_give_the_same(source: list[str], tmp_path: Path) -> None:
    assert main(source) == 0
    assert main([*source, "-o", str(tmp_path / "two"), "--jobs", "2"]) == 0
    for name in ("train.txt", "val.txt", "test.txt", "metadata.csv", "classes.json"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_the_report_says_what_is_left_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_video(tmp_path / "videos" / "aaa.mp4", 200)
    truncate(make_video(tmp_path / "cut.mp4", 60), tmp_path / "videos" / "cut.mp4", keep=0.5)
    wrong = {
        "zero box": sign("aaa", 10, 30, box=[0.5, 0.5, 0.5, 0.9]),
        "outside": sign("aaa", 10, 30, box=[0.1, 1.2, 0.9, 1.9]),
        "backwards": sign("aaa", 30, 10),
        "too late": sign("aaa", 900, 930),
        "same": sign("aaa", 60, 90),
        "gone": sign("gone", 0, 30, label=1),
        "truncated": sign("cut", 0, 30, label=1),
        "escape": sign("../../etc/passwd", 0, 30, label=1),
        "no box": {key: value for key, value in sign("aaa", 0, 30).items() if key != "box"},
        "label": sign("aaa", 0, 30) | {"label": 7},
        "link": sign("link", 0, 30, label=1),
    }
    (tmp_path / "videos" / "link.mp4").symlink_to(tmp_path / "cut.mp4")
    files = write_annotation(tmp_path, train=[sign("aaa", 60, 90), *wrong.values()])
    assert main([*files, "-v", str(tmp_path / "videos"), "-o", str(tmp_path / "out"), *SMALL]) == 0
    assert len(lines(tmp_path / "out" / "train.txt")) == 1
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["classes"]["hello"]["train"] == {"left": 1, "of": 6} and report["classes"][
        "nice"
    ]["train"] == {"left": 0, "of": 4}
    assert report["splits"]["train"] == {
        "left": 1,
        "of": 10,
    }  # two have no class that could be counted
    reasons = {int(item["where"].rpartition(" ")[2]): item["reason"] for item in report["left_out"]}
    said = [
        "no area",
        "outside the picture",
        "frame 30 to 10",
        "is not inside the file",
        "",
        "its file is missing",
        "cannot be read",
    ]
    said += [
        "cannot be the name of a file",
        "box: Field required",
        "its label 7",
        "leaves the data root",
    ]
    for number, words in enumerate(said, start=2):
        assert number == 6 or words in reasons[number], reasons
    assert any(
        "nothing is left of its time" in reason
        for number, reason in reasons.items()
        if number in (1, 6)
    )
    text = (tmp_path / "out" / "report.txt").read_text()
    assert (
        "1 of 2 classes have none left" in text and "0 of 4" in text and "MSASL_train.json:" in text
    )
    assert "1 of 10 clips" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change", ["no json", "no split", "no classes", "no videos", "no clip", "schema"]
)
def test_wrong_calls_end_in_one_message_and_write_nothing(
    source: list[str], tmp_path: Path, change: str
) -> None:
    folder = tmp_path / "json"
    said = {
        "no json": r"MSASL_val.json: there is no such file",
        "no split": r"entries.json: has no split in its name",
        "no classes": r"MSASL_classes.json: the names of the classes are missing.*same archive",
        "no videos": r"there is no such folder.*download --help",
        "no clip": r"no clip could be prepared: 5 x its file is missing \(first .*entry 1: "
        r"bbb_30_110 or .*bbb\)",
        "schema": r"no entry follows the schema.*url: Field required",
    }
    words = list(source)
    if change == "no json":
        (folder / "MSASL_val.json").unlink()
    elif change == "no split":
        words[words.index(str(folder / "MSASL_val.json"))] = str(
            (folder / "MSASL_val.json").rename(folder / "entries.json")
        )
    elif change == "no classes":
        (folder / "MSASL_classes.json").unlink()
    elif change == "no videos":
        words[words.index("-v") + 1] = str(tmp_path / "nowhere")
    elif change == "no clip":
        (tmp_path / "empty").mkdir()
        words[words.index("-v") + 1] = str(tmp_path / "empty")
    else:
        (folder / "MSASL_val.json").write_text('[{"label": 1}]')
    with pytest.raises(UserError, match=said[change]):
        main(words)
    assert not list((tmp_path / "out").glob("*.txt"))


def test_one_kind_of_video_where_a_name_is_there_twice(source: list[str], tmp_path: Path) -> None:
    make_video(tmp_path / "videos" / "bbb.mkv", 120)
    assert main(source) == 0
    assert not (tmp_path / "out" / "test.txt").exists()
    assert main([*source, "-ve", "mp4"]) == 0
    assert len(lines(tmp_path / "out" / "test.txt")) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_leaves_no_half_list(source: list[str], tmp_path: Path) -> None:
    assert main(source) == 0
    out = tmp_path / "out"
    before = lines(out / "train.txt")
    make_video(tmp_path / "videos" / "gone.mp4", 60)
    (out / ".report.txt.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        main(source)
    assert lines(out / "train.txt") == before


def test_the_originals_flags_are_taken(source: list[str], tmp_path: Path) -> None:
    words = [word for word in source if word not in SMALL]
    assert (
        main(
            [
                *words,
                "-ve",
                "mp4",
                "-ie",
                "png",
                "-l",
                "40",
                "--trg_image_size",
                "30,26",
                "--scale",
                "1.2",
            ]
        )
        == 0
    )
    assert lines(tmp_path / "out" / "train.txt")[0] == "aaa/clip_0000 0 13 40 0 53 30"
    assert cv2.imread(
        str(tmp_path / "out" / "global_crops" / "aaa" / "clip_0000" / "img_00053.png")
    ).shape == (30, 26, 3)

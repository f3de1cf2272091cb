"""Jester from its CSVs and frame folders to clips cropped to the person. Schema and source:
tests/dataset_tools/importing/test_csv_sets.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.commands.data.prepare_jester import main
from action_recognition.data.annotations import read_annotations
from action_recognition.data.dataset_files import read_negative_label
from action_recognition.data.labels import training_labels
from action_recognition.data.video import probe
from action_recognition.errors import UserError
from tests.detection.detectors import write_boxes_detector, write_classifier
from tests.synthetic import numbered_frames, read_frame_number, write_frame_folder, write_lines

LABELS = ["Swiping Left", "Drumming Fingers", "No gesture"]
PERSON = (0.25, 0.25, 0.75, 0.75, 1.0)


def clip(
    folder: Path, num_frames: int, first: int = 0, ground: tuple[int, int, int] = (0, 0, 255)
) -> Path:
    """Frames of a ground (RGB), blue as the stand-in detector sees persons, with their number in
    the middle half.
    """
    frames = np.empty((num_frames, 96, 128, 3), np.uint8)
    frames[:] = ground
    frames[:, 24:72, 32:96] = numbered_frames(num_frames, 48, 64, first)
    return write_frame_folder(folder, frames, "{:05d}.jpg")


@pytest.fixture
def source(tmp_path: Path) -> list[str]:
    data = tmp_path / "jester_data"
    for number in (34870, 56557, 1):
        clip(data / "rawframes" / str(number), 12, first=number % 100)
    clip(data / "rawframes" / "2", 5)
    write_lines(data / "jester-v1-labels.csv", LABELS)
    write_lines(
        data / "jester-v1-train.csv",
        ["34870;Drumming Fingers", "56557;Swiping Left", "777;Swiping Left"],
    )
    write_lines(data / "jester-v1-validation.csv", ["1;No gesture"])
    write_lines(data / "jester-v1-test.csv", ["2"])
    size = ["--target-image-size", "48,64", "--scale", "1", "--jobs", "1"]
    return ["-i", str(data / "rawframes"), "-o", str(tmp_path / "jester"), *size]


@pytest.fixture
def detector(tmp_path: Path) -> list[str]:
    return ["-m", str(write_boxes_detector(tmp_path / "model" / "person.xml", [PERSON]))]


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def picture(tmp_path: Path, name: str) -> np.ndarray:
    return cv2.imread(str(tmp_path / "jester" / "global_crops" / name))


def test_clips_are_cropped_to_the_person(
    source: list[str], detector: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*source, *detector]) == 0
    out = tmp_path / "jester"
    assert lines(out / "train.txt") == ["34870 1 0 12 0 12 12", "56557 0 0 12 0 12 12"]
    assert lines(out / "val.txt") == ["1 2 0 12 0 12 12"]
    assert training_labels([out / "train.txt"], None, ())[0] == LABELS
    assert read_negative_label(out) == "No gesture"
    assert len(read_annotations([out / "train.txt"], [out / "global_crops"], LABELS)) == 2
    found = picture(tmp_path, "34870/00012.jpg")
    assert (
        found.shape == (48, 64, 3)
        and read_frame_number(found) == 70 + 11
        and found[2:, 2:].std() > 20
    )
    said = capsys.readouterr().out
    assert f"--test-ann-files {out}/val.txt" in said and not (out / "test.txt").exists()
    report = (out / "report.txt").read_text()
    assert (
        "the labels of the test part are not public: measure on val.txt" in report
        and "its file is missing" in report
    )


def test_whole_pictures_without_a_detector(source: list[str], tmp_path: Path) -> None:
    assert main(source) == 0
    found = picture(tmp_path, "34870/00001.jpg")
    assert found[:10].reshape(-1, 3).mean(axis=0) == pytest.approx(
        (255, 0, 0), abs=25
    )  # BGR: the ground is still there
    assert "no detector was given" in (tmp_path / "jester" / "report.txt").read_text()


def test_a_clip_without_a_person_is_left_out_and_named(
    source: list[str], detector: list[str], tmp_path: Path
) -> None:
    red = tmp_path / "jester_data" / "rawframes" / "56557"
    for file in red.iterdir():
        cv2.imwrite(str(file), np.full((96, 128, 3), (0, 0, 255), np.uint8))
    assert main([*source, *detector]) == 0
    report = json.loads((tmp_path / "jester" / "report.json").read_text())
    assert report["classes"]["Swiping Left"]["train"] == {"left": 0, "of": 1}
    assert {item["path"]: item["reason"] for item in report["left_out"]}[
        "56557"
    ] == "no person was found in it"
    assert not (tmp_path / "jester" / "global_crops" / "56557").exists()


def test_a_second_run_writes_only_what_is_missing(
    source: list[str], detector: list[str], tmp_path: Path
) -> None:
    assert main([*source, *detector]) == 0
    crops = tmp_path / "jester" / "global_crops"
    (crops / "34870" / "00001.jpg").write_bytes(b"kept")
    (crops / "1" / "00003.jpg").unlink()
    assert main([*source, *detector, "--jobs", "2"]) == 0
    assert (crops / "34870" / "00001.jpg").read_bytes() == b"kept" and len(
        list((crops / "1").iterdir())
    ) == 12
    with pytest.raises(UserError, match=r"prepare_jester.json.*detector.*another --output"):
        main(source)


def test_broken_clips_and_rows_are_named(source: list[str], tmp_path: Path) -> None:
    data = tmp_path / "jester_data"
    (data / "rawframes" / "34870" / "00003.jpg").unlink()
    (data / "rawframes" / "56557" / "00005.jpg").write_bytes(b"no image")
    rows = [
        "34870;Drumming Fingers",
        "56557;Swiping Left",
        "1;Flying",
        "1;Swiping Left",
        "2;Swiping Left",
    ]
    write_lines(data / "jester-v1-train.csv", rows)
    assert main(source) == 0
    assert lines(tmp_path / "jester" / "train.txt") == ["1 0 0 12 0 12 12", "2 0 0 5 0 5 12"]
    left_out = json.loads((tmp_path / "jester" / "report.json").read_text())["left_out"]
    reasons = {item["where"].rpartition("/")[2]: item["reason"] for item in left_out}
    assert "image number 3 is missing" in reasons["jester-v1-train.csv:1"]
    assert (
        "cannot be read" in reasons["jester-v1-train.csv:2"]
        and "'Flying'" in reasons["jester-v1-train.csv:3"]
    )
    assert "is the same clip as" in reasons["jester-v1-validation.csv:1"]
    assert not [path for path in (tmp_path / "jester").rglob(".*")]


def test_clips_as_videos(source: list[str], detector: list[str], tmp_path: Path) -> None:
    assert main([*source, *detector, "--output-format", "mp4"]) == 0
    assert lines(tmp_path / "jester" / "val.txt") == ["1.mp4 2 0 12 0 12 12"]
    info = probe(tmp_path / "jester" / "global_crops" / "1.mp4")
    assert (info.num_frames, info.frame_rate_fps, info.width, info.height) == (12, 12, 64, 48)


def test_wrong_calls_end_in_one_message_and_write_nothing(
    source: list[str], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for words, said in [
        (["-a", str(tmp_path / "empty")], "no CSV file"),
        (["-i", str(tmp_path / "nowhere")], "there is no such folder"),
        (["-m", str(tmp_path / "gone.xml")], "there is no such file"),
        (["-m", str(write_classifier(tmp_path / "classifier.xml"))], "its outputs are"),
        (
            ["-i", str(tmp_path / "empty"), "-a", str(tmp_path / "jester_data")],
            "no clip could be prepared.*its file is missing",
        ),
    ]:
        with pytest.raises(UserError, match=said):
            main([*source, *words])
    assert (
        not list((tmp_path / "jester").glob("*.txt"))
        and not (tmp_path / "jester" / "global_crops").exists()
    )


def test_real_clips(real_data: Path, tmp_path: Path) -> None:
    videos = real_data / "extra_jester20" / "videos"
    names = json.loads((real_data / "extra_jester20" / "classes.json").read_text(encoding="utf-8"))
    listed = [line.split()[:2] for line in lines(real_data / "extra_jester20" / "test.txt")][:4]
    rows = [
        f"{Path(path).stem};{names[int(label)] if label.isdecimal() else label}"
        for path, label in listed
    ]
    write_lines(tmp_path / "csv" / "jester-v1-labels.csv", names)
    write_lines(tmp_path / "csv" / "jester-v1-validation.csv", rows)
    assert (
        main(
            [
                "-i",
                str(videos),
                "-a",
                str(tmp_path / "csv"),
                "-o",
                str(tmp_path / "jester"),
                "--jobs",
                "1",
            ]
        )
        == 0
    )
    records = read_annotations(
        [tmp_path / "jester" / "val.txt"], [tmp_path / "jester" / "global_crops"], names
    )
    assert len(records) == 4
    for record in records:
        before, after = probe(videos / f"{record.path.name}.mp4"), probe(record.path)
        assert (after.height, after.width, after.num_frames) == (300, 256, before.num_frames)
        assert (
            record.frame_rate_fps == before.frame_rate_fps and record.clip_end == after.num_frames
        )

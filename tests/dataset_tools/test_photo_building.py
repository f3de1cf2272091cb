"""Photos brought to the size of training once, with their hands cut out or not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from action_recognition.commands.data import build_dataset
from action_recognition.data.photo import read_photo
from action_recognition.errors import UserError
from tests.detection.detectors import write_boxes_detector


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "a").mkdir(parents=True)
    blue = np.full((300, 400, 3), (0, 0, 255), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(blue).save(folder / "a" / "one.jpg", exif=exif)
    Image.fromarray(blue[:60, :80]).save(folder / "a" / "two.png")
    (folder / "a" / "bad.jpg").write_bytes(b"no picture")
    (folder / "train.txt").write_text("a/one.jpg fist\na/two.png palm\na/bad.jpg fist\n")
    return folder


def build(source: Path, output: Path, *flags: str) -> int:
    return build_dataset.main(
        [
            "--ann-files",
            str(source / "train.txt"),
            "--data-roots",
            str(source),
            "--output",
            str(output),
            *flags,
        ]
    )


def size(path: Path) -> tuple[int, int]:
    return read_photo(path).shape[:2]


def test_photos_are_upright_small_and_never_enlarged(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert build(source, output, "--size", "100") == 1  # one photo is no picture
    assert size(output / "a" / "one.jpg") == (100, 75) and size(output / "a" / "two.jpg") == (
        60,
        80,
    )
    assert (output / "train.txt").read_text() == "a/one.jpg 0\na/two.jpg 1\n"
    assert json.loads((output / "classes.json").read_text()) == ["fist", "palm"]
    assert "train.txt:3" in capsys.readouterr().err
    before = (output / "a" / "one.jpg").stat().st_mtime_ns
    build(source, output, "--size", "100")
    assert (output / "a" / "one.jpg").stat().st_mtime_ns == before  # what is there is kept
    with pytest.raises(UserError, match="made with"):
        build(source, output, "--size", "90")
    with pytest.raises(UserError, match="data root of the photos"):
        build(source, source, "--size", "90")


def test_each_stated_hand_becomes_a_picture_with_its_own_label(
    source: Path, tmp_path: Path
) -> None:
    entries = {
        "one": {"bboxes": [[0.4, 0.4, 0.2, 0.1], [0.0, 0.0, 0.1, 0.1]], "labels": ["fist", "palm"]}
    }
    (tmp_path / "fist.json").write_text(json.dumps(entries))
    output = tmp_path / "out"
    build(source, output, "--crop", "boxes", "--boxes", str(tmp_path / "fist.json"))
    assert (output / "train.txt").read_text() == "a/one.jpg 0\na/one_1.jpg 1\n"
    assert size(output / "a" / "one.jpg") == (
        84,
        84,
    )  # 1.4 times 0.2 of 300, the upright picture's width
    (tmp_path / "fist.json").write_text(
        json.dumps({"one": {"bboxes": [[0.4, 0.4, 2.0, 0.1]], "labels": ["fist"]}})
    )
    with pytest.raises(UserError, match="no bboxes with a label each"):
        build(source, tmp_path / "other", "--crop", "boxes", "--boxes", str(tmp_path / "fist.json"))


def test_found_hands_are_cut_out_and_flags_belong_together(source: Path, tmp_path: Path) -> None:
    detector = write_boxes_detector(tmp_path / "hands.xml", [(0.45, 0.45, 0.55, 0.55, 2.0)])
    build(source, tmp_path / "out", "--crop", "hand", "--hand-detector", str(detector))
    assert max(size(tmp_path / "out" / "a" / "one.jpg")) < 200
    with pytest.raises(UserError, match="belong together"):
        build(source, tmp_path / "other", "--crop", "hand")
    with pytest.raises(UserError, match="belong together"):
        build(source, tmp_path / "other", "--boxes", str(tmp_path))

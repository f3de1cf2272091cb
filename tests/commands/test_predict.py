"""`predict.py` on files, folders, and on a video that stands for a camera."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from action_recognition.commands.predict import main
from action_recognition.data.photo import read_photo
from action_recognition.deploy import Predictor
from action_recognition.detection.hand_finder import HandFinder
from action_recognition.errors import UserError
from action_recognition.live.outputs import window
from action_recognition.photos.explain import heat_picture, occlusion_heat
from action_recognition.photos.photo_models import Square, predict_photo
from tests.data.test_photo import bomb
from tests.made_photos import (
    LABELS,
    METADATA,
    LeftOrRight,
    drawn_hands,
    write_photo_model,
    write_photos,
)
from tests.synthetic import write_video


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says `fist` where the left half is brighter, `flat hand` otherwise."""
    folder = tmp_path_factory.mktemp("work")
    write_photo_model(
        folder / "export", replace(METADATA, thresholds={LABELS[1]: 0.9}), LeftOrRight()
    )
    return folder


def half_bright(
    is_left: bool, brightness: int = 200, height: int = 60, width: int = 80
) -> np.ndarray:
    picture = np.full((height, width, 3), 100, np.uint8)
    picture[:, : width // 2] = brightness if is_left else 100
    picture[:, width // 2 :] = 100 if is_left else brightness
    return picture


def test_a_folder_as_table_csv_and_json(
    work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photos(tmp_path / "in" / "b", [half_bright(True), half_bright(False)], ".png")
    write_photos(tmp_path / "in" / "a", [half_bright(False, 104)], ".png")
    (tmp_path / "in" / "notes.txt").write_text("no photo")
    flags = ["--csv", str(tmp_path / "out.csv"), "--json", str(tmp_path / "out" / "out.json")]
    assert main(work_dir, [str(tmp_path / "in"), *flags]) == 0
    names = [
        str(tmp_path / "in" / name)
        for name in ("a/photo_000.png", "b/photo_000.png", "b/photo_001.png")
    ]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["photo", *names]
    assert [line.split()[1] for line in lines[1:4]] == [
        "-",
        "fist",
        "flat",
    ]  # the first is below its threshold
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8", newline="")))
    assert [row["label"] for row in rows] == [
        "",
        "fist",
        "flat hand",
    ] and "below its threshold 0.9" in rows[0]["reason"]
    assert sum(float(rows[1][label]) for label in LABELS) == pytest.approx(1.0, abs=1e-5)
    found = json.loads((tmp_path / "out" / "out.json").read_text(encoding="utf-8"))
    assert [row["label"] for row in found] == [None, "fist", "flat hand"] and found[1][
        "probabilities"
    ]["fist"] > 0.99


def test_one_photo_with_its_square_and_mirrored(
    work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = half_bright(True, 104)
    picture[25:35, 44:] = 0  # in the middle the left is brighter by far
    (file,) = write_photos(tmp_path, [picture], ".png")
    for flags, expected in (
        ([], 0.77),
        (["--square", "0.2"], 1.0),
        (["--mirror"], 0.23),
        (["--square", "0.2", "--mirror"], 0.0),
    ):
        assert main(work_dir, [str(file), *flags, "--json", str(tmp_path / "out.json")]) == 0
        assert json.loads((tmp_path / "out.json").read_text())[0]["probabilities"][
            "fist"
        ] == pytest.approx(expected, abs=0.15), flags
    capsys.readouterr()


def test_bad_files_are_named_together_and_the_others_are_written(
    work_dir: Path, tmp_path: Path
) -> None:
    (good,) = write_photos(tmp_path / "in", [half_bright(True)])
    (tmp_path / "in" / "bomb.png").write_bytes(bomb(50_000))
    (tmp_path / "in" / "cut.jpg").write_bytes(good.read_bytes()[:300])
    (tmp_path / "in" / "letter.jpg").write_bytes(b"hello")
    with pytest.raises(UserError) as error:
        main(work_dir, [str(tmp_path / "in"), "--csv", str(tmp_path / "out.csv")])
    assert [Path(problem.where).name for problem in error.value.problems] == [
        "bomb.png",
        "cut.jpg",
        "letter.jpg",
    ]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 2


def test_nothing_to_classify_is_named(work_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no photo"):
        main(work_dir, [str(tmp_path)])
    with pytest.raises(UserError, match="cannot be read"):
        main(work_dir, [str(tmp_path / "missing.jpg")])
    with pytest.raises(UserError, match=r"model\.xml"):
        main(tmp_path, [str(tmp_path)])


def test_a_model_of_clips_is_refused(tmp_path: Path, work_dir: Path) -> None:
    folder = write_photo_model(tmp_path / "export", replace(METADATA, clip_len=4), LeftOrRight())
    (file,) = write_photos(tmp_path, [half_bright(True)])
    with pytest.raises(UserError, match="takes clips of 4 frames"):
        main(work_dir, [str(file), "--model", str(folder / "model.onnx")])


def test_a_model_of_hands_asks_for_them(work_dir: Path, tmp_path: Path, real_data: Path) -> None:
    folder = write_photo_model(tmp_path / "export", replace(METADATA, crop="hand"), LeftOrRight())
    (file,) = write_photos(tmp_path, drawn_hands(30)[20:21])
    flags = [str(file), "--model", str(folder / "model.xml")]
    with pytest.raises(UserError, match=r"sees nothing but a hand.*--hand-detector FILE"):
        main(work_dir, flags)
    assert main(work_dir, [*flags, "--square", "0.5"]) == 0
    detector = real_data / "models" / "hand_detector.onnx"
    photo = min((real_data / "hand_images" / "hagrid_380").rglob("*.jpg"))
    cut = HandFinder(detector).cut(read_photo(photo))
    expected = predict_photo(Predictor.from_path(folder / "model.xml"), cut)
    assert cut.shape != read_photo(photo).shape
    flags = [
        str(photo),
        "--model",
        str(folder / "model.xml"),
        "--hand-detector",
        str(detector),
        "--json",
        str(tmp_path / "out.json"),
    ]
    assert main(work_dir, flags) == 0
    found = json.loads((tmp_path / "out.json").read_text())[0]["probabilities"]
    assert found["fist"] == pytest.approx(expected.probability_of("fist"), abs=1e-5)


def test_a_table_replaces_nothing_of_the_model_that_is_taken_by_itself(
    work_dir: Path, tmp_path: Path
) -> None:
    write_photos(tmp_path / "in", [np.full((64, 64, 3), 110, np.uint8)], ".png")
    labels = work_dir / "export" / "classes.json"
    before = labels.read_bytes() if labels.exists() else None
    with pytest.raises(UserError, match=r"--json: .* is read by this command"):
        main(work_dir, [str(tmp_path / "in"), "--json", str(labels)])
    assert (labels.read_bytes() if labels.exists() else None) == before


def test_the_heat_lies_where_the_label_comes_from(
    work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = np.full((64, 64, 3), 110, np.uint8)
    picture[8:24, 4:20] = 255  # what makes the left half brighter
    (file,) = write_photos(tmp_path / "in" / "deep", [picture], ".png")
    predictor = Predictor.from_path(work_dir / "export" / "model.xml")
    heat = occlusion_heat(predictor, read_photo(file), "fist")
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (row, column) in {(1, 1), (2, 1), (1, 2), (2, 2)} and heat.max() > 3 * np.abs(
        heat[:, 6:]
    ).max()
    shown = heat_picture(predictor, read_photo(file), heat).astype(int)
    assert shown.shape == (448, 448, 3) and shown[100, 80, 0] - shown[100, 80, 2] > 60  # red there
    assert main(work_dir, [str(tmp_path / "in"), "--explain", str(tmp_path / "heat")]) == 0
    assert f"wrote 1 heat map into {tmp_path / 'heat'}\n" in capsys.readouterr().out
    written = read_photo(tmp_path / "heat" / "photo_000_heat.jpg").astype(int)
    assert written.shape == (528, 448, 3)
    assert all(strip.min() < 60 for strip in (written[:28], written[500:]))  # caption and legend


# A video in place of a camera.


class FakeWindow:
    """A stand-in for the windows of OpenCV: keys for the frames in turn, and every picture shown.

    In `keys` a `.` is no key, and `X` is a click on the X of the window shown last.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
        self.shown: list[np.ndarray] = []
        self.titles: list[str] = []
        self._keys, self._closed = iter(keys), set[str]()
        monkeypatch.setenv("DISPLAY", ":0")
        for name in ("imshow", "waitKey", "getWindowProperty", "destroyAllWindows"):
            monkeypatch.setattr(window.cv2, name, getattr(self, f"_{name}"))
        monkeypatch.setattr(window.cv2, "namedWindow", lambda *_: None)

    def close(self, title: str) -> None:
        self._closed.add(title)

    def _imshow(self, title: str, picture: np.ndarray) -> None:
        self.titles.append(title)
        self.shown.append(picture[:, :, ::-1].copy())

    def _waitKey(self, _: int) -> int:
        key = next(self._keys, ".")
        if key == "X":
            self.close(self.titles[-1])
        return -1 if key in ".X" else ord(key)

    def _getWindowProperty(self, title: str, _: int) -> float:
        return float(title in self.titles and title not in self._closed)

    def _destroyAllWindows(self) -> None:
        self._closed.update(self.titles)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten frames left, ten right."""
    frames = np.stack([half_bright(i < 10, height=240, width=320) for i in range(20)])
    return write_video(tmp_path / "camera.mp4", frames, 10)


def is_green(picture: np.ndarray) -> np.ndarray:
    return (np.abs(picture.astype(int) - window.GREEN) < 12).all(-1)


def test_y_classifies_what_is_in_the_green_square(
    work_dir: Path,
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = FakeWindow(monkeypatch, "..y............y.q")
    assert main(work_dir, [str(video), "--square", "0.5", "--csv", str(tmp_path / "out.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8", newline="")))
    assert [(row["photo"], row["label"]) for row in rows] == [
        ("0.20 s", "fist"),
        ("1.50 s", "flat hand"),
    ]
    assert len(fake.shown) == 18 and "fist" in capsys.readouterr().out
    rows_, columns = np.nonzero(is_green(fake.shown[0]))
    # 120 pixels in the middle of 320x240
    assert (
        abs(columns.min() - 100) <= 2
        and abs(columns.max() - 219) <= 2
        and abs(rows_.min() - 60) <= 2
    )
    assert not np.array_equal(
        fake.shown[4][200:], fake.shown[0][200:]
    )  # three labels with their bars below


def test_live_mirror_and_size_by_keys(
    work_dir: Path, video: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = FakeWindow(monkeypatch, "l...m...---.")
    main(work_dir, [str(video), "--json", str(tmp_path / "out.json")])
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["label"] for row in rows] == [
        "fist",
        "flat hand",
        "fist",
    ]  # mirrored after the fifth frame, another half after the tenth
    assert (
        is_green(fake.shown[-1])[:, 160].argmax() > is_green(fake.shown[0])[:, 160].argmax()
    )  # the square became smaller


def test_a_rejection_is_shown_and_said(
    work_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = write_video(
        tmp_path / "weak.mp4", np.stack([half_bright(False, 104, 240, 320)] * 3), 10
    )
    fake = FakeWindow(monkeypatch, "y")
    main(work_dir, [str(video)])
    assert "no gesture ('flat hand' has probability" in capsys.readouterr().out
    assert not np.array_equal(fake.shown[1][:14], fake.shown[0][:14])  # a line above


def test_a_click_on_the_x_ends_it(
    work_dir: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWindow(monkeypatch, ".y..X")
    assert main(work_dir, [str(video), "--json", str(tmp_path / "out.json")]) == 0
    assert len(fake.shown) == 5  # the window was not opened again
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["label"] for row in rows] == ["fist"]


def test_without_a_window_every_frame_is_classified(
    work_dir: Path, video: Path, tmp_path: Path
) -> None:
    main(work_dir, [str(video), "--live", "--no-show", "--json", str(tmp_path / "out.json")])
    assert [row["label"] for row in json.loads((tmp_path / "out.json").read_text())] == [
        "fist",
        "flat hand",
    ]
    with pytest.raises(UserError, match="add --live"):
        main(work_dir, [str(video), "--no-show"])
    with pytest.raises(UserError, match="explains photos"):
        main(work_dir, [str(video), "--live", "--explain", str(tmp_path)])


def test_no_display_names_the_flag(
    work_dir: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UserError, match="--no-show with --live"):
        main(work_dir, [str(video)])


def test_the_square_is_cut_from_the_photo_and_mirrored_last() -> None:
    class Seen:
        def predict(self, frames: np.ndarray, frame_rate_fps: float) -> np.ndarray:
            return frames[0]

        class backend:
            metadata = METADATA

    photo = drawn_hands(30)[0]
    seen = predict_photo(Seen(), photo, Square(10, 20, 50), mirror=True)  # type: ignore[arg-type]
    assert np.array_equal(seen, photo[20:70, 10:60][:, ::-1])


def test_a_folder_of_clips_as_table_csv_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photo_model(tmp_path / "export", replace(METADATA, clip_len=4), LeftOrRight())
    frames = {name: np.stack([half_bright(name == "left")] * 6) for name in ("left", "right")}
    clips = tmp_path / "clips"
    write_video(clips / "a" / "left.mp4", frames["left"])
    write_photos(clips / "b", list(frames["right"]))
    (clips / "notes.txt").write_text("no clip")
    (clips / "broken.mp4").write_bytes(b"no video")

    flags = ["--csv", str(tmp_path / "out.csv"), "--json", str(tmp_path / "out.json")]
    with pytest.raises(UserError, match=r"broken\.mp4"):
        main(tmp_path, [str(clips), "--model", str(tmp_path / "export"), *flags])

    said = capsys.readouterr()
    assert [line.split()[:2] for line in said.out.splitlines()[:3]] == [
        ["clip", "gesture"],
        [str(clips / "a" / "left.mp4"), "fist"],
        [str(clips / "b"), "flat"],
    ]
    assert "passed over 1: notes.txt (no video file" in said.err
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8", newline="")))
    assert [row["label"] for row in rows] == ["fist", "flat hand"]
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [row["clip"] for row in found] == [row["clip"] for row in rows]

    # A folder of frames is one clip, and a video one too.
    assert main(tmp_path, [str(clips / "b")]) == 0
    assert main(tmp_path, [str(clips / "a" / "left.mp4")]) == 0
    assert "flat" in capsys.readouterr().out
    with pytest.raises(UserError, match="--mirror: is for photos"):
        main(tmp_path, [str(clips), "--mirror"])
    with pytest.raises(UserError, match="no such file or folder"):
        main(tmp_path, ["0"])


def test_photos_are_known_by_their_content(
    work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = Image.fromarray(half_bright(True))
    folder = tmp_path / "in"
    folder.mkdir()
    for name, kind in {
        "a.avif": "AVIF",
        "b.jfif": "JPEG",
        "c.mpo": "MPO",
        "d.jpg": "WEBP",
        "e.dat": "PNG",
        "f": "JPEG",
    }.items():
        extra = {"save_all": True, "append_images": [picture]} if kind == "MPO" else {}
        picture.save(folder / name, format=kind, **extra)
    (folder / "notes.txt").write_text("no photo")
    write_video(folder / "film.mp4", np.stack([half_bright(True)] * 3))

    assert main(work_dir, [str(folder)]) == 0
    said = capsys.readouterr()
    assert [line.split()[1] for line in said.out.splitlines()[1:]] == ["fist"] * 6
    assert said.err.startswith("passed over 2: film.mp4 (no photo by its content), notes.txt")
    assert main(work_dir, [str(folder / "f")]) == 0

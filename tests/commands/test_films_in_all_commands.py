"""Each odd film through every command that reads films: all see the frames that training sees."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from action_recognition.building.source import _films_below
from action_recognition.commands import collect, predict
from action_recognition.commands.data import check, extract, import_clips, show
from action_recognition.data import video
from action_recognition.data.annotations import read_annotations
from action_recognition.data.landmarks.tracked_video import TrackedVideo, tracked_pictures
from action_recognition.deploy import Predictor
from action_recognition.deploy.prediction import to_prediction
from action_recognition.evaluation.clip_scores import score_clips
from action_recognition.hands.geometry import Square
from action_recognition.hands.networks import Picture, SeenHand
from action_recognition.live.demo import DemoOptions, run_demo
from action_recognition.studio.clip_facts import ClipReader
from tests.data.media.test_kinds import CASES
from tests.tiny_export import LABELS

_RATE_FPS = 30.0
Frames = NDArray[np.uint8]


class NoHands:
    """Networks that see no hand, and keep the pictures that they got."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []

    def palms(self, picture_rgb: Picture, *_: object, **__: object) -> list[Square]:
        self.pictures.append(picture_rgb.copy())
        return []

    def hand(self, picture_rgb: Picture, square: Square) -> SeenHand:
        raise AssertionError


@pytest.fixture(scope="module")
def predictor(exported: Path) -> Predictor:
    return Predictor.from_path(exported / "model.xml", num_threads=1)


@pytest.fixture(scope="module")
def films(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return folders of classes with all films, a list of them and the labels of the model."""
    folder = tmp_path_factory.mktemp("films")
    lines = []
    for number, name in enumerate(CASES):
        path = f"{('wave', 'stop')[number % 2]}/{name}"
        (folder / path).parent.mkdir(exist_ok=True)
        shutil.copy(shared / "cases" / name, folder / path)
        lines.append(f"{path} 0\n")
    (folder / "val.txt").write_text("".join(lines))
    (folder / "classes.json").write_text(json.dumps(LABELS))
    return folder


def _film(films: Path, name: str) -> Path:
    return next(films.glob(f"*/{name}"))


def _all_notes(films: Path) -> list[str]:
    return [note for name in CASES for note in video.notes_on(_film(films, name))]


def test_a_data_set_is_imported_checked_and_shown(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No film is left out, and every note is said."""
    flags = ["--format", "class_folders", "--jobs", "1", "--output", str(tmp_path / "lists")]
    assert import_clips.main([str(films), *flags]) == 0
    printed = capsys.readouterr().out
    assert f"{len(CASES)} clips of 2 classes" in printed and "nothing was left out" in printed
    notes = _all_notes(films)
    assert len(notes) >= 6 and all(note in printed for note in notes)
    assert len(_films_below(films)) == len(CASES)

    flags = ["--ann-files", str(films / "val.txt"), "--data-roots", str(films), "--jobs", "1"]
    check.main(flags)
    printed = capsys.readouterr().out
    assert all(note in printed for note in notes)
    assert "unreadable" not in printed and "damaged" not in printed
    assert show.main([*flags, "--contact-sheets", str(tmp_path / "sheets")]) == 0
    assert any((tmp_path / "sheets").iterdir())


def test_every_frame_is_extracted(films: Path, tmp_path: Path) -> None:
    flags = ["--ann-files", str(films / "val.txt"), "--data-roots", str(films), "--jobs", "1"]
    flags += ["--output", str(tmp_path / "frames"), "--image-extension", "png"]
    assert extract.main(flags) == 0
    for name, (num_frames, _) in CASES.items():
        (folder,) = (tmp_path / "frames").glob(f"*/{name.partition('.')[0]}")
        files = sorted(folder.glob("*.png"))
        assert len(files) == num_frames
        last = video.read_frames(_film(films, name), [num_frames - 1])[0]
        np.testing.assert_array_equal(cv2.imread(str(files[-1]))[..., ::-1], last)


def test_a_folder_of_films_is_classified(
    films: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main(tmp_path, [str(films), "--model", str(exported)]) == 0
    printed = capsys.readouterr()
    assert all(name in printed.out for name in CASES)
    assert all(note in printed.err for note in _all_notes(films))


@pytest.mark.parametrize("name", CASES)
def test_live_recognition_and_hands_see_the_frames_of_training(
    name: str,
    films: Path,
    exported: Path,
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ACTION_RECOGNITION_CACHE", str(tmp_path / "cache"))
    film = _film(films, name)
    frames = video.read_frames(film, range(CASES[name][0]))
    _same_scores(film, films, predictor)
    _played(film, exported / "model.xml", frames, tmp_path)
    _collected(film, frames, tmp_path / "photos")
    _tracked(film, frames, tmp_path)


def _same_scores(film: Path, films: Path, predictor: Predictor) -> None:
    """An application and evaluation give one answer."""
    found = predictor.predict_file(film)
    records = read_annotations([films / "val.txt"], [films], list(LABELS))
    records = [record for record in records if record.path == film]
    scored = score_clips(predictor.backend, records, 0, strict=True).scores[0]
    probabilities = to_prediction(scored, predictor.backend.metadata).to_dict()
    assert found.to_dict() == probabilities


def _played(film: Path, model: Path, frames: Frames, folder: Path) -> None:
    """The demo shows every frame, at its time, and its recording holds each."""
    table, output = folder / "scores.csv", folder / "played.mp4"
    run_demo(DemoOptions(model, str(film), output, table, show=False, num_threads=1))
    with table.open(newline="") as file:
        times_s = [float(row["time_s"]) for row in csv.DictReader(file)]
    assert times_s and set(np.round(np.multiply(times_s, _RATE_FPS), 1) % 1) <= {0.0}
    assert times_s[-1] < len(frames) / _RATE_FPS <= times_s[-1] + 0.5
    assert video.count_frames(output) == len(frames)


def _collected(film: Path, frames: Frames, folder: Path) -> None:
    """Photos come each half second, and are those frames."""
    flags = ["--classes", "a,b", "--person", "p", "--session", "s", "--label", "a", "--no-show"]
    assert collect.main([str(folder), *flags, "--source", str(film), "--whole"]) == 0
    photos = sorted(folder.rglob("*.jpg"))
    assert len(photos) == len(range(0, len(frames), 15))
    shown = cv2.imread(str(photos[2]))[..., ::-1]
    assert np.abs(shown.astype(int) - frames[30]).mean() < 3


def _tracked(film: Path, frames: Frames, folder: Path) -> None:
    """landmarks.py, teach.py and the studio follow hands in the same frames."""
    video_of_hands = TrackedVideo(film, len(frames), _RATE_FPS, 3)
    tracked = list(tracked_pictures(video_of_hands))
    numbers = [number for number, _, _ in tracked]
    assert numbers == list(range(0, len(frames), 3))
    np.testing.assert_array_equal(np.stack([item[2] for item in tracked]), frames[::3])

    networks = NoHands()
    facts = ClipReader(networks, folder).facts(film)  # type: ignore[arg-type]
    assert facts.seconds == pytest.approx(len(frames) / _RATE_FPS)
    np.testing.assert_array_equal(networks.pictures[0], frames[0])

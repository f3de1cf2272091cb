"""The template over hand landmarks through all commands, on hands that are drawn by numbers."""

from __future__ import annotations

import dataclasses
import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from action_recognition.checkpoint import load_trained_model
from action_recognition.compression.compress_folder import compress
from action_recognition.compression.compress_inputs import CompressOptions
from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.delivery.verification import verify_folder
from action_recognition.deploy.landmark_clips import LandmarkClips
from action_recognition.deploy.landmark_streams import LandmarkStreams
from action_recognition.deploy.metadata import from_strings, to_strings
from action_recognition.errors import UserError
from action_recognition.evaluation.calibrating import CalibrateOptions, calibrate
from action_recognition.evaluation.evaluate_clips import EvalOptions, evaluate
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.hands.geometry import Square
from action_recognition.hands.landmark_file import save_landmarks
from action_recognition.hands.network_names import SOURCE
from action_recognition.hands.networks import Picture, SeenHand
from action_recognition.hands.slots import RIGHT
from action_recognition.live.demo_options import DemoOptions
from action_recognition.live.demo_setup import open_demo
from action_recognition.live.stop_signals import StopSignals
from action_recognition.models.build import build_recogniser
from action_recognition.models.weights import load_start_weights
from action_recognition.photos.page.site import open_site
from action_recognition.photos.photo_models import check_takes_pixels
from action_recognition.training.as_trained import trained_batches
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import prepare
from action_recognition.training.run import train
from action_recognition.training.run_clips import clip_data
from action_recognition.training.studies.choose_study import Plan, carry_out
from tests.conftest import REPOSITORY
from tests.deploy.test_runtime_only import run as predict_without_training_packages
from tests.made_landmarks import (
    LABELS,
    NUM_FRAMES,
    RATE_FPS,
    TEMPLATE,
    as_landmarks,
    moving_hand,
    write_set,
)

PHOTOS = TEMPLATE.replace("-clips", "-photos")


@dataclasses.dataclass
class LandmarkRun:
    """A work dir, its data and what training left in it."""

    work_dir: Path
    data: Path
    options: TrainOptions

    @property
    def best(self) -> Path:
        return self.options.save_checkpoints_to / "best.pth"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, hand_models: Path) -> Path:
    """A cache of its own with the networks of hands in it."""
    folder = tmp_path_factory.mktemp("cache")
    shutil.copytree(hand_models, folder / hand_models.name)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> LandmarkRun:
    folder = tmp_path_factory.mktemp("landmarks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACTION_RECOGNITION_CACHE", str(cache))
        data = write_set(folder / "set")
        shutil.copytree(REPOSITORY / TEMPLATE, folder / "work")
        template = folder / "work/template.yaml"
        text = template.read_text().replace("min_steps: 750", "min_steps: 120")
        template.write_text(text.replace("ema_decay: 0.98", "ema_decay: 0.9"))
        options = TrainOptions(
            train_ann_files=[data / "train.txt"],
            train_data_roots=[data],
            val_ann_files=[data / "val.txt"],
            val_data_roots=[data],
            save_checkpoints_to=folder / "work/outputs",
            batch_size=6,
            epochs=4,
        )
        train(folder / "work", options)
    return LandmarkRun(folder / "work", data, options)


@pytest.fixture(scope="module")
def exported(run: LandmarkRun, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "export"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACTION_RECOGNITION_CACHE", str(cache))
        export_model(load_trained_model(run.best), folder, ExportOptions())
    return folder


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("ACTION_RECOGNITION_CACHE", str(cache))


def metrics(run: LandmarkRun, weights: Path, file: Path) -> dict[str, float]:
    options = EvalOptions(
        load_weights=weights,
        test_ann_files=[run.data / "val.txt"],
        test_data_roots=[run.data],
        save_metrics_to=file,
        num_workers=0,
    )
    evaluate(run.work_dir, options)
    return {row["key"]: row["value"] for row in yaml.safe_load(file.read_text())["metrics"]}


def test_it_learns_and_is_delivered(run: LandmarkRun, exported: Path, tmp_path: Path) -> None:
    found = metrics(run, run.best, tmp_path / "metrics.yaml")
    assert found["accuracy"] == 100.0 and 0.1 < found["size"] < 0.2

    export = exported
    for name in ("model.xml", "model.onnx"):
        again = metrics(run, export / name, tmp_path / "metrics.yaml")
        assert again["accuracy"] == 100.0 and again["size"] == found["size"]
    # Whoever gets the folder needs nothing else.
    names = {file.name for file in export.iterdir()}
    assert {"palm_detection.xml", "hand_landmark.bin", "classes.json"} <= names
    assert not any(name.endswith(".tflite") for name in names)

    assert sorted(verify_folder(export)) == ["model.onnx", "model.xml"]
    assert f"hand networks: {SOURCE}" in (export / "model_card.md").read_text()

    text = (export / "model.xml").read_text()
    for key in ("input_kind", "landmarks", "frame_step_policy", "label_swaps"):
        assert f"<{key}" in text, key
    for key in ("mean_values", "resize", "color_order"):
        assert f"<{key}" not in text, f"{key} means nothing for landmarks"


def test_the_metadata_come_back(run: LandmarkRun) -> None:
    metadata = load_backend(run.best).metadata
    assert from_strings(to_strings(metadata), "model.xml") == metadata
    assert metadata.input_kind == "landmarks" and metadata.clip_shape == (4, 24, 2, 21)
    assert to_strings(metadata)["input_kind"] == "landmarks"

    wrong = to_strings(metadata)
    wrong["landmarks"] = wrong["landmarks"].replace('"left", "right"', '"right", "left"')
    with pytest.raises(UserError, match="landmarks: found"):
        from_strings(wrong, "model.xml")


class FollowedHand:
    """Networks that see the hands of a clip, one frame after the other."""

    def __init__(self, hands: np.ndarray) -> None:
        self.hands, self.is_found = list(hands), False

    def palms(
        self, picture_rgb: Picture, view: Square | None = None, min_score: float = 0.5
    ) -> list[Square]:
        if self.is_found or not self.hands:
            return []
        self.is_found = True
        return [Square(*self.hands[0][:, :2].mean(axis=0), 200.0)]

    def hand(self, picture_rgb: Picture, square: Square) -> SeenHand:
        landmarks = self.hands.pop(0) if self.hands else np.zeros((21, 3), np.float32)
        presence = 0.9 if landmarks.any() else 0.0
        return SeenHand(landmarks, landmarks / 1000, presence, 0.9, square)


def test_a_window_slides_over_the_hands_of_a_stream(run: LandmarkRun) -> None:
    backend = load_backend(run.best)
    clips = LandmarkClips(backend.metadata, None)
    hands = moving_hand("left", np.random.default_rng(7), num_frames=30)
    clips.__dict__["networks"] = FollowedHand(hands)
    streams = LandmarkStreams(backend, clips, stride=3)
    assert streams.window_frames == 30 and streams.fed_rate_fps == 10.0

    stream = streams.open_stream()
    frame = np.zeros((480, 640, 3), np.uint8)
    scores = [step for _ in range(30) for step in stream.feed(frame)]
    assert [step.frame for step in scores] == [29]
    assert np.array_equal(stream.hands[0].landmarks_px, hands[-1])
    assert LABELS[int(scores[0].scores.argmax())] == "left"
    # The same clip at once.
    array = np.zeros((30, 2, 21, 4), np.float32)
    array[:, RIGHT, :, :3], array[:, RIGHT, :, 3] = hands, 1.0
    assert np.allclose(backend.scores(clips.of_array(array)[None])[0], scores[0].scores, atol=1e-6)

    # Once all hands have left the window, nothing is more likely than anything else.
    later = [step for _ in range(60) for step in stream.feed(frame)]
    assert len(later) == 20 and not later[-1].scores.any()


def test_a_detector_of_people_is_refused_live(run: LandmarkRun, tmp_path: Path) -> None:
    options = DemoOptions(
        model=run.best,
        source=str(run.data / "videos/left_0.mp4"),
        show=False,
        csv=tmp_path / "scores.csv",
        detector=tmp_path / "people.xml",
    )
    with ExitStack() as stack, pytest.raises(UserError, match="--detector: finds people, and this"):
        open_demo(options, print, StopSignals(), stack)


def test_training_shows_what_it_sees(run: LandmarkRun) -> None:
    outputs = run.options.save_checkpoints_to
    assert (outputs / "augmented_clips.png").is_file() and (outputs / "confusion.png").is_file()
    batch = next(trained_batches(run.work_dir, run.options, 1))
    assert batch.clips.dtype == torch.uint8 and batch.clips.shape[1] == 3
    # Hands are drawn on paper.
    assert bool((batch.clips == 245).any()) and bool((batch.clips < 200).any())


def test_flags_about_pixels_are_refused(run: LandmarkRun) -> None:
    for name, value in (("crop", "hand"), ("backbone", "resnet18"), ("frame_cache", Path("x"))):
        options = dataclasses.replace(run.options, **{name: value})
        with pytest.raises(UserError, match=r"is about pixels, and this template takes landmarks"):
            train(run.work_dir, options)


def test_the_preset_for_pixels_is_refused(
    run: LandmarkRun, capsys: pytest.CaptureFixture[str]
) -> None:
    options = dataclasses.replace(run.options, load_weights=run.best)
    with pytest.raises(UserError, match=r"--preset small-data: is for pixels"):
        carry_out(run.work_dir, options, Plan(preset="small-data"))
    assert "preset" not in capsys.readouterr().out, "nor is it proposed for few clips"


def test_a_model_of_photos_is_delivered(run: LandmarkRun, tmp_path: Path) -> None:
    work_dir = Path(shutil.copytree(REPOSITORY / PHOTOS, tmp_path / "work"))
    template = work_dir / "template.yaml"
    template.write_text(template.read_text().replace("min_steps: 750", "min_steps: 60"))
    options = dataclasses.replace(run.options, save_checkpoints_to=work_dir / "outputs")
    train(work_dir, options)
    trained = load_trained_model(work_dir / "outputs/best.pth")
    export_model(trained, tmp_path / "export", ExportOptions())
    # What reads pixels has no form of it, and says so.
    assert not (tmp_path / "export/model_api.xml").exists()
    metadata = load_backend(tmp_path / "export/model.xml").metadata
    assert metadata.clip_shape == (4, 1, 2, 21)
    with pytest.raises(UserError, match=r"the page: needs a model that sees pixels"):
        check_takes_pixels(metadata, "the page")
    # The page takes it, and this computer computes.
    assert not open_site(tmp_path / "export", None).in_browser

    # It teaches the encoder of a model of clips.
    network = build_recogniser(load_trained_model(run.best).model, len(LABELS))
    clips = load_trained_model(run.best).model
    report = load_start_weights(network, clips, work_dir / "outputs/best.pth", LABELS)
    assert report.record()["source"].endswith("best.pth")
    encoder = network.state_dict()["backbone.hand.0.weight"]
    assert torch.equal(encoder, trained.state_dict["backbone.hand.0.weight"])


def test_weights_of_other_features_are_refused(run: LandmarkRun, tmp_path: Path) -> None:
    content = torch.load(run.best, weights_only=True)
    content["trained_model"]["model"]["features_version"] = 2
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(
        UserError, match=r"fit version 2 of the features of hand landmarks; allowed: version 1"
    ):
        load_trained_model(tmp_path / "other.pth")


def test_a_delivered_folder_is_calibrated(run: LandmarkRun, exported: Path, tmp_path: Path) -> None:
    export = Path(shutil.copytree(exported, tmp_path / "export"))
    calibrate(
        CalibrateOptions(
            load_weights=export / "model.xml",
            val_ann_files=[run.data / "train.txt"],
            val_data_roots=[run.data],
            num_workers=0,
        ),
    )
    record = json.loads((export / "export_record.json").read_text())
    assert record["calibration"]["labels"] == list(LABELS)
    assert sorted(verify_folder(export)) == ["model.onnx", "model.xml"]


def test_int8_is_refused_where_it_gains_nothing(run: LandmarkRun, tmp_path: Path) -> None:
    options = CompressOptions(
        load_weights=run.best,
        train_ann_files=[run.data / "train.txt"],
        train_data_roots=[run.data],
        val_ann_files=[run.data / "val.txt"],
        val_data_roots=[run.data],
        save_model_to=tmp_path / "export",
    )
    with pytest.raises(UserError, match=r"takes landmarks: its network has 0\.5 MB"):
        compress(run.work_dir, options)
    assert not (tmp_path / "export").exists()


def test_missing_networks_are_named(run: LandmarkRun, tmp_path: Path) -> None:
    trained = load_trained_model(run.best)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACTION_RECOGNITION_CACHE", str(tmp_path / "empty"))
        with pytest.raises(UserError, match=r"fetch_hands\.py fetches it"):
            export_model(trained, tmp_path / "export", ExportOptions())
    assert not (tmp_path / "export").exists()


def test_a_set_without_hands_is_refused(run: LandmarkRun, tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", clips_per_class=3, seed=5)
    store = LandmarkStore(default_store_folder(), RATE_FPS)
    nothing = as_landmarks(np.zeros((NUM_FRAMES, 21, 3), np.float32), first_seen=NUM_FRAMES)
    videos = sorted(root.glob("videos/*.mp4"))
    for path in videos[:-2]:
        save_landmarks(store.file_of(TrackedVideo(path, NUM_FRAMES, RATE_FPS, 1)), nothing)
    files = {"train_ann_files": [root / "train.txt"], "train_data_roots": [root]}
    options = dataclasses.replace(run.options, **files)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"no hand is seen in 5 of 6 clips"):
        clip_data(prepare(run.work_dir, options))


def test_few_clips_make_enough_steps(run: LandmarkRun, capsys: pytest.CaptureFixture[str]) -> None:
    # 12 training clips in batches of 6, 4 epochs: 8 steps, and the template asks for 120.
    data = clip_data(prepare(run.work_dir, run.options))
    assert data.passes == 15 and data.steps_per_epoch() == 30
    assert "each epoch goes 15 times over the clips" in capsys.readouterr().out
    assert len(data.train_dataloader()) == 30


def test_a_delivered_folder_needs_the_runtime_packages_alone(
    run: LandmarkRun, exported: Path
) -> None:
    done = predict_without_training_packages(exported / "model.xml", run.data / "videos/left_0.mp4")
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)["labels"]) == sorted(LABELS)

"""Streams composed of the landmarks of clips, measured without a picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from action_recognition.checkpoint import TRAINED_MODEL_KEY, describe_training
from action_recognition.commands.data.compose_streams import main as compose
from action_recognition.commands.eval import main as evaluate
from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.data.stream_files import read_streams
from action_recognition.errors import UserError
from action_recognition.hands.landmark_file import load_landmarks, save_landmarks, tracked_hands
from action_recognition.models.build import build_recogniser
from action_recognition.template import load_template_dir
from tests.conftest import REPOSITORY
from tests.made_landmarks import LABELS, RATE_FPS, TEMPLATE, as_landmarks, moving_hand
from tests.synthetic import write_lines, write_video


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three clips of one person with a hand that is not seen in the first frames."""
    monkeypatch.setenv("ACTION_RECOGNITION_CACHE", str(tmp_path / "cache"))
    root, rng, lines = tmp_path / "clips", np.random.default_rng(0), []
    for number, kind in enumerate(LABELS):
        pictures = rng.integers(0, 255, (20, 16, 16, 3), dtype=np.uint8)
        path = write_video(root / f"anna_{number}.mp4", pictures, RATE_FPS)
        hands = as_landmarks(moving_hand(kind, rng, 20), first_seen=number)
        store = LandmarkStore(default_store_folder(), RATE_FPS)
        save_landmarks(store.file_of(TrackedVideo(path, 20, RATE_FPS, 1)), hands)
        lines.append(f"{path.name} {number} 2 18 0 20 10")
    write_lines(root / "val.txt", lines)
    (root / "classes.json").write_text(json.dumps(LABELS))
    return root


def composed(clips: Path, output: Path, *more: str) -> Path:
    files = ["--ann-files", str(clips / "val.txt"), "--data-roots", str(clips)]
    flags = [*files, "--person-regex", "^([a-z]+)_", "--output", str(output), "--landmarks"]
    assert compose([*flags, *more]) == 0
    return output


def test_hands_stand_where_the_clips_have_them(clips: Path, tmp_path: Path) -> None:
    folder = composed(clips, tmp_path / "out")
    (stream,) = read_streams([folder / "streams.json"], [folder], LABELS, None)
    landmarks = load_landmarks(stream.path)
    assert len(landmarks.tracked_frames) == round(stream.duration_s * RATE_FPS)
    np.testing.assert_allclose(landmarks.time_ms, landmarks.frame_index * 100.0)

    own = LandmarkStore(default_store_folder(), RATE_FPS)
    for event in stream.events:
        number = LABELS.index(event.label)
        video = TrackedVideo(clips / f"anna_{number}.mp4", 20, RATE_FPS, 1)
        clip = load_landmarks(own.file_of(video))
        start = round(event.start_s * RATE_FPS)
        shown = dict(tracked_hands(landmarks))
        for frame, hands in dict(tracked_hands(clip)).items():
            if 2 <= frame < 18:
                here = shown[start + frame - 2]
                assert len(here) == len(hands) == 1
                np.testing.assert_array_equal(here[0].landmarks_px, hands[0].landmarks_px)
    # A hand is another one behind each cut, and the same within a clip.
    assert len(set(landmarks.hand_id.tolist())) == len(stream.cuts_s) + 1 == 3


def untrained(file: Path) -> Path:
    """A checkpoint of the template for clips that has learned nothing."""
    template, model = load_template_dir(REPOSITORY / TEMPLATE)
    weights = build_recogniser(model, len(LABELS)).state_dict()
    described = describe_training(list(LABELS), template, model, {})
    torch.save({"state_dict": weights, TRAINED_MODEL_KEY: described}, file)
    return file


def test_a_model_is_measured_on_them(clips: Path, tmp_path: Path) -> None:
    negatives = ["--negative-ann-files", str(clips / "val.txt")]
    negatives += ["--negative-data-roots", str(clips), "--negative-hours", "0.01"]
    folder = composed(clips, tmp_path / "out", *negatives)
    metrics = tmp_path / "measured" / "metrics.yaml"
    flags = ["--stream", "--load-weights", str(untrained(tmp_path / "best.pth"))]
    flags += ["--test-ann-files", "streams.json", "--test-data-roots", str(folder)]
    flags += ["--save-metrics-to", str(metrics)]
    assert evaluate(tmp_path, flags) == 0
    found = {item["key"]: item["value"] for item in yaml.safe_load(metrics.read_text())["metrics"]}
    assert found["stream_rest_minutes"] > 0.3 and "stream_f1" in found
    with (metrics.parent / "stream_curve.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 756

    # Landmarks of another rate are refused: the network's windows would be of another length.
    listed = (folder / "streams.json").read_text()
    entries = json.loads(listed)["streams"][:1]
    entries[0] |= {"duration_s": 2 * entries[0]["duration_s"]}
    (folder / "streams.json").write_text(json.dumps({"streams": entries}))
    (metrics.parent / "stream_scores").rename(tmp_path / "kept")
    with pytest.raises(UserError, match="compose the streams with --landmarks 10"):
        evaluate(tmp_path, flags)

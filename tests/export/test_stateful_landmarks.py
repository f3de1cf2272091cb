"""The stateful file over landmarks: equal to the clip form over 500 frames, and fed by a stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.made_clips import made_clips, made_video
from action_recognition.deploy.stateful_landmarks import StatefulLandmarkStreams
from action_recognition.deploy.stream_models import as_stream_model, fed_rate_fps
from action_recognition.export.stateful_export import (
    chosen_frames_per_call,
    stateful_network,
    write_stateful,
)
from action_recognition.export.stateful_proof import PROOF_FRAMES_OF_LANDMARKS, StatefulProof
from action_recognition.hands.landmark_file import tracked_hands
from action_recognition.models.build import build_recogniser
from action_recognition.template import load_template_dir
from tests.conftest import REPOSITORY
from tests.made_landmarks import as_landmarks, moving_hand

FOLDER = REPOSITORY / "model_templates/hand_landmarks/hand-landmarks-stream"


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    template, model = load_template_dir(FOLDER)
    torch.manual_seed(0)
    weights = build_recogniser(model, 3).state_dict()
    return TrainedModel(weights, ("left", "right", "rest"), template, model, {}, "ab" * 32)


@pytest.fixture(scope="module")
def exported(trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    metadata = from_trained(trained, "ab" * 32)
    assert chosen_frames_per_call(trained, metadata, None) == (1,)
    network, described = stateful_network(trained, metadata, 1)
    folder = tmp_path_factory.mktemp("export")
    names = write_stateful(network, described, folder, as_onnx=True, as_openvino=True)
    assert names == ["model_stream1.xml", "model_stream1.onnx"]
    return folder


def test_files_are_equal_over_500_frames(trained: TrainedModel, exported: Path) -> None:
    clips = made_clips(from_trained(trained, "ab" * 32), 4)
    video = made_video(clips, PROOF_FRAMES_OF_LANDMARKS)
    assert video.shape == (500, 2, 21, 4)
    proof = StatefulProof(trained, video)
    for name in ("model_stream1.xml", "model_stream1.onnx"):
        assert proof.differences(exported / name).largest <= 1e-4


def test_a_stream_feeds_it_hand_by_hand(trained: TrainedModel, exported: Path) -> None:
    model = as_stream_model(load_backend(exported / "model_stream1.xml"), folder=exported)
    assert isinstance(model, StatefulLandmarkStreams)
    assert (model.mode, model.frames_per_score, fed_rate_fps(model)) == ("stateful", 1, 10.0)

    hands = as_landmarks(moving_hand("left", np.random.default_rng(0), 30), first_seen=5)
    stream = model.open_stream()
    frames = [found for _, found in tracked_hands(hands)]
    steps = [step for found in frames for step in stream.feed_hands(found)]
    assert [step.frame for step in steps] == list(range(30)) and all(s.is_warm for s in steps)
    # Before the first hand no label is likelier than another, and a second after the last.
    assert not any(step.scores.any() for step in steps[:5])
    assert all(step.scores.any() for step in steps[5:])
    gone = [step.scores.any() for _ in range(12) for step in stream.feed_hands([])]
    assert gone == [True] * 9 + [False] * 3

    stream.reset()
    again = [step for found in frames for step in stream.feed_hands(found)]
    np.testing.assert_array_equal([s.scores for s in again], [s.scores for s in steps])
    assert stream.hands == frames[-1] and stream.finish() == []


def test_a_clip_is_scored_by_the_mean(trained: TrainedModel, exported: Path) -> None:
    backend = load_backend(exported / "model_stream1.xml")
    clip = made_clips(backend.metadata, 1)[0]
    network = build_recogniser(trained.model, 3).eval()
    network.load_state_dict(trained.state_dict)
    with torch.no_grad():
        expected = network.step_cosine(torch.from_numpy(clip)[None])[0].mean(0)
    np.testing.assert_allclose(backend.scores(clip[None])[0], expected, atol=1e-4)

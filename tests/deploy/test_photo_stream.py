"""A model of photos in the live demo: every frame by itself, and the decision that clips have."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_recognition.commands.demo import main
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.stream_models import PHOTOS_PER_S, as_stream_model, fed_rate_fps
from action_recognition.live.decision_rules import DecisionRules
from action_recognition.live.engine import EngineOptions, StreamEngine
from action_recognition.live.frame_times import TimedFrame
from tests.commands.test_predict import half_bright
from tests.made_photos import METADATA, LeftOrRight, write_photo_model
from tests.synthetic import write_video


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return (
        write_photo_model(tmp_path_factory.mktemp("photo"), METADATA, LeftOrRight()) / "model.xml"
    )


def frames() -> np.ndarray:
    """At 20 a second: a second of nothing, one with the left bright, a blink of the right, one
    left, two right.
    """
    plain = np.full((60, 80, 3), 100, np.uint8)
    parts = (
        [plain] * 20
        + [half_bright(True)] * 20
        + [half_bright(False)] * 2
        + [half_bright(True)] * 18
        + [half_bright(False)] * 40
    )
    return np.stack(parts)


def test_every_photo_of_ten_a_second_is_scored_whatever_rate_the_model_states(model: Path) -> None:
    network = as_stream_model(load_backend(model))
    assert fed_rate_fps(network) == PHOTOS_PER_S and network.frames_per_score == 1
    engine = StreamEngine(network)
    times = [
        result.scores.time_s
        for i, frame in enumerate(frames())
        for result in engine.push(TimedFrame(i / 20, frame))
    ]
    assert times == pytest.approx(np.arange(50) / 10)


def test_the_decision_is_that_of_clips(model: Path) -> None:
    """Smoothing passes over the blink, one event for each gesture that lasts; without it the blink
    is an event too.
    """

    def events(rules: DecisionRules) -> list[str]:
        engine = StreamEngine(as_stream_model(load_backend(model)), options=EngineOptions(rules))
        results = [
            result
            for i, frame in enumerate(frames())
            for result in engine.push(TimedFrame(i / 20, frame))
        ]
        return [result.event.label for result in results if result.event]

    assert events(DecisionRules(smoothing_s=0.3, onset=0.7, refractory_s=0.0)) == [
        "fist",
        "flat hand",
    ]
    assert events(DecisionRules(smoothing_s=0.0, onset=0.7, refractory_s=0.0)) == [
        "fist",
        "flat hand",
        "fist",
        "flat hand",
    ]


def test_the_demo_runs_it(model: Path, tmp_path: Path) -> None:
    video, events = write_video(tmp_path / "hand.mp4", frames(), 20), tmp_path / "events.jsonl"
    assert (
        main(
            tmp_path,
            ["--model", str(model), "--input", str(video), "--events", str(events), "--no-show"],
        )
        == 0
    )
    labels = [
        json.loads(line).get("label") for line in events.read_text(encoding="utf-8").splitlines()
    ]
    assert [label for label in labels if label][:1] == ["fist"] and labels[-1] == "flat hand"


def test_the_negative_label_and_thresholds_reject(tmp_path: Path) -> None:
    spec = replace(
        METADATA, negative_label=METADATA.labels[1], thresholds={METADATA.labels[0]: 0.999999}
    )
    network = as_stream_model(
        load_backend(write_photo_model(tmp_path, spec, LeftOrRight()) / "model.onnx")
    )
    engine = StreamEngine(
        network, options=EngineOptions(DecisionRules(smoothing_s=0.0, refractory_s=0.0))
    )
    found = [
        result.event
        for i, frame in enumerate(frames())
        for result in engine.push(TimedFrame(i / 20, frame))
    ]
    assert not any(found)

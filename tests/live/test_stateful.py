"""The engine over a network with a state: its own scores, streams apart, all forgotten at a
discontinuity.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from action_recognition.deploy.backends import Backend, Hint, load_backend
from action_recognition.deploy.stream_models import StreamModel, fed_rate_fps, open_stream_model
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.live import demo_setup
from action_recognition.live.demo import DemoOptions, run_demo
from action_recognition.live.engine import StepResult, StreamEngine, push_all
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.regions import network_frame
from tests.export.test_stateful_export import causal_trained
from tests.live.test_live_run import Halves
from tests.synthetic import write_video


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stateful")
    export_model(
        causal_trained(), folder, ExportOptions(stream_frames=(4,), onnx=False), say=lambda _: None
    )
    return folder / "model_stream4.xml"


@pytest.fixture(scope="module")
def model(path: Path) -> StreamModel:
    return open_stream_model(path)


def frames(seed: int, model: StreamModel, count: int = 24) -> list[TimedFrame]:
    """At the model's rate."""
    pictures = np.random.default_rng(seed).integers(0, 256, (count, 40, 48, 3), dtype=np.uint8)
    return [TimedFrame(i / fed_rate_fps(model), picture) for i, picture in enumerate(pictures)]


def scores_of(results: list[StepResult]) -> np.ndarray:
    return np.array([result.scores.scores for result in results])


def run(engine: StreamEngine, given: list[TimedFrame]) -> list[StepResult]:
    return [result for frame in given for result in engine.push(frame)]


def test_what_the_engine_says_is_what_the_network_says(model: StreamModel) -> None:
    given = frames(0, model)
    stream = model.open_stream()
    steps = [
        step
        for frame in given
        for step in stream.feed(network_frame(frame.picture, None, model.metadata))
    ]
    results = run(StreamEngine(model), given)
    np.testing.assert_array_equal(scores_of(results), [step.scores for step in steps])
    assert [result.scores.time_s for result in results] == pytest.approx(
        [step.frame / fed_rate_fps(model) for step in steps]
    )
    assert [result.is_warm for result in results] == [step.is_warm for step in steps]


def test_two_streams_in_turns_are_two_streams_alone(model: StreamModel) -> None:
    alone = [scores_of(run(StreamEngine(model), frames(seed, model))) for seed in (1, 2)]
    engines, turns = (
        [StreamEngine(model), StreamEngine(model)],
        zip(frames(1, model), frames(2, model), strict=True),
    )
    together: list[list[StepResult]] = [[], []]
    for pair in turns:
        for engine, found, frame in zip(engines, together, pair, strict=True):
            found += engine.push(frame)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, scores_of(other))
    assert np.abs(alone[0] - alone[1]).max() > 1e-3


@pytest.mark.parametrize("name", ["model_stream4.xml", "model.xml"])
def test_streams_and_persons_side_by_side_say_what_each_says_alone(path: Path, name: str) -> None:
    """Two persons in the first of three streams, whose frames come twice as slowly: each is fed
    twice a frame.
    """
    alone, together = (
        open_stream_model(path.with_name(name), 2, hint=hint) for hint in ("latency", "throughput")
    )
    streams = [frames(seed, alone) for seed in (6, 7, 8)]
    streams[0] = [TimedFrame(2 * frame.time_s, frame.picture) for frame in streams[0]]
    regions = [Halves(), None, None]
    expected = [
        run(StreamEngine(alone, region), given)
        for region, given in zip(regions, streams, strict=True)
    ]
    engines = [StreamEngine(together, region) for region in regions]
    found: list[list[StepResult]] = [[], [], []]
    threads = set(threading.enumerate())
    for came in zip(*streams, strict=True):
        for results, new in zip(
            found, push_all(list(zip(engines, came, strict=True))), strict=True
        ):
            results += new
    assert any(thread.name.startswith("stream") for thread in set(threading.enumerate()) - threads)
    for one, other in zip(expected, found, strict=True):
        assert one
        order = [
            sorted(results, key=lambda result: (result.person, result.scores.time_s))
            for results in (one, other)
        ]
        np.testing.assert_allclose(*map(scores_of, order), atol=1e-5)
        assert [result.person for result in order[0]] == [result.person for result in order[1]]
    assert {result.person for result in found[0]} == {1, 2}


def test_after_a_tear_it_is_a_new_stream(model: StreamModel) -> None:
    engine = StreamEngine(model)
    run(engine, frames(3, model, 10))
    later = [TimedFrame(frame.time_s + 100.0, frame.picture) for frame in frames(4, model)]
    np.testing.assert_array_equal(
        scores_of(run(engine, later)), scores_of(run(StreamEngine(model), frames(4, model)))
    )


@pytest.mark.parametrize(
    ("hint", "num_inputs", "taken"),
    [(None, 1, "latency"), (None, 2, "throughput"), ("latency", 2, "latency")],
)
def test_the_demo_computes_several_inputs_side_by_side(
    path: Path,
    model: StreamModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hint: Hint | None,
    num_inputs: int,
    taken: Hint,
) -> None:
    video = str(
        write_video(
            tmp_path / "a.mp4",
            np.stack([frame.picture for frame in frames(5, model)]),
            fed_rate_fps(model),
        )
    )
    hints = []

    def loaded(*arguments: Any, hint: Hint) -> Backend:
        hints.append(hint)
        return load_backend(*arguments, hint=hint)

    monkeypatch.setattr(demo_setup, "load_backend", loaded)
    options = DemoOptions(
        path, video, show=False, num_threads=2, more_sources=(video,) * (num_inputs - 1), hint=hint
    )
    assert run_demo(options, say=lambda _: None).num_windows == num_inputs * len(
        run(StreamEngine(model), frames(5, model))
    )
    assert hints == [taken]


def test_the_demo_says_that_the_model_keeps_its_state(
    path: Path, model: StreamModel, tmp_path: Path
) -> None:
    pictures = np.stack([frame.picture for frame in frames(5, model)])
    video = write_video(tmp_path / "a.mp4", pictures, fed_rate_fps(model))
    said: list[str] = []
    summary = run_demo(DemoOptions(path, str(video), show=False, num_threads=1), say=said.append)
    assert summary.num_windows == len(run(StreamEngine(model), frames(5, model))) and any(
        "keeps its state" in line for line in said
    )

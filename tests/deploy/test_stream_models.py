"""Streams of model frames: the window's scores, states kept apart, and the same form whatever the
network.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.metadata import DeployMetadata, Resize, example
from action_recognition.deploy.stream_models import (
    DEFAULT_STRIDE,
    StepScores,
    Stream,
    as_stream_model,
    open_stream_model,
)


class Counting:
    """A backend that reports which frames it was given: frame i is a picture of value i."""

    runs_as = "test"

    def __init__(self, clip_len: int = 4) -> None:
        self.metadata: DeployMetadata = replace(example(), clip_len=clip_len, resize=Resize(8, 8))
        self.windows: list[list[int]] = []

    def scores(self, clips: np.ndarray) -> np.ndarray:
        self.windows.append([int(frame[0, 0]) for frame in clips[0, 0]])
        return np.array([[0.1, 0.2]], np.float32)

    def submit(self, clip: np.ndarray) -> Future[np.ndarray]:
        raise NotImplementedError


def feed(stream: Stream, values: range) -> list[StepScores]:
    return [step for value in values for step in stream.feed(np.full((8, 8, 3), value, np.uint8))]


def test_a_window_slides_by_its_stride_and_names_its_last_frame() -> None:
    backend = Counting()
    model = as_stream_model(backend, stride=3)
    steps = feed(model.open_stream(), range(11))
    assert backend.windows == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert [step.frame for step in steps] == [3, 6, 9]
    assert (
        model.mode == "window"
        and model.frames_per_score == 3
        and all(step.is_warm for step in steps)
    )


def test_streams_of_one_model_keep_their_frames_apart_and_forget_at_a_reset() -> None:
    backend = Counting()
    model = as_stream_model(backend, stride=1)
    one, other = model.open_stream(), model.open_stream()
    feed(one, range(3))
    feed(other, range(100, 103))
    feed(one, range(3, 4))
    feed(other, range(103, 104))
    assert backend.windows == [[0, 1, 2, 3], [100, 101, 102, 103]]
    one.reset()
    assert [step.frame for step in feed(one, range(50, 54))] == [3]
    assert backend.windows[-1] == [50, 51, 52, 53]


@pytest.mark.parametrize(
    ("count", "window"), [(1, [0, 0, 0, 0]), (2, [0, 0, 1, 1]), (3, [0, 1, 2, 2])]
)
def test_a_source_shorter_than_the_window_gives_evaluations_padded_one(
    count: int, window: list[int]
) -> None:
    backend = Counting()
    stream = as_stream_model(backend).open_stream()
    assert feed(stream, range(count)) == []
    assert [step.frame for step in stream.finish()] == [count - 1]
    assert backend.windows == [window]


def test_a_stream_that_has_given_scores_or_got_no_frame_has_none_at_its_end() -> None:
    stream = as_stream_model(Counting()).open_stream()
    assert stream.finish() == []
    feed(stream, range(4))
    assert stream.finish() == []


def test_a_clip_model_gives_a_streams_window_the_scores_of_the_clip(exported: Path) -> None:
    model = open_stream_model(exported / "model.xml")
    assert model.mode == "window" and model.frames_per_score == DEFAULT_STRIDE
    clip = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    stream = model.open_stream()
    steps = [step for picture in clip for step in stream.feed(picture)]
    expected = load_backend(exported / "model.xml").scores(clip.transpose(3, 0, 1, 2)[None])
    np.testing.assert_array_equal(steps[0].scores, expected[0])


@pytest.mark.parametrize(
    "picture",
    [np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((8, 8), np.uint8)],
)
def test_a_picture_of_another_form_is_the_calling_codes_mistake(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected \(8, 8, 3\) uint8"):
        as_stream_model(Counting()).open_stream().feed(picture)


def test_a_stride_is_one_or_more() -> None:
    with pytest.raises(ValueError, match="stride -1"):
        as_stream_model(Counting(), stride=-1)

"""Frames picked by time stamps, windows, and agreement with offline evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_recognition.data.sampling import FrameRange, centre_frame_indices
from action_recognition.data.transforms import centre_crop_clip
from action_recognition.data.video import read_frames
from action_recognition.deploy.backends import Backend, load_backend
from action_recognition.deploy.metadata import DeployMetadata, Resize, example
from action_recognition.deploy.scores import WindowScores, probabilities
from action_recognition.deploy.stream_models import as_stream_model
from action_recognition.live.engine import StepResult, StreamEngine
from action_recognition.live.frame_times import FrameRateResampler, TimedFrame
from action_recognition.live.sources.frame_sources import VideoFile
from tests.synthetic import numbered_frames, write_video


class Counting:
    """A backend that reports which frames it was given: frame i is a picture of value i."""

    runs_as = "test"

    def __init__(self, clip_len: int = 4) -> None:
        self.metadata: DeployMetadata = replace(
            example(), clip_len=clip_len, resize=Resize(8, 8), frame_rate_fps=10.0
        )
        self.windows: list[list[int]] = []

    def scores(self, clips: np.ndarray) -> np.ndarray:
        assert clips.shape == (1, *self.metadata.clip_shape) and clips.dtype == np.uint8
        self.windows.append([int(frame[0, 0]) for frame in clips[0, 0]])
        return np.array([[0.1, 0.2]], np.float32)


def stream(times: list[float]) -> list[TimedFrame]:
    return [TimedFrame(time_s, np.full((8, 8, 3), i, np.uint8)) for i, time_s in enumerate(times)]


def run(
    frames: Iterable[TimedFrame], backend: Backend, stride: int | None
) -> list[list[StepResult]]:
    """The results of every frame, and at last those of the end."""
    engine = StreamEngine(as_stream_model(backend, stride))
    return [*[engine.push(frame) for frame in frames], engine.finish()]


def at(rate_fps: float, count: int) -> list[float]:
    return [i / rate_fps for i in range(count)]


@pytest.mark.parametrize(
    ("times", "picked"),
    [
        (at(15, 5), [0, 1, 2, 3, 4]),
        (at(30, 7), [0, 2, 4, 6]),
        (at(60, 9), [0, 4, 8]),
        (at(30000 / 1001, 7), [0, 2, 4, 6]),
        ([round(i / 30, 3) for i in range(9)], [0, 2, 4, 6, 8]),  # time stamps in milliseconds
        (at(24, 9), [0, 2, 4, 5, 7, 8]),
        (at(20, 9), [0, 2, 3, 4, 6, 7, 8]),
        (at(12, 5), [0, 1, 2, 3, 4, 4]),
        (at(7.5, 4), [0, 1, 1, 2, 2, 3, 3]),  # slower than the model: frames stand twice
        ([0.0, 0.01, 0.02, 0.2, 0.21, 0.27], [0, 3, 3, 3, 5]),  # uneven
        ([5.0, 5.0667, 5.1333], [0, 1, 2]),  # a stream that does not start at 0
        (
            [0.0, 0.0, 0.0667, 0.05, 0.1333],
            [0, 2, 4],
        ),  # time that stands still or steps back a little
        ([9.0, 9.0667, 0.0, 0.0667], [0, 1, 2, 3]),  # time that starts anew
    ],
)
def test_frames_are_picked_at_15_fps(times: list[float], picked: list[int]) -> None:
    resampler = FrameRateResampler(15.0)
    assert [i for i, time_s in enumerate(times) for _ in range(resampler.repeats(time_s))] == picked


@pytest.mark.parametrize(
    "rate_fps", [7.0, 12.0, 15.0, 23.976, 25.0, 29.97, 30.0, 50.0, 60.0, 120.0]
)
def test_the_picked_stream_keeps_time_over_an_hour(rate_fps: float) -> None:
    resampler = FrameRateResampler(15.0)
    count = int(rate_fps * 3600)
    total = sum(resampler.repeats(i / rate_fps) for i in range(count))
    assert abs(total - 15 * 3600) <= 3


def test_windows_slide_by_the_stride() -> None:
    backend = Counting()
    predictions = run(stream(at(10, 9)), backend, stride=2)
    assert backend.windows == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]
    assert [i for i, found in enumerate(predictions) if found] == [3, 5, 7]
    assert predictions[5][0].scores.time_s == 0.5


def test_windows_of_a_faster_and_a_slower_source() -> None:
    fast, slow = Counting(), Counting()
    run(stream(at(20, 10)), fast, stride=4)
    run(stream(at(5, 4)), slow, stride=1)
    assert fast.windows == [[0, 2, 4, 6]]
    assert slow.windows == [[0, 1, 1, 2], [1, 1, 2, 2], [1, 2, 2, 3], [2, 2, 3, 3]]


def test_a_short_standstill_of_the_camera_fills_the_window_a_long_one_starts_anew() -> None:
    backend = Counting()
    run(stream([*at(10, 4), 1.2]), backend, stride=9)
    assert backend.windows == [[0, 1, 2, 3], [4, 4, 4, 4]]
    backend = Counting()
    run(stream([*at(10, 4), 60.0, 60.1, 60.2, 60.3]), backend, stride=1)
    assert backend.windows == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_model_of_few_frames_a_second_looks_more_often() -> None:
    backend = Counting()
    backend.metadata = replace(backend.metadata, frame_rate_fps=1.5)
    results = run(stream(at(30, 121)), backend, stride=None)
    assert backend.windows[0] == [0, 20, 40, 60] and backend.windows[1] == [6, 26, 46, 66]
    times_s = [result.scores.time_s for found in results for result in found]
    assert max(np.diff(times_s)) < 0.3


def test_a_source_shorter_than_the_window_is_padded_as_in_evaluation() -> None:
    backend = Counting(clip_len=8)
    results = run(stream(at(10, 5)), backend, stride=4)
    clip = FrameRange(clip_start=0, clip_end=5, video_start=0, video_end=5, frame_rate_fps=10.0)
    assert backend.windows == [centre_frame_indices(clip, 8, 10.0)]
    assert [len(found) for found in results] == [0] * 5 + [1]


def test_no_frames_give_nothing() -> None:
    assert run([], Counting(), stride=1) == [[]]


@pytest.mark.parametrize(("rate_fps", "num_frames"), [(15.0, 21), (30.0, 23)])
def test_the_centre_window_of_a_file_scores_as_in_evaluation(
    exported: Path, tmp_path: Path, rate_fps: float, num_frames: int
) -> None:
    rng = np.random.default_rng(2)
    frames = np.clip(
        numbered_frames(num_frames, 60, 90).astype(int)
        + rng.integers(-25, 25, (num_frames, 60, 90, 3)),
        0,
        255,
    ).astype(np.uint8)
    path = write_video(tmp_path / "clip.mp4", frames, rate_fps)
    backend = load_backend(exported / "model.xml")
    metadata = backend.metadata
    clip = FrameRange(
        clip_start=0,
        clip_end=num_frames,
        video_start=0,
        video_end=num_frames,
        frame_rate_fps=rate_fps,
    )
    indices = centre_frame_indices(clip, metadata.clip_len, metadata.frame_rate_fps)
    pictures = centre_crop_clip(
        read_frames(path, indices), metadata.resize.short_side, metadata.resize.crop_size
    )
    expected = backend.scores(pictures.transpose(3, 0, 1, 2)[None])[0]
    by_time = {
        round(result.scores.time_s * rate_fps): result.scores.scores
        for found in run(VideoFile(path).frames(), backend, stride=1)
        for result in found
    }
    np.testing.assert_array_equal(by_time[indices[-1]], expected)
    others = [scores for last, scores in by_time.items() if last != indices[-1]]
    assert not any(
        np.array_equal(scores, expected) for scores in others
    )  # the equality is of this window alone


def test_probabilities_scale_the_cosines() -> None:
    metadata = replace(example(), score_scale=10.0, temperature=2.0)
    chances = probabilities(np.array([0.6, 0.2], np.float32), metadata)
    np.testing.assert_allclose(chances, [1 / (1 + np.exp(-2.0)), 1 / (1 + np.exp(2.0))], rtol=1e-6)
    logits = replace(metadata, output_kind="logits", temperature=1.0)
    np.testing.assert_allclose(
        probabilities(np.array([1000.0, 999.0], np.float32), logits)[0], 1 / (1 + np.exp(-1.0))
    )


def test_top_orders_by_score() -> None:
    assert WindowScores(0.0, np.array([0.1, 0.9, 0.5], np.float32), 1.0).top(2) == [1, 2]

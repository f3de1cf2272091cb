"""Frame numbers against the original's, and the properties that hold for any clip."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from action_recognition.data.sampling import (
    FrameRange,
    centre_frame_indices,
    num_valid_frames,
    random_frame_indices,
    start_range,
    time_step,
    varied_frame_indices,
)


def frame_range(record: dict[str, Any]) -> FrameRange:
    """Return the range of a record of the original."""
    keys = ("clip_start", "clip_end", "video_start", "video_end")
    return FrameRange(**{key: record[key] for key in keys}, frame_rate_fps=record["fps"])


@pytest.mark.parametrize("clip_len", [8, 16])
def test_centre_sampling_equals_the_original(reference: Path, clip_len: int) -> None:
    """106 clips per length, and those for which the original fails."""
    golden = json.loads((reference / "stream_sampling.json").read_text())
    checked = 0
    for record in golden["records"] + golden["edge_cases"]:
        expected = record[f"clip_len_{clip_len}"]
        clip = frame_range(record)
        if "error" in expected:  # the original raises IndexError: see the test below
            assert centre_frame_indices(clip, clip_len, 15.0) == [clip.video_start] * clip_len
            continue
        assert time_step(clip.frame_rate_fps, 15.0) == expected["time_step"]
        assert centre_frame_indices(clip, clip_len, 15.0) == expected["frame_inds_0based"]
        checked += 1

    assert checked == 106


@pytest.mark.parametrize("clip_len", [8, 16])
def test_training_ranges_equal_the_original(reference: Path, clip_len: int) -> None:
    """200 clips per length have the original's range of starts."""
    records = json.loads((reference / "stream_sampling_train_ranges.json").read_text())["records"]

    assert len(records) == 200
    for record in records:
        expected, clip = record[f"clip_len_{clip_len}"], frame_range(record)
        starts = start_range(clip, clip_len, 15.0)
        assert (starts is None) == expected["short_video"]
        if starts is None:
            assert num_valid_frames(clip, 15.0) == expected["num_valid"]
            assert clip_len - num_valid_frames(clip, 15.0) + 1 == expected["num_before_high"]
        else:
            assert starts == (expected["start_low"], expected["start_high"])


@pytest.mark.parametrize("jitter", [True, False])
def test_random_windows_cover_the_whole_range_and_nothing_else(jitter: bool) -> None:
    """Every start comes, and jitter stays within a step."""
    clip = FrameRange(clip_start=10, clip_end=40, video_start=0, video_end=50, frame_rate_fps=30.0)
    rng = np.random.default_rng(0)
    windows = [random_frame_indices(clip, 8, 15.0, jitter, rng) for _ in range(800)]
    # A jittered first frame may lie one frame behind the last start.
    low, high = start_range(clip, 8, 15.0)  # type: ignore[misc]

    assert {window[0] for window in windows} == set(range(low, high + (1 if jitter else 0)))
    steps = {b - a for window in windows for a, b in itertools.pairwise(window)}
    assert steps == ({1, 2, 3} if jitter else {2})
    assert max(max(window) for window in windows) == (39 if jitter else 38)


def test_at_even_speed_frames_are_as_far_apart_as_in_evaluation() -> None:
    """Without a change of speed the centre window is among them."""
    clip = FrameRange(clip_start=10, clip_end=60, video_start=0, video_end=80, frame_rate_fps=30.0)
    rng = np.random.default_rng(0)
    windows = [varied_frame_indices(clip, 8, 15.0, 1.0, False, rng) for _ in range(800)]
    centre = centre_frame_indices(clip, 8, 15.0)

    assert {tuple(np.diff(window)) for window in windows} == {tuple(np.diff(centre))}
    # The last window ends with the clip's last frame.
    assert {window[0] for window in windows} == set(range(10, 46))
    assert centre in windows


def test_speed_is_as_often_doubled_as_halved() -> None:
    """The logarithm of the speed is centred at 0."""
    clip = FrameRange(
        clip_start=0, clip_end=1000, video_start=0, video_end=1000, frame_rate_fps=150.0
    )
    rng = np.random.default_rng(0)
    windows = [varied_frame_indices(clip, 8, 15.0, 2.0, False, rng) for _ in range(500)]
    steps = np.array([(window[-1] - window[0]) / 7 for window in windows])

    assert 5.0 <= steps.min() + 0.2 < 5.5 and 19.0 < steps.max() < 20.2
    assert np.log(steps / 10).mean() == pytest.approx(0.0, abs=0.07)


def test_jitter_moves_each_frame_by_up_to_half_a_step() -> None:
    """Each frame has its own draw."""
    clip = FrameRange(
        clip_start=100, clip_end=900, video_start=0, video_end=1000, frame_rate_fps=150.0
    )
    rng = np.random.default_rng(0)
    steps = np.array(
        [np.diff(varied_frame_indices(clip, 8, 15.0, 1.0, True, rng)) for _ in range(500)]
    )
    assert steps.min() in (0, 1, 2) and steps.max() in (18, 19, 20)

    # One draw for each frame.
    assert np.corrcoef(steps[:, 0], steps[:, 4])[0, 1] == pytest.approx(0.0, abs=0.15)


def test_jitter_does_not_leave_a_clip_that_holds_the_window() -> None:
    """First and last frame stay inside the clip."""
    # 8 frames, 2 apart: just one window.
    clip = FrameRange(clip_start=20, clip_end=35, video_start=0, video_end=60, frame_rate_fps=30.0)
    rng = np.random.default_rng(0)
    windows = [varied_frame_indices(clip, 8, 15.0, 1.0, True, rng) for _ in range(200)]
    assert {window[0] for window in windows} == {20, 21}
    assert {window[-1] for window in windows} == {33, 34}


@pytest.mark.parametrize("jitter", [True, False])
def test_a_fast_window_stays_inside_the_clip_or_around_it(jitter: bool) -> None:
    """The length of the window decides which of both."""
    clip = FrameRange(clip_start=20, clip_end=38, video_start=0, video_end=60, frame_rate_fps=30.0)
    rng = np.random.default_rng(0)
    # Windows near the length of the clip may count as either.
    inside = around = 0
    for _ in range(500):
        window = varied_frame_indices(clip, 8, 15.0, 2.0, jitter, rng)
        first, last = window[0], window[-1]
        step = (last - first) / 7
        slack = 2 * step if jitter else 1
        if last - first <= 17 - slack:
            assert first >= 20 and last <= 37
            inside += 1
        elif last - first >= 18 + slack:
            assert 0 <= first <= 20 + step / 2 + 1 and 37 - step / 2 - 1 <= last < 60
            around += 1

    assert inside > 20 and around > 20


def test_a_window_longer_than_the_video_repeats_its_ends() -> None:
    """The ends are repeated, and the order stays."""
    clip = FrameRange(clip_start=7, clip_end=9, video_start=5, video_end=11, frame_rate_fps=30.0)
    rng = np.random.default_rng(0)
    windows = {tuple(varied_frame_indices(clip, 8, 15.0, 1.0, False, rng)) for _ in range(300)}
    assert all(set(window) >= {5, 10} or len({*window} & {5, 10}) == 1 for window in windows)
    assert {window.count(5) for window in windows} >= {1, 3, 5}
    assert all(window == tuple(sorted(window)) for window in windows)


def test_padding_of_a_short_video_is_split_at_random() -> None:
    """All three splits of two padded frames come."""
    clip = FrameRange(clip_start=5, clip_end=9, video_start=5, video_end=11, frame_rate_fps=30.0)
    rng = np.random.default_rng(0)
    windows = {tuple(random_frame_indices(clip, 5, 15.0, False, rng)) for _ in range(100)}
    assert windows == {(5, 7, 9, 9, 9), (5, 5, 7, 9, 9), (5, 5, 5, 7, 9)}


@pytest.mark.parametrize("seed", range(20))
def test_frames_never_leave_the_video(seed: int) -> None:
    """100 random ranges per seed, by all three functions."""
    rng = np.random.default_rng(seed)
    for _ in range(100):
        # Clips and videos from a single frame up.
        video_start = int(rng.integers(50))
        clip_start = video_start + int(rng.integers(30))
        clip_end = clip_start + 1 + int(rng.integers(30))
        video_end = clip_end + int(rng.integers(30))
        rate = float(rng.choice([5.0, 12.0, 29.97, 60.0, 240.0]))
        clip = FrameRange(
            clip_start=clip_start,
            clip_end=clip_end,
            video_start=video_start,
            video_end=video_end,
            frame_rate_fps=rate,
        )

        varied = varied_frame_indices(clip, 8, 15.0, 1.5, True, rng)
        centre = centre_frame_indices(clip, 8, 15.0)
        for frames in (varied, centre, random_frame_indices(clip, 8, 15.0, True, rng)):
            assert len(frames) == 8
            assert min(frames) >= video_start and max(frames) < video_end
            assert frames == sorted(frames)


def test_a_video_shorter_than_one_step_gives_its_first_frame() -> None:
    """The original fails here."""
    clip = FrameRange(clip_start=7, clip_end=8, video_start=7, video_end=8, frame_rate_fps=60.0)
    assert centre_frame_indices(clip, 4, 15.0) == [7, 7, 7, 7]
    assert random_frame_indices(clip, 4, 15.0, True, np.random.default_rng(0)) == [7, 7, 7, 7]

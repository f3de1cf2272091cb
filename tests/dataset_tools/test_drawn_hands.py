"""Drawn clips: repeatable, honest (one frame tells nothing), readable as files, streams with true
events.
"""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from action_recognition.dataset_tools.drawn_hands import (
    LABEL_SWAPS,
    MOTIONS,
    NEGATIVE_MOTION,
    TEST_STYLE,
    TRAIN_STYLE,
    HandPath,
    Style,
    clip_seeds,
    compose_stream,
    draw_clip,
    write_clips,
    write_stream,
)
from action_recognition.dataset_tools.drawn_hands.course import Course, draw_course
from action_recognition.dataset_tools.drawn_hands.motion import hand_path
from action_recognition.errors import UserError

GESTURES = tuple(motion for motion in MOTIONS if motion != NEGATIVE_MOTION)
NUM_SEEDS = 600


def _courses(style: Style = TRAIN_STYLE) -> list[Course]:
    return [draw_course(np.random.default_rng(seed), style, 15.0) for seed in range(NUM_SEEDS)]


def _without_wobble(course: Course) -> Course:
    still = np.zeros(course.timing.num_frames)
    return dataclasses.replace(course, wobble=HandPath(still, still, still + 1.0, still))


def _poses(path: HandPath, frames: list[int]) -> list[float]:
    return [
        value
        for frame in frames
        for value in (4 * path.x[frame], path.y[frame], np.log(path.size[frame]), path.tilt[frame])
    ]


def _nearest_neighbours_accuracy(
    features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], k: int
) -> float:
    """Share of rows whose k nearest other rows mostly have their label."""
    distances = ((features[:, None] - features[None]) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    votes = labels[np.argsort(distances, axis=1)[:, :k]]
    predicted = np.array([np.bincount(row, minlength=len(MOTIONS)).argmax() for row in votes])
    return float((predicted == labels).mean())


def test_same_seed_same_pixels_and_another_seed_others() -> None:
    first, again, other = draw_clip("shake", 3), draw_clip("shake", 3), draw_clip("shake", 4)
    assert np.array_equal(first.frames_thwc, again.frames_thwc)
    assert (first.clip_start, first.clip_end, first.frame_rate_fps) == (
        again.clip_start,
        again.clip_end,
        again.frame_rate_fps,
    )
    assert first.frames_thwc.shape != other.frames_thwc.shape or not np.array_equal(
        first.frames_thwc, other.frames_thwc
    )


def test_a_seed_shows_the_same_room_and_hand_whatever_the_motion() -> None:
    left, right = draw_clip("swipe_left", 8), draw_clip("swipe_right", 8)
    assert left.frames_thwc.shape == right.frames_thwc.shape
    # The hand itself covers a minor part of a picture; all else is the same pixel for pixel.
    assert (left.frames_thwc == right.frames_thwc).all(-1).mean() > 0.5
    assert not np.array_equal(left.frames_thwc, right.frames_thwc)


@pytest.mark.parametrize(
    ("motion", "backwards"), [("swipe_left", "swipe_right"), ("move_closer", "move_away")]
)
def test_a_motion_played_backwards_is_its_opposite(motion: str, backwards: str) -> None:
    for course in map(_without_wobble, _courses()[:50]):
        annotated = slice(course.timing.start, course.timing.end)
        path, opposite = hand_path(motion, course), hand_path(backwards, course)
        for coordinate in ("x", "y", "size", "tilt"):
            forwards = getattr(path, coordinate)[annotated]
            np.testing.assert_allclose(
                forwards, getattr(opposite, coordinate)[annotated][::-1], atol=1e-12
            )


def test_left_is_left_and_closer_is_larger() -> None:
    for course in _courses()[:50]:
        first, last = course.timing.start, course.timing.end - 1
        swipe, closer = hand_path("swipe_left", course), hand_path("move_closer", course)
        assert swipe.x[last] < swipe.x[first] - 0.25
        assert closer.size[last] > 1.3 * closer.size[first]


@pytest.mark.parametrize("style", [TRAIN_STYLE, TEST_STYLE], ids=lambda style: style.name)
@pytest.mark.parametrize("coordinate", ["x", "y", "size", "tilt"])
def test_over_annotated_frames_each_coordinate_is_distributed_alike_in_every_gesture(
    style: Style, coordinate: str
) -> None:
    quantiles = np.linspace(0.05, 0.95, 10)
    pooled = {}
    for motion in GESTURES:
        values = [
            getattr(hand_path(motion, course), coordinate)[course.timing.start : course.timing.end]
            for course in _courses(style)
        ]
        pooled[motion] = np.quantile(np.concatenate(values), quantiles)
    spread = np.ptp(pooled["shake"])
    for motion, found in pooled.items():
        np.testing.assert_allclose(
            found, pooled["shake"], atol=0.06 * spread, err_msg=f"{motion}: {coordinate}"
        )


def test_one_frame_tells_no_gesture_from_another_and_two_frames_do() -> None:
    """The pose itself is the most that a picture of the hand could tell; its neighbours vote at
    chance.
    """
    rng = np.random.default_rng(0)
    one_frame, three_frames, labels = [], [], []
    for index, course in enumerate(_courses()):
        motion = GESTURES[index % len(GESTURES)]
        path, timing = hand_path(motion, course), course.timing
        one_frame.append(_poses(path, [int(rng.integers(timing.start, timing.end))]))
        middle = (timing.start + timing.end) // 2
        first, centre, last = (
            np.array(_poses(path, [frame])) for frame in (timing.start, middle, timing.end - 1)
        )
        three_frames.append(np.concatenate([centre - first, last - centre]))
        labels.append(MOTIONS.index(motion))
    truth = np.array(labels)
    chance = 1 / len(GESTURES)
    assert _nearest_neighbours_accuracy(np.array(one_frame), truth, 15) < chance + 0.06
    assert _nearest_neighbours_accuracy(np.array(three_frames), truth, 15) > 0.8


def test_one_picture_tells_no_gesture_from_another() -> None:
    """The same with pixels: grey thumbnails of one frame of each clip, as annotated, drawn anew for
    each clip.
    """
    rng = np.random.default_rng(1)
    thumbnails, labels = [], []
    for seed in range(150):
        clip = draw_clip(
            GESTURES[seed % len(GESTURES)],
            seed,
            dataclasses.replace(TRAIN_STYLE, frame_sizes=((128, 96),)),
        )
        frame = clip.frames_thwc[int(rng.integers(clip.clip_start, clip.clip_end))].mean(-1)
        thumbnail = frame.reshape(12, 8, 16, 8).mean((1, 3)).ravel()
        thumbnails.append((thumbnail - thumbnail.mean()) / (thumbnail.std() + 1e-6))
        labels.append(clip.label)
    # 150 fair guesses at 20 % stay below 32 % in all but 1 of 3000 draws.
    assert _nearest_neighbours_accuracy(np.array(thumbnails), np.array(labels), 9) < 0.32


def test_styles_share_nothing_that_would_make_the_test_easier() -> None:
    for field in ("frame_sizes", "hand_colours", "textures", "distractors"):
        assert not set(getattr(TRAIN_STYLE, field)) & set(getattr(TEST_STYLE, field)), field
    for low, high in TRAIN_STYLE.background_hues:
        assert all(
            high < other_low or other_high < low
            for other_low, other_high in TEST_STYLE.background_hues
        )
    assert (
        TEST_STYLE.gesture_seconds[0]
        < TRAIN_STYLE.gesture_seconds[0]
        < TRAIN_STYLE.gesture_seconds[1]
        < TEST_STYLE.gesture_seconds[1]
    )
    assert not set(clip_seeds(1, 2000)) & set(clip_seeds(2, 2000))


def test_label_swaps_are_what_a_mirror_does() -> None:
    for course in _courses()[:20]:
        mirrored = -hand_path("swipe_left", course).x
        assert np.sign(mirrored[-1] - mirrored[0]) == np.sign(
            np.ptp(hand_path(LABEL_SWAPS["swipe_left"], course).x)
        )
    assert set(LABEL_SWAPS) | set(LABEL_SWAPS.values()) == {"swipe_left", "swipe_right"}


def test_written_clips_are_readable_and_their_annotations_true(tmp_path: Path) -> None:
    seen = []
    annotations = write_clips(
        tmp_path, "test", MOTIONS * 2, 5, TEST_STYLE, on_clip=lambda: seen.append(1)
    )
    assert json.loads((tmp_path / "classes.json").read_text()) == list(MOTIONS)
    lines = annotations.read_text().splitlines()
    assert len(lines) == len(seen) == 12
    for index, line in enumerate(lines):
        name, label, clip_start, clip_end, video_start, video_end, frame_rate = line.split()
        assert int(label) == index % len(MOTIONS)
        with av.open(str(tmp_path / name)) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.average_rate == Fraction(float(frame_rate))
            frames = np.stack(
                [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
            )
        assert (
            0
            == int(video_start)
            <= int(clip_start)
            < int(clip_end)
            <= int(video_end)
            == len(frames)
        )
        drawn = draw_clip(MOTIONS[int(label)], clip_seeds(5, 12)[index], TEST_STYLE)
        # H.264 loses colour detail; a shifted or mixed-up frame would differ by far more than this.
        assert np.abs(frames.astype(int) - drawn.frames_thwc).mean() < 12
    assert not list(tmp_path.rglob("*.partial"))


def test_stream_events_lie_where_the_hand_moves(tmp_path: Path) -> None:
    motions = ["swipe_left", "nothing", "move_closer", "shake"]
    stream = compose_stream(motions, 2, TEST_STYLE)
    assert [event.motion for event in stream.events] == ["swipe_left", "move_closer", "shake"]
    ends = [0]
    for event in stream.events:
        assert ends[-1] <= event.start < event.end <= len(stream.frames_thwc)
        ends.append(event.end)
    gaps = [event.start - end for event, end in zip(stream.events[1:], ends[1:], strict=False)]
    assert min(gaps) >= 1.2 * stream.frame_rate_fps
    events = write_stream(tmp_path / "stream.mp4", stream)
    first, rate = stream.events[0], stream.frame_rate_fps
    assert json.loads(events.read_text())[0] == {
        **dataclasses.asdict(first),
        "start_s": first.start / rate,
        "end_s": first.end / rate,
    }
    assert (tmp_path / "stream.mp4").stat().st_size > 1000
    assert np.array_equal(stream.frames_thwc, compose_stream(motions, 2, TEST_STYLE).frames_thwc)


def test_an_unknown_motion_is_named() -> None:
    with pytest.raises(UserError, match=r"swipe_lef.*did you mean 'swipe_left'"):
        draw_clip("swipe_lef", 0)
    with pytest.raises(UserError, match="allowed: swipe_left"):
        compose_stream(["wave"], 0)

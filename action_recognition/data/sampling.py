"""The frames of a video that make a clip: pure functions, exact to the original's stream sampling.

A clip is `clip_len` frames, `time_step` frames of the video apart. It so runs at about the model's
frame rate:

    video   |video_start ....... clip_start ======= clip_end ....... video_end|
    window                  |start, start + step, ..., start + (clip_len-1)*step|

Frame numbers are 0-based, ends exclusive. A window is clip_len * step frames of the video. One that
is longer than the clip may take frames around the clip. One that is longer than the video is padded
by repeating its ends. Source: REFERENCE section 4, "Sampling".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRange:
    """A clip inside a video: frame numbers, 0-based, ends exclusive, and the video's frame rate."""

    clip_start: int
    clip_end: int
    video_start: int
    video_end: int
    frame_rate_fps: float


def time_step(clip_rate_fps: float, frame_rate_fps: float) -> int:
    """Return the frames of the video from one frame of the clip to the next, at least 1.

    Halves round to even. Source: REFERENCE section 4, time_step = max(1, round_half_even(fps/15)).

    >>> time_step(30.0, 15.0), time_step(37.5, 15.0), time_step(5.0, 15.0)
    (2, 2, 1)
    """
    return max(1, round(clip_rate_fps / frame_rate_fps))


def start_range(clip: FrameRange, clip_len: int, frame_rate_fps: float) -> tuple[int, int] | None:
    """Return the first and one past the last frame at which a window may start.

    None when the video is shorter than the window. Source: REFERENCE section 4, "Sampling".

    >>> clip = dict(clip_start=10, clip_end=50, video_start=0, video_end=90, frame_rate_fps=30.0)
    >>> start_range(FrameRange(**clip), 8, 15.0)
    (10, 35)
    """
    window = clip_len * time_step(clip.frame_rate_fps, frame_rate_fps)
    if clip.video_end - clip.video_start < window:
        return None
    if clip.clip_end - clip.clip_start >= window:
        return clip.clip_start, clip.clip_end - window + 1

    # The window lies around the clip, inside the video.
    first = max(clip.video_start, clip.clip_end - window)
    last = min(clip.video_end - window, clip.clip_start)
    return first, last + 1


def num_valid_frames(clip: FrameRange, frame_rate_fps: float) -> int:
    """Return the number of frames that a video shorter than the window gives.

    The rest of the clip is padding. The original raises IndexError for a video shorter than one
    step (test sampling). Here such a video gives its first frame.
    """
    step = time_step(clip.frame_rate_fps, frame_rate_fps)
    return max(1, (clip.video_end - clip.video_start) // step)


def centre_frame_indices(clip: FrameRange, clip_len: int, frame_rate_fps: float) -> list[int]:
    """Return the `clip_len` frame numbers of the centre window, for evaluation.

    `frame_rate_fps` is the model's rate. A video shorter than the window has its first frame
    repeated in front and its last behind (the larger half).

    >>> clip = dict(clip_start=0, clip_end=100, video_start=0, video_end=100, frame_rate_fps=5.0)
    >>> centre_frame_indices(FrameRange(**clip), 4, 15.0)
    [48, 49, 50, 51]
    >>> clip = dict(clip_start=0, clip_end=5, video_start=0, video_end=5, frame_rate_fps=30.0)
    >>> centre_frame_indices(FrameRange(**clip), 5, 15.0)
    [0, 0, 2, 2, 2]
    """
    step = time_step(clip.frame_rate_fps, frame_rate_fps)
    starts = start_range(clip, clip_len, frame_rate_fps)
    if starts is None:
        num_frames = num_valid_frames(clip, frame_rate_fps)
        frames = [clip.video_start + i * step for i in range(num_frames)]
        return _pad(frames, clip_len, num_before=(clip_len - num_frames) // 2)

    start = sum(starts) // 2  # of the exclusive end, as the original
    return [start + i * step for i in range(clip_len)]


def random_frame_indices(
    clip: FrameRange,
    clip_len: int,
    frame_rate_fps: float,
    temporal_jitter: bool,
    rng: np.random.Generator,
) -> list[int]:
    """Return the `clip_len` frame numbers of a random window, for training.

    `frame_rate_fps` is the model's rate. The start is uniform in `start_range`. `temporal_jitter`
    moves every frame by 0..time_step-1. Padding is split at random. Frame numbers never leave the
    video.
    """
    step = time_step(clip.frame_rate_fps, frame_rate_fps)
    starts = start_range(clip, clip_len, frame_rate_fps)
    num_frames = clip_len if starts is not None else num_valid_frames(clip, frame_rate_fps)
    first = int(rng.integers(*starts)) if starts is not None else clip.video_start

    offsets = [0] * num_frames
    if temporal_jitter:
        offsets = rng.integers(step, size=num_frames).tolist()

    # Jitter must not leave the video.
    last = clip.video_end - 1
    frames = [min(first + i * step + offset, last) for i, offset in enumerate(offsets)]

    if num_frames == clip_len:
        return frames
    return _pad(frames, clip_len, num_before=int(rng.integers(clip_len - num_frames + 1)))


def varied_frame_indices(
    clip: FrameRange,
    clip_len: int,
    frame_rate_fps: float,
    temporal_speed_max: float,
    temporal_jitter: bool,
    rng: np.random.Generator,
) -> list[int]:
    """Return the `clip_len` frame numbers of a random window at a random speed, for training.

    `frame_rate_fps` is the model's rate. The step between frames is a real number: `time_step`
    times exp(U(-ln `temporal_speed_max`, ln `temporal_speed_max`)). `temporal_jitter` moves every
    frame by up to half a step either way. The window lies inside the clip where it fits, else
    around it inside the video, else around the video, whose ends are then repeated. Frame numbers
    never leave the video.

    >>> clip = dict(clip_start=0, clip_end=7, video_start=0, video_end=7, frame_rate_fps=30.0)
    >>> rng = np.random.default_rng(0)
    >>> varied_frame_indices(FrameRange(**clip), 4, 15.0, 1.0, False, rng)
    [0, 2, 4, 6]
    """
    # As often faster as slower, by the same factor.
    speed_range = math.log(temporal_speed_max)
    speed = math.exp(rng.uniform(-speed_range, speed_range))
    step = time_step(clip.frame_rate_fps, frame_rate_fps) * speed
    span = step * (clip_len - 1)
    start = rng.uniform(*_real_starts(clip, span))
    offsets = rng.uniform(-0.5, 0.5, size=clip_len) if temporal_jitter else np.zeros(clip_len)

    # Jitter and rounding must not leave the clip, or the video where the clip is too short.
    fits = span <= clip.clip_end - 1 - clip.clip_start
    first, end = (clip.clip_start, clip.clip_end) if fits else (clip.video_start, clip.video_end)
    frames = np.floor(start + step * (np.arange(clip_len) + offsets) + 0.5).astype(int)
    return [int(frame) for frame in np.clip(frames, first, end - 1)]


def to_and_fro(position: int, length: int, rest: int) -> int:
    """Return the frame of a clip of `length` that is shown at `position`, where 0 is its start.

    Positions outside of the clip go to and fro over its first or last `rest` frames.

    >>> [to_and_fro(i, 5, 3) for i in range(-4, 9)]
    [0, 1, 2, 1, 0, 1, 2, 3, 4, 3, 2, 3, 4]
    """
    rest = max(1, min(rest, length))
    if 0 <= position < length:
        return position

    # A way of `turn` frames leads away from the end of the clip and back to it.
    beyond = -position if position < 0 else position - (length - 1)
    turn = 2 * (rest - 1)
    away = 0 if turn == 0 else min(beyond % turn, turn - beyond % turn)
    return away if position < 0 else length - 1 - away


def _real_starts(clip: FrameRange, span: float) -> tuple[float, float]:
    """Return least and greatest start of a window whose last frame is `span` behind its first."""
    # Inside the clip, or around it where the window is longer. Then the same with the video.
    low, high = sorted((float(clip.clip_start), clip.clip_end - 1 - span))
    inside = sorted((float(clip.video_start), clip.video_end - 1 - span))
    return min(max(low, inside[0]), inside[1]), min(max(high, inside[0]), inside[1])


def _pad(frames: list[int], clip_len: int, num_before: int) -> list[int]:
    """Repeat the first frame `num_before` times in front, and the last one up to `clip_len`."""
    num_behind = clip_len - len(frames) - num_before
    return frames[:1] * num_before + frames + frames[-1:] * num_behind

"""Position of a sign inside its annotated time, and the video around it that belongs to its clip.

Source: CONTRACT 1.8 and the original's `extract_msasl_frames.py`. Signs take 0.8 s on average, and
1.1 times that is kept. A clip has room for 64 frames at 30 fps to either side.
"""

from __future__ import annotations

from collections.abc import Sequence

Span = tuple[int, int]
"""First frame, and the frame behind the last."""

_MEAN_SIGN_S = 0.8
_SPEED_FACTOR = 1.1  # of the mean, which is kept
_PREPARATION_S = 0.8  # in the annotated time, beside the sign
_CLIP_RATE_FPS = 30.0  # of `max_length`


def sign_span(annotated: Span, frame_rate_fps: float) -> Span:
    """Return the sign inside its annotated time, in frames of the same video.

    A time that is longer than a sign and its preparation is taken for repetitions of the sign. The
    first of them is returned.

    >>> sign_span((100, 130), 30.0)
    (101, 128)
    >>> sign_span((100, 190), 30.0)
    (116, 143)
    """
    start, end = annotated
    length = end - start
    sign = _SPEED_FACTOR * _MEAN_SIGN_S * frame_rate_fps
    preparation = _PREPARATION_S * frame_rate_fps

    if length > sign + preparation:
        num_repeats = round((length - preparation) / sign)
        centre = start + length / (num_repeats + 1)
    else:
        centre = 0.5 * (start + end)
        sign = min(length, sign)

    return int(centre - 0.5 * sign), int(centre + 0.5 * sign)


def without_overlaps(spans: Sequence[Span]) -> list[Span | None]:
    """End each span where the next begins. The spans are in the order of their starts.

    None stands for a span of which nothing is left.

    >>> without_overlaps([(0, 30), (20, 50), (20, 60)])
    [(0, 20), None, (20, 60)]
    """
    next_starts = [start for start, _ in spans[1:]]
    ends = [min(end, start) for (_, end), start in zip(spans, next_starts, strict=False)]
    ends += [end for _, end in spans[-1:]]
    return [
        (start, end) if start < end else None for (start, _), end in zip(spans, ends, strict=True)
    ]


def video_spans(
    signs: Sequence[Span], num_frames: int, frame_rate_fps: float, max_length: int
) -> list[Span]:
    """Return the part of the video that belongs to each sign, without a frame of another sign.

    The signs do not overlap. `max_length` is counted in frames at 30 fps. It reaches backwards from
    the end of a sign and forwards from its start.

    >>> video_spans([(100, 126), (140, 166)], 1000, 30.0, 64)
    [(62, 140), (126, 204)]
    """
    reach = int(max_length / (_CLIP_RATE_FPS / frame_rate_fps))
    # The neighbours of a sign, or the ends of the video, bound its part.
    lows = [0, *(end for _, end in signs[:-1])]
    highs = [*(start for start, _ in signs[1:]), num_frames]
    lengths = [max(reach, end - start) for start, end in signs]

    return [
        (max(low, end - length), min(high, start + length))
        for (start, end), length, low, high in zip(signs, lengths, lows, highs, strict=True)
    ]

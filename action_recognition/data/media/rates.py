"""Frame rates, and how far they can be believed."""

from __future__ import annotations

from typing import Final, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

ASSUMED_RATE_FPS: Final = 25.0
"""The rate of a stream without any time and rate, as FFmpeg and players assume it."""
# FFmpeg's flag of formats that hold no times.
_NO_TIMES: Final = 0x0080
# Entries of an index that are read before a file is played.
_LOOKED_AT_ENTRIES = 300
# Rates beyond are mistakes of a header.
_LOWEST_FPS, _HIGHEST_FPS = 0.01, 10_000.0
# A rate agrees with the frames if it predicts their number to within a part of it, or to less than
# a frame. Where frames come unevenly, a mean may be taken in several ways.
_TOLERANCE, _TOLERANCE_UNEVEN, _TOLERANCE_FRAMES = 0.01, 0.05, 0.75
# So many frames come at the usual rate of a file with gaps, but for the rounding of their times.
_USUAL_PART, _TOLERANCE_STEP = 0.75, 0.1


class FrameRate(NamedTuple):
    """A rate in frames per second.

    `is_sure` says that everything in the file agrees with it, and `has_no_times` that the times of
    frames come from the rate itself. `note` says why it is not what the container states.
    """

    fps: float
    is_sure: bool = True
    has_no_times: bool = False
    note: str = ""


def stated_rate(stream: av.VideoStream) -> FrameRate:
    """Return the rate that the headers of a stream state, before any packet is read."""
    # FFmpeg finds no start in an animated PNG, whose packets have times all the same.
    if stream.start_time is None and stream.container.format.flags & _NO_TIMES:
        return _rate_of_codec(stream)
    rates = _stated_rates(stream)
    rate = FrameRate(rates[0] if rates else ASSUMED_RATE_FPS, is_sure=False)
    # AVI states the rate of its slots, of which many may be empty. Its index has those in use.
    entries = stream.index_entries if "avi" in stream.container.format.name else []
    if len(entries) < 2 or not stream.time_base:
        return rate
    tick_s = float(stream.time_base)
    last_s = (entries[-1].timestamp - entries[0].timestamp) * tick_s
    if abs(rate.fps * last_s - (len(entries) - 1)) < _TOLERANCE_FRAMES:
        return rate
    slots = np.array([entry.timestamp for entry in entries[:_LOOKED_AT_ENTRIES]], np.float64)
    return believed_rate(stream, rate, (slots - slots[0]) * tick_s)


def believed_rate(
    stream: av.VideoStream, stated: FrameRate, times_s: NDArray[np.float64]
) -> FrameRate:
    """Return the rate of a stream whose frames are shown at those times, the first at 0.

    `stated` is what `stated_rate` gave before packets were read. A stated rate that does not agree
    with frames and times gives way to one that does, to one at which nearly all frames come, or to
    the mean.
    """
    if stated.has_no_times:
        return stated
    rates = _stated_rates(stream)
    if len(times_s) < 2:
        return FrameRate(rates[0] if rates else ASSUMED_RATE_FPS, is_sure=False)

    agreeing = [rate for rate in rates if _agrees(rate, times_s)]
    usual = [rate for rate in rates if _is_usual(rate, times_s)]
    mean = (len(times_s) - 1) / float(times_s[-1])
    fps = [*agreeing, *usual, mean][0]
    container = _plausible(stream.average_rate)
    if container is None or container in agreeing:
        codec = _plausible(stream.codec_context.framerate)
        return FrameRate(fps, is_sure=codec is None or codec in agreeing)
    if container == fps:
        return FrameRate(fps, is_sure=False)
    note = f"states {container:.5g} frames a second, but its frames and times give {fps:.5g}"
    return FrameRate(fps, is_sure=False, note=note)


def _rate_of_codec(stream: av.VideoStream) -> FrameRate:
    """Return the rate that the codec's own header states, for a stream without time stamps."""
    rate = _plausible(stream.codec_context.framerate)
    if rate is not None:
        note = f"holds no times; {rate:g} frames a second are read from the header of its stream"
        return FrameRate(rate, is_sure=False, has_no_times=True, note=note)
    note = f"holds neither times nor a frame rate; {ASSUMED_RATE_FPS:g} frames a second are assumed"
    return FrameRate(ASSUMED_RATE_FPS, is_sure=False, has_no_times=True, note=note)


def _stated_rates(stream: av.VideoStream) -> list[float]:
    """Return the plausible rates of container and codec, that of the container first."""
    stated = (stream.average_rate, stream.codec_context.framerate, stream.guessed_rate)
    return [rate for rate in map(_plausible, stated) if rate is not None]


def _plausible(rate: object) -> float | None:
    value = float(rate) if rate else 0.0  # type: ignore[arg-type]
    return value if _LOWEST_FPS <= value <= _HIGHEST_FPS else None


def _agrees(rate: float, times_s: NDArray[np.float64]) -> bool:
    """Return True for a rate at which the frames take the time that they take."""
    steps, last_s = len(times_s) - 1, float(times_s[-1])
    late_s = np.abs(times_s - np.linspace(0.0, last_s, len(times_s))).max()
    part = _TOLERANCE if late_s * steps < last_s else _TOLERANCE_UNEVEN
    return bool(abs(rate * last_s - steps) <= max(_TOLERANCE_FRAMES, part * steps))


def _is_usual(rate: float, times_s: NDArray[np.float64]) -> bool:
    """Return True for a rate at which most frames follow the one before them."""
    steps_s = np.diff(times_s)
    return bool(np.mean(np.abs(steps_s * rate - 1.0) < _TOLERANCE_STEP) >= _USUAL_PART)

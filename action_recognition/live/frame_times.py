"""Frames with their times, and which of them the network gets: by time stamps, not by counting."""

from __future__ import annotations

from dataclasses import dataclass

from action_recognition.deploy.stream_models import Picture as Picture

_TOLERANCE = 0.1  # of a model frame: above the rounding of time stamps to 1 ms, below one frame of a 120 fps source
_RESTART_S = 1.0


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A picture of the source and when it is shown, in seconds from the first.

    `is_restart`: the source was interrupted before this frame (unplugged, connected anew), so nothing before it belongs to it.
    `arrived_s`: when its reader got it, by the monotonic clock.
    """

    time_s: float
    picture: Picture
    is_restart: bool = False
    arrived_s: float = float("nan")


class FrameRateResampler:
    """How often each source frame stands in a stream of `frame_rate_fps`, from time stamps alone.

    The model's frame k is the first source frame at or after k / rate (to within a small tolerance). So a faster source is thinned
    out, a slower one has frames repeated, and uneven time stamps are followed.

    >>> every_second = FrameRateResampler(15.0)
    >>> [every_second.repeats(i / 30) for i in range(6)]
    [1, 0, 1, 0, 1, 0]
    >>> doubled = FrameRateResampler(15.0)
    >>> [doubled.repeats(i / 7.5) for i in range(4)]
    [1, 2, 2, 2]
    """

    def __init__(self, frame_rate_fps: float) -> None:
        self.frame_rate_fps = frame_rate_fps
        self._start_s: float | None = None
        self._last_s = 0.0
        self._num_given = 0

    def reset(self) -> None:
        """The next frame is the first."""
        self._start_s = None

    def repeats(self, time_s: float) -> int:
        """How many model frames the source frame at `time_s` gives; time that jumps back by a second or more starts anew."""
        if self._start_s is None or time_s < self._last_s - _RESTART_S:
            self._start_s, self._num_given = time_s, 0
        self._last_s = time_s
        num_due = int((time_s - self._start_s) * self.frame_rate_fps + _TOLERANCE) + 1
        repeats = max(0, num_due - self._num_given)
        self._num_given += repeats
        return repeats


class TearDetector:
    """Whether time tore before a frame: its source says so, its time goes back, it comes after a gap, or its size is another.

    A gap is longer than a second and than three model frames; small steps back are jitter.

    >>> import numpy as np
    >>> tears = TearDetector(frame_rate_fps=15.0)
    >>> black = np.zeros((4, 4, 3), np.uint8)
    >>> [tears.reason(TimedFrame(time_s, black)) for time_s in (0.0, 0.1, 0.5, 0.49, 3.5)]
    ['', '', '', '', 'a gap of 3.0 s']
    """

    def __init__(self, frame_rate_fps: float) -> None:
        self.max_gap_s = max(_RESTART_S, 3.0 / frame_rate_fps)
        self._last_s: float | None = None
        self._size: tuple[int, ...] = ()

    def reason(self, frame: TimedFrame) -> str:
        """What tore, for people; empty where the frame follows the one before."""
        last_s, size = self._last_s, self._size
        self._last_s, self._size = frame.time_s, frame.picture.shape[:2]
        if last_s is None:
            return ""
        step_s = frame.time_s - last_s
        if frame.is_restart:
            return "the source came back"
        if step_s <= -_RESTART_S or step_s != step_s:
            return f"time went back by {-step_s:.1f} s"
        if step_s > self.max_gap_s:
            return f"a gap of {step_s:.1f} s"
        if size != self._size:
            return f"pictures of {size[1]}x{size[0]} became {self._size[1]}x{self._size[0]}"
        return ""

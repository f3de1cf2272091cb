"""Frames with their times, and the choice of the frames that the network gets.

Frames are chosen by time stamps, not by counting, so that any frame rate of a source will do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from action_recognition.deploy.stream_models import Picture

# In model frames. It is above the rounding of time stamps to 1 ms, and below one frame of a source
# of 120 frames a second.
_TOLERANCE = 0.1
# Steps back and gaps up to this length are jitter.
_RESTART_S = 1.0


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A picture of a source with its time in seconds from the first frame.

    With `is_restart` the source was interrupted before this frame, for example unplugged or
    connected again. Earlier frames then do not belong to it. `arrived_s` is the time when the
    reader got the frame, and `due_s` when it would come at its time, both by the monotonic clock. A
    full queue drops no frame before the next one is due.
    """

    time_s: float
    picture: Picture
    is_restart: bool = False
    arrived_s: float = float("nan")
    due_s: float = -math.inf


class FrameRateResampler:
    """Conversion of a source to `frame_rate_fps`, by time stamps alone.

    Model frame k is the first source frame at or after k / rate, to within a small tolerance. So
    frames of a faster source are skipped, those of a slower one are repeated, and uneven time
    stamps are followed.

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
        """Start again: the next frame is the first."""
        self._start_s = None

    def repeats(self, time_s: float) -> int:
        """Return the number of model frames that the source frame at `time_s` gives.

        Time that jumps back by more than a second starts again.
        """
        if self._start_s is None or time_s < self._last_s - _RESTART_S:
            self._start_s, self._num_given = time_s, 0

        self._last_s = time_s
        # Model frames that should exist by now, less those that exist.
        num_due = int((time_s - self._start_s) * self.frame_rate_fps + _TOLERANCE) + 1
        repeats = max(0, num_due - self._num_given)
        self._num_given += repeats
        return repeats


class DiscontinuityDetector:
    """Detection of discontinuities before a frame.

    There is one if the source reports an interruption, if time goes back by a second or more, after
    a gap, and if the size of the picture changes. A gap is longer than a second and than three
    model frames. Smaller steps back are jitter.

    >>> import numpy as np
    >>> detector = DiscontinuityDetector(frame_rate_fps=15.0)
    >>> black = np.zeros((4, 4, 3), np.uint8)
    >>> [detector.reason(TimedFrame(time_s, black)) for time_s in (0.0, 0.1, 0.5, 0.49, 3.5)]
    ['', '', '', '', 'a gap of 3.0 s']
    """

    def __init__(self, frame_rate_fps: float) -> None:
        self.max_gap_s = max(_RESTART_S, 3.0 / frame_rate_fps)
        self._last_s: float | None = None
        self._size: tuple[int, ...] = ()

    def reason(self, frame: TimedFrame) -> str:
        """Describe the discontinuity before a frame, or return an empty text if there is none."""
        last_s, size = self._last_s, self._size
        self._last_s, self._size = frame.time_s, frame.picture.shape[:2]
        if last_s is None:
            return ""

        step_s = frame.time_s - last_s
        if frame.is_restart:
            return "the source came back"
        # A step that is nan counts as going back.
        if step_s <= -_RESTART_S or math.isnan(step_s):
            return f"time went back by {-step_s:.1f} s"
        if step_s > self.max_gap_s:
            return f"a gap of {step_s:.1f} s"
        if size != self._size:
            return f"pictures of {size[1]}x{size[0]} became {self._size[1]}x{self._size[0]}"
        return ""

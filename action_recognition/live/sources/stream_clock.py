"""The times of frames from a network source, made from their time stamps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# Frames that came so far ahead of their times, and so much faster, are those of a file.
_AHEAD_S: Final = 1.0
_AHEAD_TIMES: Final = 4.0


class StreamClock:
    """The times of frames in seconds from the first, by their time stamps.

    If a time stamp is missing or jumps, the time between the arrivals counts. Frames without any
    stamp that arrive in a burst are `least_step_s` apart.

    >>> clock = StreamClock()
    >>> rows = [(7.0, 100.0), (7.5, 100.1), (99.0, 100.6), (None, 101.1)]
    >>> [clock.time_of(pts_s, arrival_s) for pts_s, arrival_s in rows]
    [(0.0, False), (0.5, False), (1.0, True), (1.5, False)]
    """

    # A larger difference between stamps and arrivals is a jump.
    _JUMP_S = 1.0

    def __init__(self, least_step_s: float = 0.0) -> None:
        self._least_step_s = least_step_s
        self._start_s = 0.0
        self._last_pts_s: float | None = None
        self._last_arrival_s = 0.0
        self._time_s: float | None = None

    def reconnected(self) -> None:
        """Forget the last time stamp: a new connection counts from its own start."""
        self._last_pts_s = None

    def time_of(self, pts_s: float | None, arrival_s: float) -> tuple[float, bool]:
        """Return the time of a frame in seconds, and True if its time stamp jumped."""
        step_s, torn = 0.0, False
        if self._time_s is None:
            self._start_s = arrival_s
        else:
            step_s, torn = self._step(pts_s, max(arrival_s - self._last_arrival_s, 0.0))
        self._time_s = (self._time_s or 0.0) + step_s
        self._last_arrival_s, self._last_pts_s = arrival_s, pts_s
        return round(self._time_s, 6), torn

    def _step(self, pts_s: float | None, arrived_s: float) -> tuple[float, bool]:
        """Return the seconds since the last frame, and True if the time stamp jumped.

        `arrived_s` is the time between the arrivals of both frames. It counts instead of a stamp
        that is missing or not plausible.
        """
        if pts_s is None or self._last_pts_s is None:
            # Time that ran ahead of the arrivals waits for them.
            ahead_s = (self._time_s or 0.0) - (self._last_arrival_s - self._start_s)
            least_s = self._least_step_s
            return (max(least_s, arrived_s - ahead_s) if least_s else arrived_s), False
        step_s = pts_s - self._last_pts_s
        # Frames may arrive late or in a burst. A stamp is wrong if it goes back or runs far ahead.
        is_sound = 0 < step_s <= max(self._JUMP_S, arrived_s + self._JUMP_S)
        return (step_s, False) if is_sound else (arrived_s, abs(step_s - arrived_s) > self._JUMP_S)


class Pace:
    """The pace of the frames of a connection, by their times and without the waits of the reader.

    `due_s` begins with the first frame.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start_s = self._resumed_s = clock()
        self._first_s: float | None = None
        # Seconds of film, and seconds that it took to get them.
        self._film_s = self._taken_s = 0.0

    @property
    def was_far_ahead(self) -> bool:
        """True if the frames came much faster than any live source gives them."""
        is_ahead = self._film_s - self._taken_s > _AHEAD_S
        return is_ahead and self._film_s > _AHEAD_TIMES * self._taken_s

    def due_s(self, time_s: float) -> float:
        """Return when a frame would come at its time, by the clock. `time_s` is its own."""
        now_s = self._clock()
        if self._first_s is None:
            self._first_s, self._start_s = time_s, now_s
        else:
            self._taken_s += now_s - self._resumed_s
        self._film_s = time_s - self._first_s
        return self._start_s + self._film_s

    def resumed(self) -> None:
        """Note that the reader has taken the frame and asks for the next one."""
        self._resumed_s = self._clock()

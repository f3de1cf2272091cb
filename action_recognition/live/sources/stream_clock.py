"""The times of frames from a network source, made from their time stamps."""

from __future__ import annotations


class StreamClock:
    """The times of frames in seconds from the first, by their time stamps.

    If a time stamp is missing or jumps, the time between the arrivals counts.

    >>> clock = StreamClock()
    >>> rows = [(7.0, 100.0), (7.5, 100.1), (99.0, 100.6), (None, 101.1)]
    >>> [clock.time_of(pts_s, arrival_s) for pts_s, arrival_s in rows]
    [(0.0, False), (0.5, False), (1.0, True), (1.5, False)]
    """

    # A larger difference between stamps and arrivals is a jump.
    _JUMP_S = 1.0

    def __init__(self) -> None:
        self._last_pts_s: float | None = None
        self._last_arrival_s = 0.0
        self._time_s: float | None = None

    def reconnected(self) -> None:
        """Forget the last time stamp: a new connection counts from its own start."""
        self._last_pts_s = None

    def time_of(self, pts_s: float | None, arrival_s: float) -> tuple[float, bool]:
        """Return the time of a frame in seconds, and True if its time stamp jumped."""
        step_s, torn = 0.0, False
        if self._time_s is not None:
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
            return arrived_s, False
        step_s = pts_s - self._last_pts_s
        # Frames may arrive late or in a burst. A stamp is wrong if it goes back or runs far ahead.
        is_sound = 0 < step_s <= max(self._JUMP_S, arrived_s + self._JUMP_S)
        return (step_s, False) if is_sound else (arrived_s, abs(step_s - arrived_s) > self._JUMP_S)

"""The times of frames from a network source, made from their time stamps."""

from __future__ import annotations


class StreamClock:
    """When frames are shown, in seconds from the first, out of their time stamps; where these are missing or jump, by arrival.

    >>> clock = StreamClock()
    >>> [clock.time_of(pts_s, arrival_s) for pts_s, arrival_s in ((7.0, 100.0), (7.5, 100.1), (99.0, 100.6), (None, 101.1))]
    [(0.0, False), (0.5, False), (1.0, True), (1.5, False)]
    """

    _JUMP_S = 1.0

    def __init__(self) -> None:
        self._last_pts_s: float | None = None
        self._last_arrival_s = 0.0
        self._time_s: float | None = None

    def reconnected(self) -> None:
        """The time stamps of before mean nothing any more."""
        self._last_pts_s = None

    def time_of(self, pts_s: float | None, arrival_s: float) -> tuple[float, bool]:
        """The frame's time, and whether its time stamp jumped."""
        step_s, torn = 0.0, False
        if self._time_s is not None:
            step_s, torn = self._step(pts_s, max(arrival_s - self._last_arrival_s, 0.0))
        self._time_s = (self._time_s or 0.0) + step_s
        self._last_arrival_s, self._last_pts_s = arrival_s, pts_s
        return round(self._time_s, 6), torn

    def _step(self, pts_s: float | None, arrived_s: float) -> tuple[float, bool]:
        """Return the seconds since the last frame, and whether the time stamp jumped.

        `arrived_s`: the seconds between the arrivals of both. They count where the stamp does not.
        """
        if pts_s is None or self._last_pts_s is None:
            return arrived_s, False
        step_s = pts_s - self._last_pts_s
        is_sound = 0 < step_s <= max(self._JUMP_S, arrived_s + self._JUMP_S)
        return (step_s, False) if is_sound else (arrived_s, abs(step_s - arrived_s) > self._JUMP_S)

"""The times at which the frames of a stream are shown, always rising."""

from __future__ import annotations

# Steps back up to this length are jitter. Longer ones begin a new count.
_RESTART_S = 0.5


class FrameClock:
    """Times in seconds of successive frames, the first at 0.

    A time stamp counts where it is after the last. A frame without one follows the one before it by
    `frame_s` seconds, and so does the first frame after stamps that start again. A stamp that is
    double or steps back a little follows by a tick.

    >>> clock = FrameClock(tick_s=0.01, frame_s=0.04)
    >>> [clock.time_of(stamp) for stamp in (207, 212, 212, None, 220, 2, 5)]
    [0.0, 0.05, 0.06, 0.1, 0.13, 0.17, 0.2]
    """

    def __init__(self, tick_s: float, frame_s: float) -> None:
        self._tick_s, self._frame_s = tick_s, frame_s
        # The stamp and time from which others are counted.
        self._origin: tuple[int, float] | None = None
        self._last_s: float | None = None

    def time_of(self, stamp: int | None) -> float:
        """Return the time of the next frame. `stamp` is in ticks."""
        self._last_s = self._next(stamp, self._last_s)
        return self._last_s

    def _next(self, stamp: int | None, last_s: float | None) -> float:
        follows_s = 0.0 if last_s is None else round(last_s + self._frame_s, 9)
        if stamp is None:
            return follows_s
        if self._origin is None or last_s is None:
            self._origin = (stamp, follows_s)
            return follows_s

        first, first_s = self._origin
        time_s = round(first_s + (stamp - first) * self._tick_s, 9)
        if time_s > last_s:
            return time_s
        if time_s < last_s - _RESTART_S:
            self._origin = (stamp, follows_s)
            return follows_s
        return round(last_s + self._tick_s, 9)

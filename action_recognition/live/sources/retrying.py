"""Attempts to open a lost source again, and the waits between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

# A source that stays away is tried less and less often.
_FIRST_WAIT_S: Final = 0.25
_LONGEST_WAIT_S: Final = 5.0
# A source that was there for so long counts as sound again.
_STEADY_S: Final = 10.0

Found = TypeVar("Found")


class Patience:
    """Waits between attempts, longer each time up to 5 s.

    They go on growing while the source comes back and is lost again within 10 s.
    The attempts end when one succeeds, when `give_up` is called, or after `limit_s` seconds.
    """

    def __init__(
        self,
        say: Callable[[str], None] = lambda _: None,
        limit_s: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._say, self._limit_s, self._clock = say, limit_s, clock
        self._over = threading.Event()
        # When the source was opened last, and the wait before the next attempt.
        self._back_s = clock()
        self._next_wait_s = 0.0
        # Waiting for the event ends at once when `give_up` sets it.
        self._wait = wait or self._over.wait

    @property
    def is_over(self) -> bool:
        """True once `give_up` was called."""
        return self._over.is_set()

    def give_up(self) -> None:
        """End the attempts and a wait between them. Any thread may call it."""
        self._over.set()

    def pause(self, wait_s: float) -> None:
        """Wait, unless patience is over or the time is not above 0."""
        if wait_s > 0 and not self.is_over:
            self._wait(wait_s)

    def again(self, name: str, attempt: Callable[[], Found | None]) -> Found | None:
        """Repeat `attempt` until it returns a result. Return that, or None if patience ends first.

        The first attempt comes at once, unless the source was lost within 10 s of its opening. The
        loss and the return of the source `name` are reported.
        """
        if not self.is_over:
            self._say(f"{name}: lost; trying again")

        start_s = self._clock()
        is_steady = start_s - self._back_s >= _STEADY_S
        self._next_wait_s = 0.0 if is_steady else max(_FIRST_WAIT_S, self._next_wait_s)
        while not self.is_over:
            self.pause(self._next_wait_s)
            self._next_wait_s = min(_LONGEST_WAIT_S, max(_FIRST_WAIT_S, self._next_wait_s * 2))
            found = None if self.is_over else attempt()
            if found is not None:
                self._back_s = self._clock()
                self._say(f"{name}: back after {self._back_s - start_s:.1f} s")
                return found
            if self._clock() - start_s > self._limit_s:
                self._say(f"{name}: not back after {self._limit_s:.0f} s, given up")
                return None
        return None

"""Trying again: how long to wait for a source that was lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

_FIRST_WAIT_S: Final = 0.25
_LONGEST_WAIT_S: Final = 5.0

Found = TypeVar("Found")


class Patience:
    """Waits between attempts, longer each time up to 5 s, until it works, `give_up` is called or `limit_s` have passed."""

    def __init__(
        self,
        say: Callable[[str], None] = lambda _: None,
        limit_s: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._say, self._limit_s, self._clock = say, limit_s, clock
        self._over = threading.Event()
        self._wait = wait or self._over.wait

    @property
    def is_over(self) -> bool:
        """Whether `give_up` was called."""
        return self._over.is_set()

    def give_up(self) -> None:
        """From any thread: no more attempts, a wait that goes on ends."""
        self._over.set()

    def again(self, name: str, attempt: Callable[[], Found | None]) -> Found | None:
        """What `attempt` gives when it works; None when it does not in time. Loss and return are said."""
        if not self.is_over:
            self._say(f"{name}: lost; trying again")
        start_s, wait_s = self._clock(), _FIRST_WAIT_S
        while not self.is_over:
            found = attempt()
            if found is not None:
                self._say(f"{name}: back after {self._clock() - start_s:.1f} s")
                return found
            if self._clock() - start_s > self._limit_s:
                self._say(f"{name}: not back after {self._limit_s:.0f} s, given up")
                return None
            self._wait(wait_s)
            wait_s = min(_LONGEST_WAIT_S, wait_s * 2)
        return None

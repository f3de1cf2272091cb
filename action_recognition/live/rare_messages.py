"""Messages of a long run: each kind is printed a few times, then rarely, with a count."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

# Messages that differ in their numbers alone are of one kind.
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")
_FIRST: Final = 10
_THEN_EVERY_S: Final = 60.0
# Kinds beyond this number count as one.
_MAX_KINDS: Final = 200


class RareMessages:
    """A printer of messages that may come for as long as a run lasts.

    The first 10 of a kind are printed, and then one a minute, which tells how many were left out.

    >>> lines = []
    >>> rare = RareMessages(lines.append, clock=iter([0.0] * 12 + [61.0]).__next__)
    >>> for number in range(13):
    ...     rare.say(f"lost {number}")
    >>> lines[9:]
    ['lost 9', 'lost 12 (2 more like this were left out)']
    """

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self._clock = say, clock
        self._counts: dict[str, int] = {}
        self._left_out: dict[str, int] = {}
        self._last_s: dict[str, float] = {}

    def say(self, message: str) -> None:
        """Print a message, or count it."""
        kind, now_s = _NUMBER.sub("#", message), self._clock()
        if kind not in self._counts and len(self._counts) >= _MAX_KINDS:
            kind = ""

        self._counts[kind] = self._counts.get(kind, 0) + 1
        is_rare = now_s - self._last_s.get(kind, float("-inf")) >= _THEN_EVERY_S
        if self._counts[kind] > _FIRST and not is_rare:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return

        left_out = self._left_out.pop(kind, 0)
        self._last_s[kind] = now_s
        self._say(f"{message} ({left_out} more like this were left out)" if left_out else message)

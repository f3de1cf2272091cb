"""The memory of what a source has shown, to notice that it shows the same film again.

A server that is asked again after a film has ended sends it from its start. No second of it may
count twice: each would repeat its events and start their commands again.
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import Final

# The beginnings are compared over so many packets.
_BEGINNING: Final = 3
# Beyond, every n-th packet is remembered. n doubles when there are more than this.
_MAX_MARKS: Final = 4096


class Sight(Enum):
    """A packet is new, was seen before, or could be either as long as too few have come."""

    NEW = "new"
    SEEN = "seen"
    UNDECIDED = "undecided"


class SeenFilm:
    """The packets of the longest connection to a film, by their number and sum.

    Memory stays bounded, however long the film is.
    """

    def __init__(self) -> None:
        self._marks: dict[int, int] = {}
        self._every, self._reached, self._count = 1, 0, 0
        # Pictures come out of a decoder later than their packets go in.
        self._num_reached = self._num_pictures = 0
        self._sight, self._is_again = Sight.NEW, False

    @property
    def has_ended_again(self) -> bool:
        """True if the connection began as the one before it and ended at the same packet."""
        return self._sight is not Sight.NEW and self._count == self._reached

    def connected(self) -> None:
        """Begin to compare: a new connection starts."""
        self._reached = max(self._reached, self._count)
        self._num_reached = max(self._num_reached, self._num_pictures)
        self._count = self._num_pictures = 0
        self._is_again = False
        self._sight = Sight.UNDECIDED if self._reached else Sight.NEW

    def look_at(self, data: bytes) -> Sight:
        """Take the next packet of the connection, and tell if it was seen before."""
        number = self._count
        self._count += 1
        if self._sight is Sight.NEW:
            self._remember(number, data)
            return Sight.NEW

        # The last packet before a connection broke may be cut off.
        is_last = number == self._reached - 1 and number >= _BEGINNING
        if is_last and number in self._marks:
            self._marks[number] = zlib.crc32(data)
        differs = not is_last and self._marks.get(number) not in (None, zlib.crc32(data))
        if number >= self._reached or differs:
            # Another film has another beginning. The same one may go on beyond its former end.
            self._is_again = number >= self._reached
            if not self._is_again:
                self._num_reached = 0
                self._marks = {
                    place: self._marks[place] for place in range(min(number, _BEGINNING))
                }
                self._every = 1
            self._reached, self._sight = 0, Sight.NEW
            self._remember(number, data)
        elif number + 1 >= min(_BEGINNING, self._reached):
            self._sight = Sight.SEEN
        return self._sight

    def is_new_picture(self) -> bool:
        """Count a picture of the connection. Return False if it was seen before."""
        self._num_pictures += 1
        is_again = self._is_again or self._sight is Sight.SEEN
        return not is_again or self._num_pictures > self._num_reached

    def _remember(self, number: int, data: bytes) -> None:
        if number >= _BEGINNING and number % self._every:
            return
        self._marks[number] = zlib.crc32(data)
        if len(self._marks) > _MAX_MARKS:
            self._every *= 2
            self._marks = {
                place: mark
                for place, mark in self._marks.items()
                if place < _BEGINNING or place % self._every == 0
            }

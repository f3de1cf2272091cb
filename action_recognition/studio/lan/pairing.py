"""Pairing with a phone: a token that is good for one visit, and the session that the visit gets."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

from action_recognition.errors import user_error

VALID_S: Final = 300.0
"""Seconds for which a token is good."""
MOST_WRONG: Final = 3
"""Wrong tokens that end the pairing, until a new one is offered."""
_BYTES: Final = 32


class Pairing:
    """One token at most, or the session of one phone. Only the thread of the server calls it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._token = self._session = ""
        self._until_s = 0.0
        self._num_wrong = 0

    def offer(self) -> str:
        """Return a new token, in place of an earlier one. Raises UserError: a phone is paired."""
        if self._session:
            raise user_error("phone", "one is connected already", fix="disconnect it first")
        self._token, self._num_wrong = secrets.token_urlsafe(_BYTES), 0
        self._until_s = self._clock() + VALID_S
        return self._token

    def redeem(self, token: str) -> str:
        """Return the session of whoever has the token, which is used up. Empty for others."""
        if not self.is_open:
            return ""
        if not _is_same(token, self._token):
            self._num_wrong += 1
            if self._num_wrong >= MOST_WRONG:
                self._token = ""
            return ""
        self._token, self._session = "", secrets.token_urlsafe(_BYTES)
        return self._session

    def knows(self, session: str) -> bool:
        """Return True for the session of the phone that is paired."""
        return bool(self._session) and _is_same(session, self._session)

    def end(self) -> None:
        """Forget the phone and the token."""
        self._token = self._session = ""

    @property
    def is_open(self) -> bool:
        """True while a token waits for its visit."""
        return bool(self._token) and self._clock() < self._until_s

    @property
    def is_paired(self) -> bool:
        """True from the visit of a phone on, until `end`."""
        return bool(self._session)


def _is_same(one: str, other: str) -> bool:
    """Compare in a time that says nothing of where they differ."""
    # A request may hold halves of a character pair, which have no plain UTF-8.
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode())

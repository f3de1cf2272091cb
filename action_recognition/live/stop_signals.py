"""Signals that ask a run to end with everything kept."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Final

from action_recognition.errors import SIGHUP, Terminated

# `timeout` and terminals send the same request to a process and to its group, within moments.
_SAME_REQUEST_S: Final = 2.0


class StopSignals:
    """SIGINT, SIGTERM and SIGHUP as a request to end, while the block lasts.

    Before `begin`, the first of them raises KeyboardInterrupt or Terminated, since there is nothing
    to keep. Afterwards it is only noted in `signum`. A second one after 2 s raises at once. Signals
    that the caller ignores, as `nohup` does, stay ignored.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._has_begun = False
        self._first_s = 0.0
        self._before: dict[int, Any] = {}

    @property
    def is_asked(self) -> bool:
        """True once a signal has asked the run to end."""
        return self.signum is not None

    def begin(self) -> None:
        """Only note signals from now on."""
        self._has_begun = True

    def raise_if_terminated(self) -> None:
        """Raise Terminated after SIGTERM or SIGHUP. Ctrl-C is the usual end of a live run."""
        if self.signum is not None and self.signum != signal.SIGINT:
            raise Terminated(self.signum)

    def __enter__(self) -> StopSignals:
        # Python handles signals in the main thread alone.
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM, SIGHUP):
                if signum is not None and signal.getsignal(signum) not in (signal.SIG_IGN, None):
                    self._before[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def _note(self, signum: int, frame: FrameType | None) -> None:
        now_s = time.monotonic()
        is_first = self.signum is None
        if is_first:
            self.signum, self._first_s = signum, now_s
        # The same request twice counts once.
        elif now_s - self._first_s < _SAME_REQUEST_S:
            return

        if not is_first or not self._has_begun:
            raise KeyboardInterrupt if signum == signal.SIGINT else Terminated(signum)

"""Signals that ask a run to end between two training steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class StopRequest:
    """SIGINT and SIGTERM as a request that the run looks at between two steps.

    A second signal ends the run at once, as Ctrl-C does.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Handle both signals. Outside the main thread, where Python forbids it, do nothing."""
        if threading.current_thread() is threading.main_thread():
            # The first handlers are kept, even if this is called again.
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._before.setdefault(signum, signal.getsignal(signum))
                signal.signal(signum, self._note)

    def restore(self) -> None:
        """Give the signals back to the handlers that had them."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _note(self, signum: int, frame: FrameType | None) -> None:
        # The second signal ends the run at once.
        if self.signum is not None:
            raise KeyboardInterrupt
        self.signum = signum

"""Signals that ask a run to end between two training steps."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

# A run that waits this long for the same batch after a signal is ended without it.
_PATIENCE_S = 10.0
_LOOK_EVERY_S = 0.5
# The file of PyTorch whose functions wait for workers.
_WAITING = "torch/utils/data/dataloader.py"


class StopRequest:
    """SIGINT and SIGTERM as a request that the run looks at between two steps.

    A second signal ends the run at once, as Ctrl-C does. So does a wait for one batch that lasts
    for ten seconds after the first one: the next step may never come.
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
        watch = threading.Thread(target=self._end_a_long_wait, args=(signum,), daemon=True)
        watch.start()

    def _end_a_long_wait(self, signum: int) -> None:
        """Repeat the signal once the main thread has waited too long for one batch."""
        waiting, since = _wait_for_a_batch(), time.monotonic()
        while self._before:
            time.sleep(_LOOK_EVERY_S)
            if (now := _wait_for_a_batch()) is None or now is not waiting:
                waiting, since = now, time.monotonic()
            elif time.monotonic() - since > _PATIENCE_S:
                signal.pthread_kill(threading.main_thread().ident or 0, signum)
                return


def _wait_for_a_batch() -> FrameType | None:
    """Return the call in which the main thread waits for workers, or None where it does not."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_code.co_filename.endswith(_WAITING) and frame.f_code.co_name == "_get_data":
            return frame
        frame = frame.f_back
    return None

"""Events as lines of JSON, for a file, standard output and clients."""

from __future__ import annotations

import io
import json
import os
import select
import stat
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from action_recognition.errors import user_error
from action_recognition.live.engine import StepResult

if TYPE_CHECKING:
    from action_recognition.hands.tracker import Handedness
    from action_recognition.live.hand_presence import HandEvent

STDOUT = "-"
# So much fits into a pipe that has room at all (POSIX: PIPE_BUF is 512 or more).
_AT_ONCE: Final = 512
_POLL_S: Final = 0.25
# A live source cannot wait for a reader for longer.
_LIVE_WAIT_S: Final = 5.0


def event_line(result: StepResult, hands: Sequence[Handedness] | None = None) -> str:
    """Return the event of a step as one line of JSON, without a line break.

    In seconds of the stream, `time_s` is when it was decided, and `start_s` when it began. `hands`
    are the sides of the hands that are followed, None where the model follows none.
    """
    # Only steps with an event come here.
    event = result.event
    assert event is not None
    fields: dict[str, object] = {
        "type": "gesture",
        "label": event.label,
        "time_s": round(event.time_s, 3),
        "start_s": round(event.start_s, 3),
        "probability": round(event.probability, 4),
        "repetition": event.repetition,
        "person": result.person,
        "stream": result.stream,
    }
    if hands is not None:
        fields["hands"] = list(hands)

    # Labels of any script stay readable.
    return json.dumps(fields, ensure_ascii=False)


def hand_event_line(event: HandEvent, stream: str) -> str:
    """Return a hand that has come or gone as one line of JSON, without a line break."""
    fields = {
        "type": "hand",
        "change": event.change,
        "hand": event.hand,
        "side": event.side,
        "time_s": round(event.time_s, 3),
        "since_s": round(event.since_s, 3),
        "stream": stream,
    }
    return json.dumps(fields, ensure_ascii=False)


class EventFile:
    """A file of lines (UTF-8) that can be read during the run. `-` is standard output.

    An existing file is overwritten. A line that does not fit on the disk is cut off again, so that
    the file ends whole.

    The reader of a pipe is waited for until `is_stopping`, with a live source for 5 s at most.
    Raises OSError from `write`, BrokenPipeError if the reader of a pipe has gone.
    """

    def __init__(
        self,
        target: str,
        is_stopping: Callable[[], bool] = lambda: False,
        is_live: bool = False,
    ) -> None:
        self._is_stopping = is_stopping
        self._limit_s = _LIVE_WAIT_S if is_live else float("inf")
        self._is_stdout = target == STDOUT
        self._descriptor = _stdout_descriptor() if self._is_stdout else _opened(Path(target))
        self._kind = 0 if self._descriptor is None else os.fstat(self._descriptor).st_mode

    def write(self, line: str) -> None:
        """Write a line at once."""
        # A caller has put something else in the place of stdout.
        if self._descriptor is None:
            print(line, flush=True)
            return

        data = memoryview(f"{line}\n".encode())
        size = os.fstat(self._descriptor).st_size if stat.S_ISREG(self._kind) else 0
        try:
            while data:
                self._wait_for_room(self._descriptor)
                data = data[os.write(self._descriptor, data[:_AT_ONCE]) :]
        except OSError:
            if stat.S_ISREG(self._kind) and not self._is_stdout:
                os.ftruncate(self._descriptor, size)
            raise

    def close(self) -> None:
        """Close the file. Standard output stays open."""
        if self._descriptor is not None and not self._is_stdout:
            os.close(self._descriptor)
            self._descriptor = None

    def _wait_for_room(self, descriptor: int) -> None:
        """Wait until a pipe takes more. Raises TimeoutError: its reader does not read."""
        if not stat.S_ISFIFO(self._kind) and not stat.S_ISSOCK(self._kind):
            return
        end_s = time.monotonic() + self._limit_s
        while not select.select([], [descriptor], [], _POLL_S)[1]:
            if self._is_stopping() or time.monotonic() > end_s:
                raise TimeoutError(0, "its reader does not read")


def _stdout_descriptor() -> int | None:
    """Return the number of standard output, None where it is no file of the system.

    Raises UserError: it is closed.
    """
    if sys.stdout is None:
        raise user_error("--events -", "standard output is closed", fix="name a file")
    with suppress(io.UnsupportedOperation):
        return sys.stdout.fileno()
    return None


def _opened(path: Path) -> int:
    """Open a file to write, emptied. A pipe is opened once somebody reads from it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)

"""Events as lines of JSON, for a file, standard output and clients."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO

from action_recognition.live.engine import StepResult

STDOUT = "-"


def event_line(result: StepResult) -> str:
    """Return the event of a step as one line of JSON, without a line break.

    In seconds of the stream, `time_s` is when it was decided, and `start_s` when it began.
    """
    # Only steps with an event come here.
    event = result.event
    assert event is not None
    fields = {
        "type": "gesture",
        "label": event.label,
        "time_s": round(event.time_s, 3),
        "start_s": round(event.start_s, 3),
        "probability": round(event.probability, 4),
        "repetition": event.repetition,
        "person": result.person,
        "stream": result.stream,
    }

    # Labels of any script stay readable.
    return json.dumps(fields, ensure_ascii=False)


class EventFile:
    """A file of lines that can be read during the run. `-` is standard output.

    An existing file is overwritten.
    """

    def __init__(self, target: str) -> None:
        self._file: IO[str] | None = None
        if target != STDOUT:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            self._file = Path(target).open("w", encoding="utf-8")  # noqa: SIM115

    def write(self, line: str) -> None:
        """Write a line and flush it."""
        print(line, file=self._file or sys.stdout, flush=True)

    def close(self) -> None:
        """Close the file. Standard output stays open."""
        if self._file:
            self._file.close()

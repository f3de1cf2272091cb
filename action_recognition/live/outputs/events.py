"""Events as lines of JSON: to a file, to standard output, to clients."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO

from action_recognition.live.engine import StepResult

STDOUT = "-"


def event_line(result: StepResult) -> str:
    """The event of a step as one line of JSON, without its end.

    `time_s` is when it was decided and `start_s` when it began to show, in seconds of the stream.
    """
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
    return json.dumps(fields, ensure_ascii=False)


class EventFile:
    """Lines that can be read while the run goes on; `-` is standard output. A file is begun anew."""

    def __init__(self, target: str) -> None:
        self._file: IO[str] | None = None
        if target != STDOUT:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            self._file = Path(target).open("w", encoding="utf-8")  # noqa: SIM115

    def write(self, line: str) -> None:
        print(line, file=self._file or sys.stdout, flush=True)

    def close(self) -> None:
        if self._file:
            self._file.close()

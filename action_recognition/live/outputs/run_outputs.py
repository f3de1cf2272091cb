"""The files of a run and its events, each guarded on its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from action_recognition.console import counted
from action_recognition.deploy.stream_models import Picture
from action_recognition.errors import Problem
from action_recognition.live.outputs.events import STDOUT, EventFile
from action_recognition.live.outputs.output_guard import OutputGuard
from action_recognition.live.outputs.prediction_table import PredictionTable
from action_recognition.live.outputs.recording import VideoRecorder

if TYPE_CHECKING:
    from action_recognition.live.outputs.event_clips import ClipFolders


class PlacedOutput(Protocol):
    """A file that appears at its place at the end."""

    path: Path
    is_kept: bool

    def close(self) -> None:
        """Put the file at its place."""
        ...

    def discard(self) -> None:
        """Give up the file."""
        ...


class RunOutputs:
    """Recording, table and events of a run. One that fails ends, and the others go on.

    `record` takes every picture with its time in seconds, if there is a recording.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.guards: list[OutputGuard] = []
        self.record: Callable[[Picture, float], None] | None = None
        self._files: list[tuple[OutputGuard, PlacedOutput]] = []
        self._events: list[tuple[OutputGuard, str]] = []
        self._clips: ClipFolders | None = None

    def add_recording(self, recorder: VideoRecorder) -> None:
        """Add a recording."""
        guard = self._guard(f"--output {recorder.path}")
        self._files.append((guard, recorder))
        self.record = guard.around(recorder.write)

    def add_table(self, table: PredictionTable) -> Callable[..., None]:
        """Add a table of predictions. Return the call that adds a row."""
        guard = self._guard(f"--csv {table.path}")
        self._files.append((guard, table))
        return guard.around(table.add)

    def add_events(self, target: str, file: EventFile) -> Callable[[str], None]:
        """Add a file of events. Return the call that adds a line."""
        guard = self._guard(f"--events {target}")
        self._events.append((guard, target))
        return guard.around(file.write)

    def add_clips(self, root: Path) -> OutputGuard:
        """Return a guard for the films of events in a folder. `keep_clips` takes them."""
        return self._guard(f"--keep-events {root}")

    def keep_clips(self, clips: ClipFolders) -> None:
        """Finish these films with the other outputs."""
        self._clips = clips

    @property
    def are_all_over(self) -> bool:
        """True if there were outputs, and each of them has failed."""
        return bool(self.guards) and all(guard.is_over for guard in self.guards)

    @property
    def have_lost_reader(self) -> bool:
        """True if the reader of an output has gone."""
        return any(guard.lost_reader for guard in self.guards)

    @property
    def problems(self) -> list[Problem]:
        """All that went wrong."""
        return [problem for guard in self.guards for problem in guard.problems]

    def close(self, keep: bool) -> None:
        """Put the files at their places, or give them up without `keep`. May be called again."""
        if self._clips is not None:
            self._clips.close()
        for guard, file in self._files:
            if keep:
                guard.around(file.close)()
            else:
                file.discard()

    def report(self) -> None:
        """Name the files that were written."""
        for guard, file in self._files:
            if not guard.is_over:
                self._say(f"wrote {file.path}")
            elif file.is_kept:
                self._say(f"wrote {file.path}, without its end")
        if self._clips is not None and self._clips.num_written:
            films = counted(self._clips.num_written, "film")
            self._say(f"wrote {films} of events into {self._clips.root}")
        for guard, target in self._events:
            if target != STDOUT and not guard.is_over:
                self._say(f"wrote {target}")

    def _guard(self, name: str) -> OutputGuard:
        self.guards.append(OutputGuard(name, self._say))
        return self.guards[-1]

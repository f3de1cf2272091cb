"""Long work of the studio: one job at a time, with its commands, its progress and its end."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from action_recognition.errors import user_error
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.studio.learner import Learned
from action_recognition.studio.project import Project

_LINES: Final = 8  # of output that the page shows


@dataclass
class Job:
    """A job as the page shows it."""

    name: str
    commands: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    state: str = "running"  # running, done, failed or stopped
    folder: str = ""

    def plain(self) -> dict[str, Any]:
        """Return the job for the page."""
        return vars(self) | {"lines": self.lines[-_LINES:]}


class Jobs:
    """Runs one job in a thread. `changed` is called when there is something new to show."""

    def __init__(self, project: Project, tools: Path, changed: Callable[[], None]) -> None:
        self.project, self.tools, self._changed = project, tools, changed
        self.current: Job | None = None
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def export(self, learned: Learned) -> None:
        """Export the model that was learned quickly, beside the project."""
        job = self._begin("Take it along")
        folder = self._beside("model")
        job.folder = str(folder)

        def work() -> None:
            """Write the folder, which holds the program that runs it."""
            export_model(learned.model.trained, folder, ExportOptions(), job.lines.append)
            job.lines.append(f"python {shlex.quote(str(folder / 'run.py'))}")

        self._start(job, work)

    def train(self) -> None:
        """Build a model of the project by `tools/build_model.py`. Stopped, it goes on later."""
        job = self._begin("Full training")
        folder = self._beside("trained")
        job.folder = str(folder / "export")
        command = self.build_command(folder)
        job.commands = [shlex.join(command)]
        self._start(job, lambda: self._run(job, command))

    def build_command(self, folder: Path) -> list[str]:
        """Return the command that imports the project, trains, measures and exports."""
        script, root = self.tools / "build_model.py", self.project.root.resolve()
        return [sys.executable, str(script), str(root), "--output", str(folder)]

    def stop(self) -> None:
        """End the job that runs, as Ctrl-C would."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()
            if self.current is not None and self.current.state == "running":
                self.current.state = "stopped"

    def _run(self, job: Job, command: Sequence[str]) -> None:
        job.lines.append(f"$ {shlex.join(command)}")
        with self._lock:
            if job.state != "running":
                return
            # The command is that of `build_command`, as a list: no shell reads it.
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                job.lines.append(line.rstrip()[:300])
                self._changed()
        if self._process.wait() and job.state == "running":
            raise user_error("command", f"ended with code {self._process.returncode}")

    def _beside(self, kind: str) -> Path:
        """Return a folder beside the project: inside it would be a gesture."""
        root = self.project.root.resolve()
        return root.with_name(f"{root.name}_{kind}")

    def _begin(self, name: str) -> Job:
        with self._lock:
            if self.current is not None and self.current.state == "running":
                raise user_error("studio", f"{self.current.name} is running", fix="wait for it")
            # A training that was stopped saves its work first.
            if self._process is not None and self._process.poll() is None:
                raise user_error("studio", "a stopped command is ending", fix="try again soon")
            self.current = Job(name)
            return self.current

    def _start(self, job: Job, work: Callable[[], None]) -> None:
        def run() -> None:
            """Do the work, and keep its error for the page."""
            try:
                work()
                job.state = "done" if job.state == "running" else job.state
            # Whatever went wrong is shown.
            except Exception as error:
                job.state = "failed"
                job.lines.append(str(error) or type(error).__name__)
            self._changed()

        threading.Thread(target=run, name="job", daemon=True).start()
        self._changed()

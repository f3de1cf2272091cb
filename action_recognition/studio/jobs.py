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
from action_recognition.files import write_text
from action_recognition.studio.learner import Learned
from action_recognition.studio.project import NO_GESTURE, Project

_LINES: Final = 8  # of output that the page shows
_PROGRAM: Final = '''"""Print the gestures of a camera: python recognise.py [CAMERA OR FILE]"""

import sys
from pathlib import Path

import cv2

from action_recognition.deploy import open_stream_model
from action_recognition.live.engine import StreamEngine
from action_recognition.live.frame_times import TimedFrame

source = sys.argv[1] if len(sys.argv) > 1 else "0"
video = cv2.VideoCapture(int(source) if source.isdigit() else source)
engine = StreamEngine(open_stream_model(Path(__file__).with_name("model.xml")))
while True:
    is_there, picture = video.read()
    if not is_there:
        break
    time_s = cv2.getTickCount() / cv2.getTickFrequency()
    if not source.isdigit():
        time_s = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
    for step in engine.push(TimedFrame(time_s, picture[:, :, ::-1].copy())):
        if step.event:
            print(f"{step.event.time_s:7.1f} s  {step.event.label}", flush=True)
'''


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
            """Write the folder, and a program that runs it."""
            export_model(learned.model.trained, folder, ExportOptions(), job.lines.append)
            write_text(folder / "recognise.py", _PROGRAM)
            job.lines.append(f"python {shlex.quote(str(folder / 'recognise.py'))}")

        self._start(job, work)

    def train(self) -> None:
        """Train the full recipe by the commands of the clone, and export it."""
        job = self._begin("Full training")
        folder = self._beside("trained")
        job.folder = str(folder / "export")
        commands = self.recipe(folder)
        job.commands = [shlex.join(command) for command in commands]
        self._start(job, lambda: self._run_all(job, commands))

    def recipe(self, folder: Path) -> list[list[str]]:
        """Return the commands of the full recipe, which work in `folder`."""
        python, data, work = sys.executable, folder / "data", folder / "work"
        template = self.tools.parent / "model_templates/hand_landmarks/hand-landmarks-teachable"
        root = str(self.project.root)
        return [
            [
                *(python, str(self.tools / "data/import_clips.py"), root),
                *("--output", str(data), "--negative-label", NO_GESTURE),
            ],
            [python, str(self.tools / "instantiate_template.py"), str(template), str(work)],
            [
                *(python, str(work / "train.py")),
                *("--train-ann-files", str(data / "train.txt"), "--train-data-roots", root),
                *("--val-ann-files", str(data / "val.txt"), "--val-data-roots", root),
            ],
            [
                *(python, str(work / "export.py")),
                *("--load-weights", str(work / "outputs/best.pth")),
                *("--save-model-to", str(folder / "export")),
            ],
        ]

    def stop(self) -> None:
        """End the job that runs, as Ctrl-C would."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()
            if self.current is not None and self.current.state == "running":
                self.current.state = "stopped"

    def _run_all(self, job: Job, commands: Sequence[Sequence[str]]) -> None:
        for command in commands:
            if job.state != "running":
                return
            job.lines.append(f"$ {shlex.join(command)}")
            with self._lock:
                # The commands are those of `recipe`, as lists: no shell reads them.
                self._process = subprocess.Popen(  # noqa: S603
                    command,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                )
            assert self._process.stdout is not None
            for line in self._process.stdout:
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

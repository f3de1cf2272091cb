"""Everything behind the page: the project, what learns from it, the camera and long jobs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from action_recognition.data.video import count_frames
from action_recognition.errors import user_error
from action_recognition.hands.networks import HandNetworks
from action_recognition.studio.camera_session import CameraSession
from action_recognition.studio.clip_facts import THUMBNAIL_FRAMES, ClipReader
from action_recognition.studio.jobs import Jobs
from action_recognition.studio.learner import LEAST_CLIPS, Learner, default_template
from action_recognition.studio.project import CLIP_SUFFIXES, NO_GESTURE, Clip, Project
from action_recognition.studio.recording import Take, recover
from action_recognition.template import load_template_dir

_MOST_SHOWN: Final = 5000

Change = tuple[tuple[str, ...], Callable[..., Any]]


class Studio:
    """A project that is open. `root` is the clone, whose commands train in full.

    Raises UserError: the networks of hands are missing, the folder is no project, or another studio
    has it open.
    """

    def __init__(self, folder: Path, root: Path, num_threads: int | None = None) -> None:
        # Before anything is written: without them nothing works.
        camera, clips = HandNetworks(None, num_threads), HandNetworks(None, num_threads)
        self.project = Project(folder)
        # What lies there unfinished may be the work of a studio that runs.
        self.project.hold()
        self.recovered = recover(self.project)
        shutil.rmtree(self.project.state_folder / "upload", ignore_errors=True)
        template, _ = load_template_dir(default_template(root))
        reader = ClipReader(clips, self.project.state_folder / "thumbnails")
        self.learner = Learner(self.project, reader, template, self._tell)
        self.session = CameraSession(self.project, camera)
        self.jobs = Jobs(self.project, root / "tools", self._tell)
        self._say_changed: Callable[[], None] = lambda: None

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to learn. `changed` is called whenever the page should look again."""
        self._say_changed = changed
        self.learner.start()

    def close(self) -> None:
        """End the threads and the job that runs."""
        self.jobs.stop()
        self.learner.close()
        self.project.release()

    @property
    def changes(self) -> dict[str, Change]:
        """The changes that the page can ask for: the texts that each needs, and what does it."""
        project = self.project
        return {
            "add-gesture": (("name",), self._then_learn(project.add_gesture)),
            "rename-gesture": (("old", "new"), self._then_learn(project.rename_gesture)),
            "remove-gesture": (("name",), self._then_learn(project.remove_gesture)),
            "remove-clip": (("file",), self._then_learn(project.remove_clip)),
            "move-clip": (("file", "label"), self._then_learn(project.move_clip)),
            "undo": ((), self._then_learn(project.undo)),
            "export": ((), self._export),
            "train": ((), self.jobs.train),
            "stop": ((), self.jobs.stop),
        }

    def _then_learn(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: str) -> Any:
            """Change the project, and learn anew."""
            result = change(*arguments)
            self.learner.wake()
            return result

        return changed

    def _export(self) -> None:
        if self.learner.learned is None:
            found = "nothing is taught yet"
            fix = f"record {LEAST_CLIPS} clips of two gestures"
            raise user_error("export", found, fix=fix)
        self.jobs.export(self.learner.learned)

    def added(self, clip: Clip) -> None:
        """Learn from a clip that was added."""
        self.learner.wake()

    def checked_suffix(self, name: str) -> str:
        """Return the suffix of a file's name. Raises UserError: no video file or photo."""
        suffix = Path(name).suffix.lower()
        if suffix not in CLIP_SUFFIXES:
            found = f"{name[:80]!r} is no video file and no photo"
            raise user_error("file", found, ", ".join(sorted(CLIP_SUFFIXES)))
        return suffix

    def upload_folder(self) -> Path:
        """Return the folder for files that are not whole yet."""
        folder = self.project.state_folder / "upload"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def take_upload(self, part: Path, take: Take) -> Clip:
        """Make a clip of an uploaded file. Raises UserError: it cannot be read."""
        count_frames(part)
        path = self.project.new_clip(take.label, take.person, take.session, part.suffix)
        part.replace(path)
        clip = self.project.added(path, take.person, take.session)
        self.added(clip)
        return clip

    def plain(self) -> dict[str, Any]:
        """Return everything that the page shows."""
        learned, job = self.learner.learned, self.jobs.current
        clips = self.project.clips()[:_MOST_SHOWN]
        return {
            "name": self.project.root.resolve().name,
            "folder": str(self.project.root.resolve()),
            "no_gesture": NO_GESTURE,
            "least_clips": LEAST_CLIPS,
            "thumbnail_frames": THUMBNAIL_FRAMES,
            "gestures": self.project.gestures,
            "clips": [self._plain_clip(clip) for clip in clips],
            "learned": None if learned is None else learned.plain(),
            "busy": self.learner.is_busy,
            "error": self.learner.error,
            "job": None if job is None else job.plain(),
        }

    def _plain_clip(self, clip: Clip) -> dict[str, Any]:
        facts, learned = self.learner.facts.get(clip.file), self.learner.learned
        badges = list(facts.badges) if facts else []
        if clip.file in self.learner.unreadable:
            badges.append("cannot be read")
        taken_for = learned.taken_for(clip.file) if learned else ""
        if taken_for and taken_for != clip.label:
            badges.append(f"like {taken_for}")
        return {
            "file": clip.file,
            "label": clip.label,
            "person": clip.person,
            "session": clip.session,
            "seconds": round(facts.seconds, 1) if facts else 0,
            "ready": facts is not None,
            "badges": badges,
        }

    def _tell(self) -> None:
        self._say_changed()

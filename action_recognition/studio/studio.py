"""Everything behind the page: the project, what learns from it, the camera and long jobs."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from action_recognition.data.video import count_frames
from action_recognition.errors import user_error
from action_recognition.hands.networks import HandNetworks, network_paths
from action_recognition.studio.actions import GestureActions
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

    `commands` are the programs that gestures may start, by their names.

    Raises UserError: the networks of hands are missing, the folder is no project, or another studio
    has it open.
    """

    def __init__(
        self,
        folder: Path,
        root: Path,
        num_threads: int | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        # Before anything is written: without them nothing works.
        network_paths(None)
        self.project = Project(folder)
        # What lies there unfinished may be the work of a studio that runs.
        self.project.hold()
        camera, clips = HandNetworks(None, num_threads), HandNetworks(None, num_threads)
        self.recovered = recover(self.project)
        shutil.rmtree(self.project.state_folder / "upload", ignore_errors=True)
        template, _ = load_template_dir(default_template(root))
        reader = ClipReader(clips, self.project.state_folder / "thumbnails")
        self.actions = GestureActions(self.project, commands or {}, self._tell)
        session = self.session = CameraSession(self.project, camera, self.actions.react)
        self.learner = Learner(
            self.project, reader, template, self._tell, lambda: session.is_recording
        )
        self.jobs = Jobs(self.project, root / "tools", self._tell)
        self._say_changed: Callable[[], None] = lambda: None
        # A page may stay open while the studio is started again.
        self._token = secrets.token_hex(4)

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to learn. `changed` is called whenever the page should look again."""
        self._say_changed = changed
        self.learner.start()

    def close(self) -> None:
        """End the threads and the job that runs."""
        self.jobs.stop()
        self.actions.close()
        self.learner.close()
        self.project.release()

    @property
    def changes(self) -> dict[str, Change]:
        """The changes that the page can ask for: the texts that each needs, and what does it."""
        project = self.project
        return {
            "add-gesture": (("name",), self._then_learn(self._add)),
            "rename-gesture": (("old", "new"), self._then_learn(self._rename)),
            "remove-gesture": (("name",), self._then_learn(project.remove_gesture)),
            "remove-clip": (("file",), self._then_learn(project.remove_clip)),
            "move-clip": (("file", "label"), self._then_learn(project.move_clip)),
            "undo": ((), self._then_learn(self._undo)),
            "export": ((), self._export),
            "train": ((), self.jobs.train),
            "stop": ((), self.jobs.stop),
            "set-action": (("gesture", "kind", "value"), self.actions.set),
            "switch-actions": (("on",), self.actions.switch),
        }

    def _then_learn(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: str) -> Any:
            """Change the project, and learn anew."""
            result = change(*arguments)
            self.learner.wake()
            return result

        return changed

    def _add(self, name: str) -> str:
        added = self.project.add_gesture(name)
        # A gesture of that name may have been there before.
        self.actions.forget(added)
        return added

    def _undo(self) -> Any:
        before = set(self.project.gestures)
        undone = self.project.undo()
        gone, back = before - set(self.project.gestures), set(self.project.gestures) - before
        # A name in place of another one was a renaming.
        if len(gone) == len(back) == 1:
            self.actions.renamed(gone.pop(), back.pop())
        return undone

    def _rename(self, old: str, new: str) -> str:
        name = self.project.rename_gesture(old, new)
        self.actions.renamed(old, name)
        return name

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

    def plain(self, known: str = "") -> dict[str, Any]:
        """Return everything that the page shows, without the clips where it knows this version."""
        learned, job = self.learner.learned, self.jobs.current
        # Read before the clips are: what changes meanwhile is another version.
        version = f"{self._token}-{self.learner.version}-{self.project.version()}"
        shown: dict[str, Any] = {"version": version}
        if version != known:
            # A page of more clips than that would be slow, and nobody looks at all of them.
            clips = self.project.clips()[:_MOST_SHOWN]
            shown["clips"] = [self._plain_clip(clip) for clip in clips]
        return shown | {
            "name": self.project.root.resolve().name,
            "folder": str(self.project.root.resolve()),
            "no_gesture": NO_GESTURE,
            "least_clips": LEAST_CLIPS,
            "thumbnail_frames": THUMBNAIL_FRAMES,
            "gestures": self.project.gestures,
            "learned": None if learned is None else learned.plain(),
            "busy": self.learner.is_busy,
            "error": self.learner.error,
            "job": None if job is None else job.plain(),
            "actions": self.actions.plain(),
        }

    def _plain_clip(self, clip: Clip) -> dict[str, Any]:
        facts, learned = self.learner.facts.get(clip.file), self.learner.learned
        # Until a clip has been looked at, it has neither facts nor badges.
        badges = list(facts.badges) if facts else []
        if clip.file in self.learner.unreadable:
            badges.append("cannot be read")
        # By a model that did not see this clip.
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

"""A short film of each event, in a folder for each label: what fired wrongly becomes training data.

Pictures of the last seconds wait as JPEG. A thread of its own encodes the films. Only when many
wait does recognition wait for it.
"""

from __future__ import annotations

import contextlib
import json
import queue
import re
import threading
import unicodedata
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import av

from action_recognition.errors import user_error
from action_recognition.live.decision import GestureEvent
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.outputs.output_guard import OutputGuard
from action_recognition.live.outputs.recording import VideoRecorder

NEGATIVE_FOLDER: Final = "no gesture"
"""Folder of denied events where the model has no label for them."""
RECORD_FILE: Final = "films.jsonl"
_BEFORE_S: Final = 0.5
_AFTER_S: Final = 0.5
_LONGEST_S: Final = 4.0
_JPEG_QUALITY: Final = 92
_MAX_CLIPS: Final = 1000
_MAX_WAITING: Final = 8
_NO_NAME_OF_A_FOLDER: Final = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


@dataclass(frozen=True, slots=True)
class _Kept:
    time_s: float
    jpeg: bytes


@dataclass
class _Clip:
    """The film of one event. It is written once its last frame has come."""

    event: GestureEvent
    path: Path
    frames: list[_Kept] = field(default_factory=list)


class ClipFolders:
    """The folders of a run, and the thread that writes into them. All streams share one.

    `guard` ends the output once something cannot be written, and says so. Raises OSError: the
    folder cannot be made.
    """

    def __init__(
        self,
        root: Path,
        labels: Sequence[str],
        negative_label: str | None,
        guard: OutputGuard,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.root, self.num_written, self._guard = root, 0, guard
        self.streams: list[EventClips] = []
        self.negative = negative_label or NEGATIVE_FOLDER
        self._names = _folder_names([*labels, self.negative])
        self._stem = f"{datetime.now():%Y%m%d-%H%M%S}"  # for people
        self._num_clips = 0
        self._say = say
        self._work: queue.Queue[Callable[[], None] | None] = queue.Queue(_MAX_WAITING)
        root.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._run, name="event clips", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """True once something could not be written."""
        return self._guard.is_over

    def new_path(self, label: str) -> Path | None:
        """Return a free place for a clip of that label, None once there are too many."""
        self._num_clips += 1
        if self._num_clips > _MAX_CLIPS:
            if self._num_clips == _MAX_CLIPS + 1:
                self._say(f"--keep-events: {_MAX_CLIPS} films are kept, and no more of this run")
            return None
        return self.root / self._names[label] / f"{self._stem}_{self._num_clips:03d}.mp4"

    def submit(self, work: Callable[[], None]) -> None:
        """Do this in the thread, after what was submitted before."""
        self._work.put(self._guard.around(work))

    def write(self, path: Path, frames: Sequence[_Kept], event: GestureEvent) -> None:
        """Write a film and its line of the record. Called in the thread."""
        from action_recognition.data.photo import decode_photo

        rate_fps = _rate_fps([frame.time_s for frame in frames])
        recorder = VideoRecorder(path, rate_fps, "--keep-events")
        try:
            for frame in frames:
                picture = decode_photo(frame.jpeg, path.name)
                recorder.write(picture, frame.time_s - frames[0].time_s)
            recorder.close()
        except av.FFmpegError as error:
            # What no guard takes for a fault of the disk would end the thread.
            raise user_error(str(path), f"cannot be written ({error})") from None
        finally:
            recorder.discard()
        self.num_written += 1

        # Without the folder, since people move films to where they belong.
        line = {"clip": path.name, **asdict(event)}
        with (self.root / RECORD_FILE).open("a", encoding="utf-8") as record:
            record.write(json.dumps(line, ensure_ascii=False) + "\n")

    def to_negatives(self, path: Path) -> Path:
        """Return the place of a clip among those that show no gesture."""
        return self.root / self._names[self.negative] / path.name

    def close(self) -> None:
        """Finish the films of all streams, and wait until they are written."""
        for stream in self.streams:
            stream.end()
        if self._thread.is_alive():
            self._work.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class EventClips:
    """The films of the events of one stream.

    A film lasts from half a second before the event began, four seconds before the decision at
    most, until half a second after it.
    """

    def __init__(self, folders: ClipFolders) -> None:
        self._folders = folders
        folders.streams.append(self)
        self._recent: deque[_Kept] = deque()
        self._open: list[_Clip] = []
        self._last: _Clip | None = None

    def add(self, frame: TimedFrame) -> None:
        """Take the next frame of the stream, before its events."""
        from action_recognition.data.photo import encoded_picture

        # Once a disk is full, nothing more is kept for it.
        if self._folders.is_over:
            return
        kept = _Kept(frame.time_s, encoded_picture(frame.picture, ".jpg", _JPEG_QUALITY))
        self._recent.append(kept)
        while kept.time_s - self._recent[0].time_s > _LONGEST_S:
            self._recent.popleft()
        for clip in list(self._open):
            clip.frames.append(kept)
            if kept.time_s >= clip.event.time_s + _AFTER_S:
                self._finish(clip)

    def note(self, event: GestureEvent) -> None:
        """Begin the film of an event of the newest frame."""
        path = self._folders.new_path(event.label)
        if path is None:
            self._last = None
            return
        begin_s = event.start_s - _BEFORE_S
        frames = [kept for kept in self._recent if kept.time_s >= begin_s]
        self._last = _Clip(event, path, frames)
        self._open.append(self._last)

    def deny(self) -> Path | None:
        """Put the last film among those that show no gesture. Return its place, if there is one."""
        clip, self._last = self._last, None
        if clip is None or self._folders.is_over:
            return None
        before, clip.path = clip.path, self._folders.to_negatives(clip.path)
        if clip not in self._open:
            after = clip.path
            self._folders.submit(lambda: _move(before, after))
        return clip.path

    def end(self) -> None:
        """Finish the films that have begun, at a discontinuity and at the end of the source."""
        for clip in list(self._open):
            self._finish(clip)
        self._recent.clear()

    def _finish(self, clip: _Clip) -> None:
        self._open.remove(clip)
        path = clip.path
        self._folders.submit(lambda: self._folders.write(path, clip.frames, clip.event))


def _move(before: Path, after: Path) -> None:
    after.parent.mkdir(parents=True, exist_ok=True)
    # Somebody who sorts the films meanwhile may have taken it.
    with contextlib.suppress(FileNotFoundError):
        before.replace(after)


def _rate_fps(times_s: Sequence[float]) -> float:
    span_s = times_s[-1] - times_s[0] if times_s else 0.0
    return (len(times_s) - 1) / span_s if span_s > 0 else 30.0


def _folder_names(labels: Sequence[str]) -> dict[str, str]:
    """Return a folder name for each label, all different.

    >>> _folder_names(["stop", "Stop", "yes/no", "yes:no"])
    {'stop': 'stop', 'Stop': 'Stop 2', 'yes/no': 'yes_no', 'yes:no': 'yes_no 2'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in dict.fromkeys(labels):
        plain = _NO_NAME_OF_A_FOLDER.sub("_", label).strip(" .") or "label"
        number, name = 1, plain
        while _as_disks_see(name) in taken:
            number += 1
            name = f"{plain} {number}"
        taken.add(_as_disks_see(name))
        names[label] = name
    return names


def _as_disks_see(name: str) -> str:
    """Return what a disk may take two names for one by: capitals and forms of letters."""
    return unicodedata.normalize("NFC", name).casefold()

"""A project on disk: a folder for each gesture, and a table of all clips.

    PROJECT/wave/anna_kitchen_0001.mp4
    PROJECT/metadata.csv: file,label,person,session,time

That is the form which `tools/data/import_clips.py` takes. Clips are written beside their place and
renamed, so each is whole or absent. What is deleted waits in `.studio/trash` for an undo.
"""

from __future__ import annotations

import csv
import datetime
import io
import os
import re
import secrets
import threading
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from action_recognition.data.photo import PHOTO_SUFFIXES
from action_recognition.data.photo_kinds import VIDEO_SUFFIXES
from action_recognition.errors import UserError, user_error
from action_recognition.files import write_text
from action_recognition.partials import take_file
from action_recognition.photos.store import HEADER, TABLE_FILE, can_be_folder

NO_GESTURE: Final = "no gesture"
STATE_FOLDER: Final = ".studio"
LOCK_FILE: Final = "lock"
MAX_GESTURES: Final = 500
_PERSON: Final = re.compile(r"[\w-]{1,40}")
CLIP_SUFFIXES: Final = VIDEO_SUFFIXES | PHOTO_SUFFIXES


@dataclass(frozen=True)
class Clip:
    """A clip: its path below the project with `/`, its gesture, and who is in it when."""

    file: str
    label: str
    person: str = ""
    session: str = ""
    time: str = ""


class Project:
    """The gestures and clips of a folder. Several threads may call it.

    Raises UserError: a folder that cannot be one, or a table with other columns.
    """

    def __init__(self, root: Path) -> None:
        if root.exists() and not root.is_dir():
            raise user_error(str(root), "is a file", fix="name a folder")
        self.root, self._lock = root, threading.RLock()
        self.state_folder = root / STATE_FOLDER
        (root / NO_GESTURE).mkdir(parents=True, exist_ok=True)
        self._facts = {clip.file: clip for clip in _read_table(root / TABLE_FILE)}
        self._undo: list[tuple[str, list[tuple[Path, Path]], list[Clip]]] = []
        self._held: int | None = None
        # Paths of clips that are being written.
        self._promised: set[Path] = set()
        self._num_changes = 0

    def hold(self) -> None:
        """Keep other processes from this project, until `release` or the end of this one.

        Raises UserError: another process, which it names, holds the project.
        """
        self.state_folder.mkdir(exist_ok=True)
        file = self.state_folder / LOCK_FILE
        self._held = take_file(file)
        if self._held is None:
            holder = file.read_text(encoding="utf-8")[:100] or "another process"
            found = f"is open in another studio ({holder})"
            raise user_error(str(self.root), found, fix="end that one, or name another folder")
        os.write(self._held, f"process {os.getpid()}".encode())

    def release(self) -> None:
        """Let other processes open the project."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    @property
    def gestures(self) -> list[str]:
        """The names of the gestures in the order of the alphabet, `no gesture` last."""
        names = {path.name for path in self.root.iterdir() if _is_gesture(path)}
        return [*sorted(names - {NO_GESTURE}), NO_GESTURE]

    def version(self) -> str:
        """Return a text that is another one once clips have changed, by whomever.

        Folders state when a file in them was added, renamed or removed last.
        """
        with self._lock:
            folders = [(name, (self.root / name).stat().st_mtime_ns) for name in self.gestures]
            return f"{self._num_changes}-{zlib.crc32(repr(folders).encode()):08x}"

    def clips(self, label: str | None = None) -> list[Clip]:
        """Return the clips of one gesture or of all, by what lies in the folders."""
        with self._lock:
            names = self.gestures if label is None else [label]
            return [self._facts_of(file, name) for name in names for file in self._files(name)]

    def path_of(self, file: str) -> Path:
        """Return the path of a clip. Raises UserError: the project has no such clip."""
        folder, _, name = file.partition("/")
        # Compared with what is there, so that no path leads anywhere else.
        is_there = folder in self.gestures and name in {path.name for path in self._paths(folder)}
        if not is_there:
            raise user_error("clip", f"there is no {file[:120]!r} in this project")
        return self.root / folder / name

    def check_gesture(self, name: str) -> str:
        """Return the gesture of that name. Raises UserError: there is none."""
        if name not in self.gestures:
            raise user_error("gesture", f"there is no {name[:120]!r} in this project")
        return name

    def add_gesture(self, name: str) -> str:
        """Make the folder of a new gesture, and return its name as it was written.

        Raises UserError: a name that no folder can have, one that is taken, or too many.
        """
        with self._lock:
            name = self._free_name(name)
            if len(self.gestures) >= MAX_GESTURES:
                raise user_error("gesture", f"there are {MAX_GESTURES} already", f"{MAX_GESTURES}")
            (self.root / name).mkdir()
            self._undo.append((f"adding {name}", [(self.root / name, self._trash(name))], []))
            return name

    def rename_gesture(self, old: str, new: str) -> str:
        """Rename a gesture with its clips. Raises UserError as `add_gesture`."""
        with self._lock:
            self._check_mine(old)
            new = self._free_name(new, other_than=old)
            if new == old:
                return new
            moved = [
                replace(clip, file=f"{new}/{Path(clip.file).name}", label=new)
                for clip in self.clips(old)
            ]
            self._move([(self.root / old, self.root / new)], moved, f"renaming {old}")
            return new

    def remove_gesture(self, name: str) -> None:
        """Put a gesture with its clips into the trash."""
        with self._lock:
            self._check_mine(name)
            clips = self.clips(name)
            self._move([(self.root / name, self._trash(name))], [], f"deleting {name}", clips)

    def remove_clip(self, file: str) -> None:
        """Put a clip into the trash."""
        with self._lock:
            path = self.path_of(file)
            gone = [self._facts_of(file, path.parent.name)]
            self._move([(path, self._trash(path.name))], [], "deleting a clip", gone)

    def move_clip(self, file: str, label: str) -> str:
        """Move a clip to another gesture, and return its new path below the project."""
        with self._lock:
            path, label = self.path_of(file), self.check_gesture(label)
            clip = self._facts_of(file, path.parent.name)
            target = self._new_path(label, clip.person, clip.session, path.suffix)
            moved = f"{label}/{target.name}"
            self._move([(path, target)], [replace(clip, file=moved, label=label)], "moving a clip")
            return moved

    def undo(self) -> str:
        """Take back the last change, and return its name. The text is empty where there is none.

        Raises UserError: files were moved or made by others meanwhile. That change stays, and the
        next undo takes back the one before it.
        """
        with self._lock:
            if not self._undo:
                return ""
            name, moves, clips = self._undo.pop()
            _check_moves(name, moves)
            for source, target in reversed(moves):
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target)
            self._facts |= {clip.file: clip for clip in clips}
            self._write_table()
            return name

    def new_clip(self, label: str, person: str, session: str, suffix: str) -> Path:
        """Return a path for a clip, to be written atomically, then given to `added`.

        No other call returns the same path.
        """
        with self._lock:
            self.check_gesture(label)
            person, session = checked_person(person), checked_person(session)
            path = self._new_path(label, person, session, suffix)
            self._promised.add(path)
            return path

    def added(self, path: Path, person: str, session: str) -> Clip:
        """Put a clip that was written into the table."""
        with self._lock:
            self._promised.discard(path)
            file = path.relative_to(self.root).as_posix()
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            clip = Clip(file, path.parent.name, person, session, now)
            self._facts[file] = clip
            self._write_table()
            self._undo.append(("adding a clip", [(path, self._trash(path.name))], []))
            return clip

    def _move(
        self,
        moves: Sequence[tuple[Path, Path]],
        now: Sequence[Clip],
        name: str,
        before: Sequence[Clip] | None = None,
    ) -> None:
        """Rename files or folders, and note how to take that back."""
        old = [clip for source, _ in moves for clip in self._below(source)]
        for source, target in moves:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        self._facts |= {clip.file: clip for clip in now}
        self._write_table()
        back = [(target, source) for source, target in moves]
        self._undo.append((name, back, list(before or old)))

    def _below(self, path: Path) -> list[Clip]:
        file = path.relative_to(self.root).as_posix()
        return [clip for name, clip in self._facts.items() if f"{name}/".startswith(f"{file}/")]

    def _check_mine(self, name: str) -> None:
        """Raise UserError for `no gesture`, which stays, and for a gesture that is not there."""
        self.check_gesture(name)
        if name == NO_GESTURE:
            raise user_error("gesture", f"{NO_GESTURE!r} stays: it says what is none of the others")

    def _free_name(self, name: str, other_than: str = "") -> str:
        name = unicodedata.normalize("NFC", name).strip()
        if not can_be_folder(name):
            allowed = "letters of any script, digits, blanks, - and _, up to 100 bytes"
            raise user_error("gesture", f"{name[:60]!r} cannot be the name of a folder", allowed)
        taken = {other.casefold() for other in self.gestures if other != other_than}
        if name.casefold() in taken:
            raise user_error("gesture", f"there is a gesture {name!r} already")
        return name

    def _new_path(self, label: str, person: str, session: str, suffix: str) -> Path:
        """Return the path of the next clip of a person and session."""
        start = "_".join(part for part in (person, session) if part) or "clip"
        pattern = re.compile(rf"{re.escape(start)}_(\d+)")
        promised = [path for path in self._promised if path.parent.name == label]
        taken = [*self._paths(label), *promised]
        matches = (pattern.fullmatch(path.stem) for path in taken)
        number = 1 + max((int(match[1]) for match in matches if match), default=0)
        return self.root / label / f"{start}_{number:04d}{suffix}"

    def _trash(self, name: str) -> Path:
        """Return a place in the trash that stays free: its folder has a name of its own."""
        return self.state_folder / "trash" / secrets.token_hex(8) / name

    def _paths(self, label: str) -> list[Path]:
        paths = (self.root / label).iterdir()
        return sorted(path for path in paths if _is_clip(path))

    def _files(self, label: str) -> list[str]:
        return [f"{label}/{path.name}" for path in self._paths(label)]

    def _facts_of(self, file: str, label: str) -> Clip:
        return self._facts.get(file, Clip(file, label))

    def _write_table(self) -> None:
        """Write the table of the clips that are there."""
        self._num_changes += 1
        self._facts = {clip.file: clip for clip in self.clips()}
        text = io.StringIO(newline="")
        rows = [
            (clip.file, clip.label, clip.person, clip.session, clip.time)
            for clip in self._facts.values()
        ]
        csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
        write_text(self.root / TABLE_FILE, text.getvalue(), newline="")


def checked_person(name: str) -> str:
    """Return the name of a person or session. Raises UserError: a file name cannot hold it."""
    name = unicodedata.normalize("NFC", name).strip().replace(" ", "-")
    if not _PERSON.fullmatch(name) or "_" in name:
        allowed = "1 to 40 letters of any script, digits and -"
        raise user_error("person and session", f"found {name[:60]!r}", allowed)
    return name


def _check_moves(name: str, moves: Sequence[tuple[Path, Path]]) -> None:
    """Raise UserError: a file or folder is gone, or another one is in its place."""
    for source, target in moves:
        if not source.exists():
            raise user_error("undo", f"{name} cannot be taken back: {source} is gone")
        # A disk may take names that differ in case for the same one.
        if target.exists() and not target.samefile(source):
            found = f"{name} cannot be taken back: {target} is there"
            raise user_error("undo", found, fix="move it away")


def _is_gesture(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not path.name.startswith(".")


def _is_clip(path: Path) -> bool:
    is_medium = path.suffix.lower() in CLIP_SUFFIXES and not path.name.startswith(".")
    return is_medium and path.is_file() and not path.is_symlink()


def _read_table(file: Path) -> list[Clip]:
    """Read the rows of a table. Raises UserError: it cannot be read, or has other columns."""
    if not file.is_file():
        return []
    try:
        rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found = f"cannot be read ({type(error).__name__})"
        raise UserError(user_error(str(file), found, fix="move it away").problems) from None
    if not rows or tuple(rows[0]) != HEADER:
        found = f"has the columns {','.join(rows[0]) if rows else ''}"
        raise user_error(str(file), found, ",".join(HEADER), "move it away, or name another folder")
    return [Clip(*row) for row in rows[1:] if len(row) == len(HEADER)]

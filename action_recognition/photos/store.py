"""Photos on disk: a folder for each class, and a table of all photos.

    FOLDER/one/anna_kitchen_0001.jpg
    FOLDER/metadata.csv: file,label,person,session,time

A file name states person and session. A run that is cut off loses nothing that it has saved.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2

from action_recognition.data.photo import PHOTO_SUFFIXES, Photo
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.files import write_bytes

TABLE_FILE: Final = "metadata.csv"
HEADER: Final = ("file", "label", "person", "session", "time")
JPEG_QUALITY: Final = 95
# No underscore, which separates person and session in a file name.
_NAME = re.compile(r"[A-Za-z0-9-]{1,40}")
# Person, session and number of a photo that this toolkit took.
_PHOTO = re.compile(r"([A-Za-z0-9-]{1,40})_([A-Za-z0-9-]{1,40})_\d{4,}")
# Names of devices in Windows.
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Session:
    """The person in the photos, and the session: another day, light or clothes are another one.

    Raises UserError: a name that a file name cannot hold.
    """

    person: str
    session: str

    def __post_init__(self) -> None:
        allowed = "1 to 40 letters, digits and -, such as anna or kitchen-2"
        problems = [
            Problem(f"--{name}", f"found {value!r}", allowed)
            for name, value in vars(self).items()
            if not _NAME.fullmatch(value)
        ]
        if problems:
            raise UserError(problems)


class PhotoStore:
    """The photos of one session in a folder that may hold those of other sessions.

    Raises UserError: classes that cannot name folders, or a table with other columns.
    """

    def __init__(self, root: Path, classes: Sequence[str], session: Session) -> None:
        _check_classes(classes)
        if root.exists() and not root.is_dir():
            raise user_error(str(root), "is a file", fix="name a folder")
        self.root, self.classes, self.session = root, tuple(classes), session
        self._rows = _read_table(root / TABLE_FILE)
        self._add_missing_rows()
        self._taken: list[Path] = []
        self._numbers = {label: self._last_number(label) for label in classes}

    @property
    def num_taken(self) -> int:
        """Number of photos of this run, without those that were removed."""
        return len(self._taken)

    def counts(self) -> dict[str, int]:
        """Count the photos of each class on disk, of all sessions."""
        return {label: sum(1 for _ in _photos(self.root / label)) for label in self.classes}

    def session_counts(self) -> dict[str, int]:
        """Count the photos of each class of this person and session, by the table."""
        mine = (self.session.person, self.session.session)
        here = Counter(row[1] for row in self._rows if (row[2], row[3]) == mine)
        return {label: here[label] for label in self.classes}

    def save(self, photo: Photo, label: str) -> Path:
        """Write a photo (H, W, 3) uint8 RGB and its line of the table. Return its file.

        The file is complete or absent, even if the run is cut off.
        """
        self._numbers[label] += 1
        person, session = self.session.person, self.session.session
        name = f"{person}_{session}_{self._numbers[label]:04d}.jpg"
        file = self.root / label / name

        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        written, data = cv2.imencode(".jpg", photo[:, :, ::-1], quality)
        assert written
        write_bytes(file, data.tobytes())

        # The photo is written first: its number counts as used even if the table lacks its line.
        time = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        row = [file.relative_to(self.root).as_posix(), label, person, session, time]
        self._write_table([*self._rows, row])
        self._taken.append(file)
        return file

    def undo(self) -> str | None:
        """Remove the last photo of this run. Return its class, or None if there is none."""
        if not self._taken:
            return None

        file = self._taken.pop()
        name = file.relative_to(self.root).as_posix()
        # The table first: it must not name a file that is gone.
        self._write_table([row for row in self._rows if row[0] != name])
        file.unlink(missing_ok=True)

        label = file.parent.name
        self._numbers[label] = self._last_number(label)
        return label

    def _add_missing_rows(self) -> None:
        """Add the lines of photos that a run took and could not enter before it was cut off."""
        known = {row[0] for row in self._rows}
        rows = []
        for label in self.classes:
            for file in sorted(_photos(self.root / label)):
                name, match = file.relative_to(self.root).as_posix(), _PHOTO.fullmatch(file.stem)
                if name not in known and match:
                    taken = datetime.datetime.fromtimestamp(file.stat().st_mtime, datetime.UTC)
                    rows.append([name, label, *match.groups(), taken.isoformat(timespec="seconds")])
        if rows:
            self._write_table([*self._rows, *rows])

    def _last_number(self, label: str) -> int:
        """Return the highest number of this person and session.

        It is taken from the files, since the table may lack the last one.
        """
        pattern = re.compile(
            rf"{re.escape(self.session.person)}_{re.escape(self.session.session)}_(\d+)"
        )
        matches = (pattern.fullmatch(file.stem) for file in _photos(self.root / label))
        return max((int(match[1]) for match in matches if match), default=0)

    def _write_table(self, rows: list[list[str]]) -> None:
        """Replace the table by these rows."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
        write_bytes(self.root / TABLE_FILE, text.getvalue().encode())
        self._rows = rows


def _photos(folder: Path) -> list[Path]:
    """Return the photos in a folder, none if it does not exist. Hidden files are skipped."""
    if not folder.is_dir():
        return []
    return [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in PHOTO_SUFFIXES and not file.name.startswith(".")
    ]


def _read_table(file: Path) -> list[list[str]]:
    """Read the rows below the header. Lines that were cut off are left out.

    Raises UserError: a file that cannot be read, or a table with other columns.
    """
    if not file.exists():
        return []
    fix = "move it away, or name another folder"
    try:
        rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found = f"cannot be read ({type(error).__name__})"
        raise user_error(str(file), found, fix=fix) from None

    if not rows or tuple(rows[0]) != HEADER:
        found = f"has the columns {','.join(rows[0]) if rows else ''}"
        raise user_error(str(file), found, ",".join(HEADER), fix)
    return [row for row in rows[1:] if len(row) == len(HEADER)]


def _check_classes(classes: Sequence[str]) -> None:
    """Raise a UserError that names all problems of the classes together."""
    where, problems = "--classes", []
    if not 1 <= len(classes) <= 9:
        problems.append(Problem(where, f"names {len(classes)} classes", "1 to 9, a key for each"))

    allowed = "letters, digits, blanks, - and _"
    problems += [
        Problem(where, f"{name!r} cannot be the name of a folder", allowed)
        for name in classes
        if not can_be_folder(name)
    ]

    # Some file systems ignore case, or the form in which an accent is written.
    folded = Counter(unicodedata.normalize("NFC", name).casefold() for name in classes)
    problems += [
        Problem(where, f"{name!r} is given twice") for name, count in folded.items() if count > 1
    ]
    if problems:
        raise UserError(problems)


def can_be_folder(name: str) -> bool:
    """Return True for a name that a folder can have on every system.

    It has no separators, control characters, or leading or trailing dots and blanks, and it is not
    the name of a Windows device.
    """
    good = name == name.strip() and bool(name) and len(name.encode()) <= 100 and name.isprintable()
    return (
        good
        and not name.startswith(".")
        and not name.endswith(".")
        and not set(name) & set('/\\:*?"<>|')
        and not _RESERVED.fullmatch(name)
    )

"""Read EgoGesture: films of six scenes by 50 people, and a table of the gestures of each film.

    images/Subject01/Scene1/Color/rgb1/000001.jpg    or   Subject01/Scene1/Color/rgb1.avi
    images/Subject01/Scene1/Depth/depth1/...
    labels-final-revised1/subject01/Scene1/Group1.csv: class, first and last frame, all from 1

Source: Y. Zhang et al., "EgoGesture" (IEEE Transactions on Multimedia, 2018), its download page,
and github.com/ahmetgunduz/Real-time-GesRec, utils/ego_prepare.py. The films have 30 frames per
second. The split of the paper is by people.
"""

from __future__ import annotations

import re
from pathlib import Path

from action_recognition.data.dataset_files import Split
from action_recognition.data.tables import Row, read_table
from action_recognition.dataset_tools.importing.class_numbers import (
    class_index_files,
    read_class_index,
)
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Frames
from action_recognition.dataset_tools.importing.media_walk import walk_media
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import user_error

_RATE_FPS = 30.0
_TABLE = re.compile(r"subject(\d+)/scene(\d+)/group(\d+)\.csv", re.IGNORECASE)
# rgb1 of Color and depth1 of Depth are films of one group.
_FILM = re.compile(r"subject(\d+)/scene(\d+)/(color|depth)/(?:rgb|depth)(\d+)", re.IGNORECASE)
_VAL = frozenset({1, 7, 12, 13, 24, 29, 33, 34, 35, 37})
_TEST = frozenset({2, 9, 11, 14, 18, 19, 28, 31, 41, 47})
_NUM_PEOPLE = 50
Group = tuple[int, int, int]
"""Subject, scene and number of a film."""


def egogesture_tables(source: Path) -> dict[Path, Group]:
    """Return the tables of gestures, with subject, scene and number."""
    if not source.is_dir():
        return {}
    found = {}
    for file in side_files(source, ".csv"):
        match = _TABLE.fullmatch("/".join(file.parts[-3:]))
        if match:
            found[file] = (int(match[1]), int(match[2]), int(match[3]))
    return found


def read_egogesture(source: Path, options: SourceOptions) -> Found:
    """Read the gestures of the color films (or --modality depth), with the people's split.

    Classes are named by an index of classes where there is one, else by their numbers.
    """
    tables = egogesture_tables(source)
    if not tables:
        allowed = "labels-final-revised1/subject01/Scene1/Group1.csv and its like"
        raise user_error(str(source), "holds no table of EgoGesture", allowed)

    found = Found(options.clips or source, folder_rate_fps=_RATE_FPS)
    films = _films(found, (options.modality or "color").lower())
    names = next(map(read_class_index, class_index_files(source)), {})
    for file, group in tables.items():
        for row in read_table(file).rows:
            _add_row(found, films.get(group), names, group, row)
    if names:
        used = {clip.label for clip in found.clips}
        found.classes = [name for _, name in sorted(names.items()) if name in used]
    return found


def _films(found: Found, modality: str) -> dict[Group, str]:
    """Return the paths of the films of a modality. Say how many others are passed over."""
    films: dict[Group, str] = {}
    others = 0
    # The rest of the set's files are no films.
    for path, problem in walk_media(found.data_root):
        match = None if problem else _FILM.search(path)
        if match is None:
            continue
        if match[3].lower() == modality:
            films.setdefault((int(match[1]), int(match[2]), int(match[4])), path)
        else:
            others += 1
    if others:
        found.warnings.append(
            f"the {modality} films are taken; {others} others are not read (--modality)"
        )
    return films


def _add_row(found: Found, path: str | None, names: dict[int, str], group: Group, row: Row) -> None:
    cells = [cell.strip() for cell in row.cells[:3]]
    name = "Subject{:02d}, scene {}, group {}".format(*group)

    # Rows that cannot be used are left out with their reason.
    if len(cells) < 3 or not all(map(str.isdecimal, cells)):
        found.leave_out(row.where, path or name, "is no row of class, first and last frame")
    elif path is None:
        found.leave_out(row.where, name, "its film is missing")
    else:
        number, start, end = map(int, cells)
        clip = FoundClip(
            path=path,
            label=names.get(number, str(number)),
            where=row.where,
            split=_split(group[0]),
            person=f"subject{group[0]:02d}",
            span=Frames(start - 1, end),
        )
        found.clips.append(clip)


def _split(subject: int) -> Split | None:
    """Return the part of the paper's split in which a person is, None for an unknown person."""
    if not 1 <= subject <= _NUM_PEOPLE:
        return None
    if subject in _VAL:
        return "val"
    return "test" if subject in _TEST else "train"

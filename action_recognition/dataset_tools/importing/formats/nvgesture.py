"""Read NVGesture: several films of each of 1,532 gestures, and two lists.

    path:./Video_data/class_01/subject13_r0 depth:sk_depth:138:218 color:sk_color:138:218 \
duo_left:duo_left:161:254 label:1

Source: the lists nvgesture_{train,test}_correct_cvpr2016_v2.lst and the reading example of the
set's download. Labels count from 1, frames from 0, and the last frame is not part of the gesture.
Films have 30 frames per second.
"""

from __future__ import annotations

import re
from pathlib import Path

from action_recognition.data.tables import read_text
from action_recognition.dataset_tools.importing.class_numbers import (
    class_index_files,
    read_class_index,
)
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Frames
from action_recognition.dataset_tools.importing.listed_media import ListedMedia
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import user_error

_RATE_FPS = 30.0
_LINE = re.compile(r"path:(\S+)\s+(.*\s)?label:(\d+)\s*")
_FILM = re.compile(r"(\w+):([\w.-]+):(\d+):(\d+)")
_PERSON = re.compile(r"(subject\d+)")
# Folders of frames that usual scripts make of a film.
_ENDINGS = (".avi", "", "_all", ".mp4")


def nvgesture_lists(source: Path) -> list[Path]:
    """Return the .lst files whose first line is one of NVGesture."""
    files = side_files(source, ".lst", ".txt")
    return [file for file in files if file.suffix.lower() in (".lst", ".txt") and _is_list(file)]


def _is_list(file: Path) -> bool:
    with file.open("rb") as opened:
        first = opened.readline(2000).decode("utf-8", errors="replace")
    return _LINE.fullmatch(first.strip()) is not None


def read_nvgesture(source: Path, options: SourceOptions) -> Found:
    """Read the color films (or --modality depth, duo_left, ...), with the split of the lists.

    Classes are named by an index of classes where there is one, else as their folders, class_01.
    """
    lists = nvgesture_lists(source)
    if not lists:
        allowed = "nvgesture_train_correct_cvpr2016_v2.lst and its like"
        raise user_error(str(source), "holds no list of NVGesture", allowed)
    folder = source if source.is_dir() else source.parent
    texts = {file: read_text(file)[0].splitlines() for file in lists}
    paths = [match[1] for lines in texts.values() for line in lines if (match := _LINE.match(line))]
    media = ListedMedia(folder, paths, options)
    found = Found(media.root, folder_rate_fps=_RATE_FPS)

    names = next(map(read_class_index, class_index_files(source)), {})
    for file, lines in texts.items():
        for number, line in enumerate(lines, start=1):
            if line.strip():
                _add_line(found, line.strip(), f"{file}:{number}", names, options)
    found.warnings += _modality_note(texts, options)
    return found


def _add_line(
    found: Found, text: str, where: str, names: dict[int, str], options: SourceOptions
) -> None:
    match = _LINE.fullmatch(text)
    if match is None:
        found.leave_out(where, "", "is no line of path, films and label")
        return
    modality = (options.modality or "color").lower()
    films = {film[1].lower(): film for film in _FILM.finditer(match[2] or "")}
    folder, number = match[1].removeprefix("./"), int(match[3])
    # The right camera and the disparity have the frames of the left one.
    frames = films.get(modality) or (films.get("duo_left") if "duo" in modality else None)
    if frames is None:
        found.leave_out(where, folder, f"has no film {modality!r}; it has {', '.join(films)}")
        return

    name = frames[2] if frames[1].lower() == modality else modality
    path = _path_of(found.data_root, f"{folder}/{name}")
    if path is None:
        found.leave_out(where, f"{folder}/{name}.avi", "its film is missing")
        return
    person = _PERSON.search(folder)
    clip = FoundClip(
        path=path,
        label=names.get(number, f"class_{number:02d}"),
        where=where,
        split=named_split(Path(where.rpartition(":")[0])),
        person=person[1] if person else None,
        span=Frames(int(frames[3]), int(frames[4])),
    )
    found.clips.append(clip)


def _path_of(root: Path, path: str) -> str | None:
    """Return the path of a film, or of the folder of its frames."""
    return next((path + ending for ending in _ENDINGS if (root / (path + ending)).exists()), None)


def _modality_note(texts: dict[Path, list[str]], options: SourceOptions) -> list[str]:
    if options.modality is not None:
        return []
    kinds = {
        film[1] for lines in texts.values() for line in lines[:1] for film in _FILM.finditer(line)
    }
    others = ", ".join(sorted(kinds - {"color"}))
    return [f"the color films are taken; --modality takes others ({others})"] if others else []

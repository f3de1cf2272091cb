"""Names of classes by their number: index files, and the folders in which clips lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from action_recognition.data.tables import read_text
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.errors import Problem, UserError, user_error

# classInd.txt, classIndAll.txt, classIdx.txt, wlasl_class_list.txt, label_map.txt, category.txt
_INDEX_NAME = re.compile(
    r"(.*[_-])?(class_?ind|class_?idx|class_?list|class_?names|label_?map|categor(y|ies))\w*",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(\d{1,6})[\s,;]+(\S.*)")
_PROBLEMS_SHOWN = 5


class NumberedClip(NamedTuple):
    """A clip of a list: its path, the number of its class if it has one, and its place."""

    path: str
    number: int | None
    where: str


def class_index_files(source: Path) -> list[Path]:
    """Return the files of a source that are named for an index of classes."""
    folder = source if source.is_dir() else source.parent
    return [file for file in side_files(folder, ".txt") if _INDEX_NAME.fullmatch(file.stem)]


def read_class_index(file: Path) -> dict[int, str]:
    """Return the names by number of lines `1 ApplyEyeMakeup`, in their order.

    Lines without numbers are counted from 0. A heading is passed over.
    Raises UserError: a number has two names, or a name has two numbers.
    """
    lines = [line.strip() for line in read_text(file)[0].split("\n") if line.strip()]
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    # The first line may be a heading such as id,label.
    if matches and matches[0] is None and len(matches) > 1 and all(matches[1:]):
        matches = matches[1:]
    if not all(matches):
        return dict(enumerate(lines))

    pairs = [(int(match[1]), match[2].strip()) for match in matches if match]
    names = dict(pairs)
    if len(names) < len(pairs) or len(set(names.values())) < len(names):
        found = "has a number or a name twice"
        raise user_error(str(file), found, "one line for each class: its number and its name")
    return names


def folder_of(path: str) -> str:
    """Return the name of the folder in which a clip lies, empty for none.

    >>> folder_of("Archery/v_Archery_g01_c01.avi")
    'Archery'
    """
    return PurePosixPath(path).parent.name


def names_by_folders(clips: Sequence[NumberedClip]) -> dict[int, str] | None:
    """Return the names of numbers from the folders of clips, None where they do not tell them.

    They do where each number has one folder, and each folder one number.
    """
    pairs = {(clip.number, folder_of(clip.path)) for clip in clips if clip.number is not None}
    numbers, folders = {number for number, _ in pairs}, {folder for _, folder in pairs}
    if not pairs or "" in folders or not len(numbers) == len(folders) == len(pairs):
        return None
    # One folder of one class may be any folder.
    if len(folders) == 1:
        return None
    return {number: folder for number, folder in sorted(pairs) if number is not None}


def shifted_to(
    names: Mapping[int, str], clips: Sequence[NumberedClip], first: int | None
) -> dict[int, str]:
    """Return the names by the numbers that the clips have.

    Lists often count from 0 beside an index that counts from 1, or the other way round. `first`
    is the number of the first class where the user states it. Otherwise the folders of the clips
    decide, then the numbers themselves.
    """
    lowest = min(names, default=0)
    if first is not None:
        return {number - lowest + first: name for number, name in names.items()}

    used = {clip.number for clip in clips if clip.number is not None}
    shifts = sorted({0, -lowest, 1 - lowest}, key=abs)
    known = set(names.values())
    told = [clip for clip in clips if clip.number is not None and folder_of(clip.path) in known]
    for shift in shifts:
        moved = {number + shift: name for number, name in names.items()}
        fits = all(moved.get(clip.number or 0) == folder_of(clip.path) for clip in told)
        if fits and (told or used <= moved.keys()):
            return moved
    return dict(names)


def check_names(names: Mapping[int, str], clips: Iterable[NumberedClip]) -> None:
    """Check that no number contradicts the folder of its clip.

    Raises UserError: it does.
    """
    known, problems = set(names.values()), []
    for clip in clips:
        folder = folder_of(clip.path)
        name = None if clip.number is None else names.get(clip.number)
        if name is not None and folder in known and folder != name:
            found = f"class {clip.number} is {name!r}, and the clip lies in {folder!r}"
            fix = "correct the number, or the index of the classes"
            problems.append(Problem(clip.where, found, fix=fix))

    hidden = len(problems) - _PROBLEMS_SHOWN
    if hidden > 0:
        problems = [*problems[:_PROBLEMS_SHOWN], Problem("labels", f"and {hidden} more like these")]
    if problems:
        raise UserError(problems)

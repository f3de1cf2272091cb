"""Read lists of UCF101, Kinetics, TSN and their like: a clip a line, with a number of its class.

    Archery/v_Archery_g01_c01.avi           class by the folder (UCF101, test lists)
    Archery/v_Archery_g01_c01.avi 3         class
    Archery/v_Archery_g01_c01 164 2         frames, class (TSN, TSM, MMAction2)
    Subject01/Scene1/Color/rgb1 12 100 140  class, first and last frame from 1
    video_1 99 41 12                        first frame from 0, frames, class (MMAction2)

Source: www.crcv.ucf.edu/data/UCF101.php (train/test splits); github.com/open-mmlab/mmaction2,
docs, "Prepare Dataset"; github.com/ahmetgunduz/Real-time-GesRec, README (the fourth form).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from action_recognition.data.dataset_files import Split
from action_recognition.data.labels import CLASSES_FILE
from action_recognition.dataset_tools.importing.class_numbers import (
    NumberedClip,
    check_names,
    class_index_files,
    folder_of,
    names_by_folders,
    read_class_index,
    shifted_to,
)
from action_recognition.dataset_tools.importing.formats.list_lines import Line, read_lines
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Frames
from action_recognition.dataset_tools.importing.listed_media import ListedMedia
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import user_error

# Columns behind the path.
_FORMS: dict[int, tuple[tuple[str, ...], ...]] = {
    0: ((),),
    1: (("label",),),
    2: (("frames", "label"), ("label", "frames")),
    3: (("label", "start", "end"), ("start", "frames", "label")),
}
COLUMN_CHOICES = tuple(",".join(("path", *form)) for forms in _FORMS.values() for form in forms)
_LOOKED_AT = 200
_NUMBER = re.compile(r"split[_-]?(\d+)|list(\d+)|(\d+)$", re.IGNORECASE)
_SPLIT_WORD = re.compile(r"(train|valid|val|test)(ation|ing)?(list)?", re.IGNORECASE)


def class_lists(source: Path) -> list[Path]:
    """Return the lists of these forms that are named for a split, or the source itself."""
    files = side_files(source, ".txt", ".csv", ".lst")
    if source.is_dir():
        files = [file for file in files if named_split(file) and len(read_lines(file)) > 0]
    return files


def is_class_lists(source: Path) -> bool:
    """Return True for lists of these forms.

    They have an index of classes, or two or three numbers a line, or each number has a folder of
    its own.
    """
    index_files = class_index_files(source)
    lists = [file for file in class_lists(source) if file not in index_files]
    lines = [line for file in lists for line in read_lines(file)]
    forms = {len(line.numbers) for line in lines}
    if not forms:
        return False
    if index_files or forms <= {2, 3}:
        return True

    # Lists of this toolkit have their names beside them.
    if forms != {1} or any((file.parent / CLASSES_FILE).exists() for file in lists):
        return False
    clips = [NumberedClip(line.path, line.numbers[0], line.where) for line in lines]
    return names_by_folders(clips) is not None


def read_class_lists(source: Path, options: SourceOptions) -> Found:
    """Read the clips of lists, with the split that a list is named for.

    Raises UserError: there is no list, its columns are not known, or a number contradicts the
    folder of its clip.
    """
    folder = source if source.is_dir() else source.parent
    index_files = class_index_files(source)
    lists, notes = _chosen_lists(
        [file for file in class_lists(source) if file not in index_files], options
    )
    lines = {file: read_lines(file) for file in lists}
    if not any(lines.values()):
        allowed = "lists named for a split, as trainlist01.txt, with a path and numbers a line"
        raise user_error(str(source), "holds no list of this format", allowed)

    media = ListedMedia(folder, [line.path for found in lines.values() for line in found], options)
    found = Found(media.root, warnings=notes)
    index = _class_index(index_files, lists, options, found)
    rows = [row for file in lists for row in _rows(lines[file], index, media, options)]
    names = _names(index, [row.clip for row in rows], options, found)
    known = set(names.values())
    for row in rows:
        _add(found, media, names, known, row)
    found.classes = list(names.values()) if names else None
    return found


def _chosen_lists(lists: list[Path], options: SourceOptions) -> tuple[list[Path], list[str]]:
    """Return the lists of one split and one variant, and lines that say which others there are."""
    notes = []
    numbers = sorted({number for file in lists if (number := _split_number(file)) is not None})
    if len(numbers) > 1 or options.split_number is not None:
        wanted = options.split_number if options.split_number is not None else numbers[0]
        if wanted not in numbers:
            allowed = ", ".join(map(str, numbers)) or "none: the lists have no number"
            raise user_error("--split-number", f"found {wanted}", allowed)
        lists = [file for file in lists if _split_number(file) in (wanted, None)]
        others = ", ".join(str(number) for number in numbers if number != wanted)
        notes.append(f"the lists number {wanted} are read; --split-number takes another ({others})")

    variants = Counter(_variant(file) for file in lists)
    if len(variants) > 1 and max(variants.values()) > 1:
        chosen = "all" if "all" in variants else max(variants, key=lambda name: variants[name])
        kept = [file for file in lists if _variant(file) == chosen]
        others = ", ".join(file.name for file in lists if file not in kept)
        notes.append(f"not read: {others}; name one of them as SOURCE to read it")
        lists = kept
    return lists, notes


def _split_number(file: Path) -> int | None:
    match = _NUMBER.search(file.stem)
    return int(next(filter(None, match.groups()))) if match else None


def _variant(file: Path) -> str:
    """Return the name of a list without its split and number: `all_but_none`, `videos`."""
    return _SPLIT_WORD.sub("", _NUMBER.sub("", file.stem.lower())).strip("_-. ")


class Row(NamedTuple):
    """A line with the meaning of its numbers. `frames` are None for the whole file."""

    clip: NumberedClip
    split: Split | None
    frames: Frames | None


def _rows(
    lines: Sequence[Line],
    index: Mapping[int, str] | None,
    media: ListedMedia,
    options: SourceOptions,
) -> list[Row]:
    if not lines:
        return []
    columns = _columns(lines, index, media, options)
    split = named_split(Path(lines[0].where.rpartition(":")[0]))
    rows = []
    for line in lines:
        cells = dict(zip(columns, line.numbers, strict=True))
        frames = None
        if "end" in cells:
            frames = Frames(cells["start"] - 1, cells["end"])
        elif "start" in cells:
            frames = Frames(cells["start"], cells["start"] + cells["frames"])
        rows.append(Row(NumberedClip(line.path, cells.get("label"), line.where), split, frames))
    return rows


def _columns(
    lines: Sequence[Line],
    index: Mapping[int, str] | None,
    media: ListedMedia,
    options: SourceOptions,
) -> tuple[str, ...]:
    """Return the meaning of the numbers behind the path.

    Raises UserError: two meanings fit, or none.
    """
    count = len(lines[0].numbers)
    if options.columns is not None:
        if len(options.columns) != count:
            found = f"names {len(options.columns)} numbers, the lines have {count}"
            raise user_error("--columns", found, "; ".join(COLUMN_CHOICES))
        return options.columns
    fitting = [form for form in _FORMS[count] if _fits(form, lines, index, media)]
    if len(fitting) > 1 and count == 2:
        # Classes are numbered without gaps, lengths are not.
        fitting = [form for form in fitting if _are_classes(form, lines)]
    if len(fitting) == 1:
        return fitting[0]
    file = lines[0].where.rpartition(":")[0]
    choices = " or ".join(",".join(("path", *form)) for form in _FORMS[count])
    found = f"its {count} numbers a line have more than one meaning"
    raise user_error(file, found, fix=f"state it: --columns {choices}")


def _are_classes(form: tuple[str, ...], lines: Sequence[Line]) -> bool:
    """Return True if most numbers up to the highest of the column of classes are in it."""
    numbers = {line.numbers[form.index("label")] for line in lines}
    return max(numbers) < 2 * len(numbers)


def _fits(
    form: tuple[str, ...],
    lines: Sequence[Line],
    index: Mapping[int, str] | None,
    media: ListedMedia,
) -> bool:
    """Return True if the numbers of all lines can have this meaning."""
    if "frames" not in form and "end" not in form:
        return True
    at = {name: column for column, name in enumerate(form)}
    numbers = [line.numbers for line in lines]
    if "end" in form and any(not 1 <= row[at["start"]] <= row[at["end"]] for row in numbers):
        return False
    if "frames" in form and any(row[at["frames"]] < 1 for row in numbers):
        return False
    if index and not {row[at["label"]] for row in numbers} <= index.keys() | {0}:
        return False

    # Folders on disk tell how many frames a line speaks of.
    for line in lines[:_LOOKED_AT]:
        length = media.num_images(line.path)
        if not length:
            continue
        if "end" in form and line.numbers[at["end"]] > length:
            return False
        first = line.numbers[at["start"]] if "start" in form else 0
        if "frames" in form and first + line.numbers[at["frames"]] > length:
            return False
        if form == ("label", "frames") and line.numbers[1] != length:
            return False
    return True


def _class_index(
    files: Sequence[Path], lists: Sequence[Path], options: SourceOptions, found: Found
) -> dict[int, str] | None:
    """Return the names of the classes by number, from the index of the lists or from the user."""
    if files:
        # classIndAll.txt is the index of trainlistall.txt.
        variant = _variant(lists[0])
        fitting = [file for file in files if variant and file.stem.lower().endswith(variant)]
        file = (fitting or list(files))[0]
        if len(files) > 1:
            found.warnings.append(f"the names of the classes are those of {file}")
        return read_class_index(file)
    return dict(enumerate(options.classes)) if options.classes else None


def _names(
    index: dict[int, str] | None,
    clips: Sequence[NumberedClip],
    options: SourceOptions,
    found: Found,
) -> dict[int, str]:
    """Return the names of the classes by the numbers of the lists, empty for folders alone."""
    names = index
    if names is None:
        names = names_by_folders(clips)
        if names is not None:
            found.warnings.append("the classes are named by the folders of their clips")
    elif any(clip.number is not None for clip in clips):
        names = shifted_to(names, clips, options.first_label)
        if min(names) != min(index or names):
            first = min(names)
            found.warnings.append(f"the lists count the classes from {first}; their index does not")
    if names is None:
        numbers = sorted({clip.number for clip in clips if clip.number is not None})
        if numbers:
            found.warnings.append("no index of the classes: they are named by their numbers")
        return {number: str(number) for number in numbers}

    # Neither the index nor the list may be shifted by one unnoticed.
    check_names(names, clips)
    return names


def _add(
    found: Found, media: ListedMedia, names: Mapping[int, str], known: set[str], row: Row
) -> None:
    """Add the clip of a row, or leave it out with its reason. `known` are the classes' names."""
    clip = row.clip
    label = folder_of(clip.path) if clip.number is None else names.get(clip.number)
    match = media.find(clip.path)
    if not label or (known and label not in known):
        number = f"its folder {label!r}" if clip.number is None else f"its number {clip.number}"
        found.leave_out(clip.where, clip.path, f"{number} is no class of the index")
    elif match.problem:
        found.leave_out(clip.where, clip.path, match.problem)
    else:
        found.clips.append(
            FoundClip(
                path=match.path, label=label, where=clip.where, split=row.split, span=row.frames
            )
        )

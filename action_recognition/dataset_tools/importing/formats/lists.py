"""Read annotation lists, those of the original toolkit among them.

A line is `dir label`, or has seven columns (the clip before the video).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from action_recognition.data.annotation_lines import split_line
from action_recognition.data.labels import CLASSES_FILE, MAX_NUMBERED_LABELS, read_classes
from action_recognition.data.tables import read_text
from action_recognition.dataset_tools.importing.class_numbers import (
    NumberedClip,
    check_names,
    shifted_to,
)
from action_recognition.dataset_tools.importing.found import Found, FoundClip
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import user_error

# The first two are the original's.
_USUAL_ROOTS = ("", "global_crops", "rawframes", "videos", "frames", "clips")
# Paths that are looked for below each root.
_LOOKED_AT = 200


def list_files(source: Path) -> list[Path]:
    """Return the lists of a source.

    They are the source itself, or the .txt files of the folder that are named for a split
    (`train.txt`, `val100.txt`).
    """
    if not source.is_dir():
        return [source]
    return [file for file in sorted(source.glob("*.txt")) if named_split(file)]


def read_lists(source: Path, options: SourceOptions) -> Found:
    """Read clips of annotation lists, with the split that a list is named for.

    Numbers are names in `classes.json` beside the lists, or in `options.classes`. Otherwise the
    numbers themselves are the names.
    """
    folder = source if source.is_dir() else source.parent
    files = list_files(source)
    if not files:
        allowed = "train.txt, val.txt, test.txt; or name one list"
        raise user_error(str(source), "holds no list named for a split", allowed)

    found = Found(folder, classes=options.classes or _classes_beside(folder))
    for file in files:
        _add_list(found, file)
    _name_numbers(found, options)

    # The lists may name clips below another folder.
    first_paths = [clip.path for clip in found.clips[:_LOOKED_AT]]
    found.data_root = options.clips or _best_root(folder, first_paths)
    return found


def _classes_beside(folder: Path) -> Sequence[str] | None:
    file = folder / CLASSES_FILE
    return read_classes(file) if file.is_file() else None


def _add_list(found: Found, file: Path) -> None:
    with_blanks = [name for name in found.classes or () if len(name.split()) > 1]
    text, remark = read_text(file)
    found.warnings += [remark] if remark else []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.strip().startswith("#"):
            _add_line(found, line.strip(), f"{file}:{number}", with_blanks)


def _add_line(found: Found, text: str, where: str, with_blanks: list[str]) -> None:
    raw = split_line(text, with_blanks)
    if not raw.path:
        found.leave_out(where, "", "has one column only")
        return

    # A path with blanks may have seven columns, too.
    looks_broken = raw.numbers is None and len(text.split()) == 7
    if looks_broken and not (found.data_root / raw.path).exists():
        reason = "its columns 3 to 7 are not four frame numbers and a frame rate"
        found.leave_out(where, raw.path, reason)
        return

    split = named_split(Path(where.rpartition(":")[0]))
    clip = FoundClip(path=raw.path, label=raw.label, where=where, split=split, span=raw.numbers)
    found.clips.append(clip)


def _name_numbers(found: Found, options: SourceOptions) -> None:
    """Give every clip the name of its class instead of the number.

    Raises UserError: a number contradicts the folder of its clip.
    """
    numbered = [
        NumberedClip(clip.path, int(clip.label), clip.where)
        for clip in found.clips
        if clip.label.isdecimal() and len(clip.label) < 10
    ]
    if found.classes is None and len(numbered) == len(found.clips):
        _name_classes_by_numbers(found, max((clip.number or 0 for clip in numbered), default=-1))
    if found.classes is None:
        return

    # Names that the user gives may belong to numbers that count from 1.
    names = dict(enumerate(found.classes))
    if options.classes:
        names = shifted_to(names, numbered, options.first_label)
        if 0 not in names:
            found.warnings.append(f"the lists count the classes from {min(names)}")
    check_names(names, numbered)

    clips, found.clips = found.clips, []
    for clip in clips:
        if not clip.label.isdecimal():
            found.clips.append(clip)
        elif int(clip.label) in names:
            found.clips.append(dataclasses.replace(clip, label=names[int(clip.label)]))
        else:
            reason = f"its label {clip.label} is above {max(names)}, the last class"
            found.leave_out(clip.where, clip.path, reason)


def _name_classes_by_numbers(found: Found, highest: int) -> None:
    if highest >= MAX_NUMBERED_LABELS:
        raise user_error("labels", f"found {highest}", f"numbers below {MAX_NUMBERED_LABELS}")
    found.classes = [str(number) for number in range(highest + 1)]
    reason = f"no {CLASSES_FILE} and no --classes"
    found.warnings.append(f"{reason}: the classes are named by their numbers")


def _best_root(folder: Path, paths: list[str]) -> Path:
    """Return the folder below which most of the paths exist, `folder` when none does better."""
    return max(
        (folder / name for name in _USUAL_ROOTS),
        key=lambda root: sum((root / path).exists() for path in paths),
    )

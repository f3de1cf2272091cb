"""Find the folders of classes: below a top folder, and below or above folders of splits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from action_recognition.data.dataset_files import Split
from action_recognition.dataset_tools.importing.folder_names import folder_split, is_modality

Parts = tuple[str, ...]
"""Names of the folders from the source down to a clip."""
_SHOWN = 4


class ClassFolder(NamedTuple):
    """A folder of the clips of a class. `path` is below the source, with '/'."""

    path: str
    label: str
    split: Split | None


class Layout(NamedTuple):
    """The folders of classes of a source, what was assumed, and why it cannot be read so.

    `problem` is empty where the folders are those of classes.
    """

    folders: list[ClassFolder]
    notes: list[str]
    problem: str = ""


def folder_layout(folders: Collection[Parts]) -> Layout:
    """Return the layout of a source from the folders in which clips lie.

    A folder that holds all others is passed over. The level whose folders are all named for splits
    gives the split. The next level below it has the classes, or else the level above it.

    >>> folder_layout([("top", "train", "wave"), ("top", "val", "wave")]).folders
    [ClassFolder(path='top/train/wave', label='wave', split='train'), \
ClassFolder(path='top/val/wave', label='wave', split='val')]
    """
    level = _split_level(folders)
    if level is None:
        return _without_splits(folders)

    # Clips directly in the folder of a split have no class, unless a folder above is one.
    below = [parts for parts in folders if len(parts) > level + 1]
    above_differ = len({parts[:level] for parts in folders}) > 1
    if below and above_differ:
        above = _listed({parts[level - 1] for parts in folders})
        classes = _listed({parts[level + 1] for parts in below})
        problem = f"the classes may be the folders above those of splits ({above}), or those below"
        return Layout([], [], f"{problem} ({classes})")
    if below:
        return _classes_below_splits(below, level)
    if above_differ:
        return _classes_above_splits(folders, level)
    splits = _listed({parts[level] for parts in folders})
    problem = f"clips lie directly in the folders of splits ({splits}), without a class"
    return Layout([], [], problem)


def _split_level(folders: Collection[Parts]) -> int | None:
    """Return the first level at which all folders are named for splits."""
    for level in range(min(map(len, folders))):
        if all(folder_split(parts[level]) for parts in folders):
            return level
    return None


def _without_splits(folders: Collection[Parts]) -> Layout:
    start = _common_level(folders, 0)
    notes = _passed_over(next(iter(folders))[:start])

    # Some folders are named for splits, others are not: nobody knows what the others are.
    names = {parts[start] for parts in folders}
    splits = {name for name in names if folder_split(name)}
    if splits:
        others = _listed(names - splits)
        problem = f"its folders {_listed(splits)} are named for splits, and others not ({others})"
        return Layout([], notes, problem)

    found = {ClassFolder("/".join(parts[: start + 1]), parts[start], None) for parts in folders}
    return Layout(_sorted(found), notes, _class_problem(names))


def _classes_below_splits(folders: Sequence[Parts], level: int) -> Layout:
    start = _common_level(folders, level + 1)
    notes = _passed_over(folders[0][:level] + folders[0][level + 1 : start])
    found = {
        ClassFolder("/".join(parts[: start + 1]), parts[start], folder_split(parts[level]))
        for parts in folders
    }
    return Layout(_sorted(found), notes, _class_problem({folder.label for folder in found}))


def _classes_above_splits(folders: Collection[Parts], level: int) -> Layout:
    found = {
        ClassFolder("/".join(parts[: level + 1]), parts[level - 1], folder_split(parts[level]))
        for parts in folders
    }
    return Layout(_sorted(found), [], _class_problem({folder.label for folder in found}))


def _sorted(folders: Collection[ClassFolder]) -> list[ClassFolder]:
    return sorted(folders, key=lambda folder: folder.path)


def _common_level(folders: Collection[Parts], start: int) -> int:
    """Return the first level from `start` on that differs, or is the last of some folder."""
    while min(map(len, folders)) > start + 1 and len({parts[start] for parts in folders}) == 1:
        start += 1
    return start


def _passed_over(names: Sequence[str]) -> list[str]:
    """Return a line that names the folders which hold all others, or nothing."""
    if not names:
        return []
    return [f"the folder {'/'.join(names)!r} holds all clips: the folders in it are the classes"]


def _class_problem(labels: Collection[str]) -> str:
    """Return why these names are no classes, or nothing."""
    kinds = {label for label in labels if is_modality(label)}
    if kinds and (len(kinds) > 1 or kinds == set(labels)):
        return f"its folders {_listed(kinds)} are named for kinds of files, not for classes"
    return ""


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(repr(name) for name in sorted(names)[:_SHOWN])
    return shown + (" ..." if len(names) > _SHOWN else "")

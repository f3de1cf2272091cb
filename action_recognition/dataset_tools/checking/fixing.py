"""Write repaired copies of annotation files, and the changes as a unified diff."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from action_recognition.dataset_tools.checking.all_lines import open_text
from action_recognition.dataset_tools.checking.findings import Findings
from action_recognition.errors import naming, user_error
from action_recognition.partials import held_folder

DIFF_FILE = "repairs.diff"


class Change(NamedTuple):
    """A changed line, counted from 1, its old text, and its new one, None if it is left out."""

    line: int
    old: str
    new: str | None


def check_fix_folder(folder: Path) -> None:
    """Check that nothing is overwritten.

    Raises UserError: the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        allowed = "a folder that is new or empty"
        raise user_error(f"--fix {folder}", "is there already and not empty", allowed)


def write_fixed(
    ann_files: Sequence[Path], findings: Findings, folder: Path, classes_file: Path | None
) -> dict[Path, int]:
    """Write copies of all annotation files into `folder`, with the certain repairs.

    `classes.json` and `repairs.diff` go there too. Everything is written beside its place and then
    renamed. The originals stay as they are. Returns the number of changed lines of every copy.
    """
    check_fix_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with naming(folder), held_folder(folder) as partial:
        changed = _write_copies(ann_files, findings, partial)
        if classes_file is not None:
            shutil.copyfile(classes_file, partial / classes_file.name)

        # An empty folder gives way to the new one.
        if folder.exists():
            folder.rmdir()
        partial.replace(folder)
    return {folder / name: number for name, number in changed.items()}


def _write_copies(ann_files: Sequence[Path], findings: Findings, folder: Path) -> dict[str, int]:
    """Write the copies and the diff. Return the number of changed lines by the copy's name."""
    by_file: dict[int, dict[int, str | None]] = {}
    for place, text in findings.repairs.items():
        by_file.setdefault(place.file, {})[place.line] = text

    changed = {}
    # Copies of files from several folders go into one.
    names = _free_names(ann_files)
    with _open_to_write(folder / DIFF_FILE) as diff:
        for number, (file, name) in enumerate(zip(ann_files, names, strict=True)):
            repairs = by_file.get(number, {})
            changes = _write_copy(file, folder / name, repairs)
            diff.writelines(unified_diff(file, name, changes))
            changed[name] = len(changes)
    return changed


def _open_to_write(path: Path) -> TextIO:
    """Open a text file that takes the bytes which `open_text` reads as surrogates."""
    return path.open("w", encoding="utf-8", errors="surrogateescape", newline="\n")


def _free_names(files: Sequence[Path]) -> list[str]:
    """Return the files' names, with a number where two are alike."""
    names: list[str] = []
    for file in files:
        # A second train.txt becomes train_2.txt.
        number, name = 1, file.name
        while name in names or name == DIFF_FILE:
            number += 1
            name = f"{file.stem}_{number}{file.suffix}"
        names.append(name)
    return names


def _write_copy(file: Path, copy: Path, repairs: Mapping[int, str | None]) -> list[Change]:
    """Write a copy with repairs by line number. Return the changes."""
    changes = []
    with open_text(file) as lines, _open_to_write(copy) as out:
        for number, line in enumerate(lines, start=1):
            text = line.rstrip("\n")
            new = repairs.get(number, text)
            if new != text:
                changes.append(Change(number, text, new))
            if new is not None:
                out.write(f"{new}\n")
    return changes


def unified_diff(file: Path, name: str, changes: Sequence[Change]) -> Iterator[str]:
    """Yield the lines of a unified diff without context lines, as `diff -U0` writes it.

    Only the changed lines of a file of a million are held.

    >>> changes = [Change(3, "x 0", "y 0"), Change(9, "z 1", None)]
    >>> print("".join(unified_diff(Path("a.txt"), "a.txt", changes)), end="")
    --- a.txt
    +++ a.txt
    @@ -3 +3 @@
    -x 0
    +y 0
    @@ -9 +8,0 @@
    -z 1
    """
    if changes:
        yield f"--- {file}\n+++ {name}\n"
    num_left_out = 0
    for line, old, new in changes:
        # Lines move up by those left out before.
        target = line - num_left_out
        if new is None:
            yield f"@@ -{line} +{target - 1},0 @@\n-{old}\n"
            num_left_out += 1
        else:
            yield f"@@ -{line} +{target} @@\n-{old}\n+{new}\n"

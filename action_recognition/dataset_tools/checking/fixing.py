"""Repaired copies of annotation files, and what was changed as a unified diff."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from action_recognition.dataset_tools.checking.all_lines import open_text
from action_recognition.dataset_tools.checking.findings import Findings
from action_recognition.errors import naming, user_error

DIFF_FILE = "repairs.diff"


class Change(NamedTuple):
    """A line (from 1), its old text and its new, None when it is left out."""

    line: int
    old: str
    new: str | None


def check_fix_folder(folder: Path) -> None:
    """A `UserError` when something is there already: nothing of anybody's is overwritten."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise user_error(
            f"--fix {folder}", "is there already and not empty", "a folder that is new or empty"
        )


def write_fixed(
    ann_files: Sequence[Path], findings: Findings, folder: Path, classes_file: Path | None
) -> dict[Path, int]:
    """Copies of all annotation files with the certain repairs, `classes.json` and `repairs.diff` into `folder`.

    Gives the number of changed lines of every copy. Everything is written beside and then renamed; the originals stay as they are.
    """
    check_fix_folder(folder)
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with naming(folder):
            changed = _write_copies(ann_files, findings, partial)
            if classes_file is not None:
                shutil.copyfile(classes_file, partial / classes_file.name)
            if folder.exists():
                folder.rmdir()
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {folder / name: number for name, number in changed.items()}


def _write_copies(ann_files: Sequence[Path], findings: Findings, folder: Path) -> dict[str, int]:
    """The copies and the diff; the number of changed lines by the copy's name."""
    changed = {}
    with (folder / DIFF_FILE).open(
        "w", encoding="utf-8", errors="surrogateescape", newline="\n"
    ) as diff:
        for number, (file, name) in enumerate(zip(ann_files, _free_names(ann_files), strict=True)):
            repairs = {
                place.line: text for place, text in findings.repairs.items() if place.file == number
            }
            changes = _write_copy(file, folder / name, repairs)
            diff.writelines(unified_diff(file, name, changes))
            changed[name] = len(changes)
    return changed


def _free_names(files: Sequence[Path]) -> list[str]:
    """The files' names, with a number where two are alike."""
    names: list[str] = []
    for file in files:
        number, name = 1, file.name
        while name in names or name == DIFF_FILE:
            number += 1
            name = f"{file.stem}_{number}{file.suffix}"
        names.append(name)
    return names


def _write_copy(file: Path, copy: Path, repairs: Mapping[int, str | None]) -> list[Change]:
    changes = []
    with (
        open_text(file) as lines,
        copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out,
    ):
        for number, line in enumerate(lines, start=1):
            text = line.rstrip("\n")
            new = repairs.get(number, text)
            if new != text:
                changes.append(Change(number, text, new))
            if new is not None:
                out.write(f"{new}\n")
    return changes


def unified_diff(file: Path, name: str, changes: Sequence[Change]) -> Iterator[str]:
    """The lines of a unified diff of a file without context lines, as `diff -U0` writes it: of a million lines only the changed are held.

    >>> print("".join(unified_diff(Path("a.txt"), "a.txt", [Change(3, "x 0", "y 0"), Change(9, "z 1", None)])), end="")
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
        target = line - num_left_out
        yield (
            f"@@ -{line} +{target} @@\n-{old}\n+{new}\n"
            if new is not None
            else f"@@ -{line} +{target - 1},0 @@\n-{old}\n"
        )
        num_left_out += new is None

"""Write the files of a work dir: all of them, or none."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from action_recognition.download import part_file
from action_recognition.files import write_atomically
from action_recognition.partials import held_folder
from action_recognition.template import SNAPSHOT_FILE
from action_recognition.workdir.copy_plan import Plan
from action_recognition.workdir.options import InstantiateOptions, Say
from action_recognition.workdir.record import RECORD_FILE, write_record


@contextlib.contextmanager
def force_backup(target: Path, options: InstantiateOptions) -> Iterator[None]:
    """With --force, move the old folder aside, and back again if the new one cannot be written."""
    if not (options.force and target.exists() and any(target.iterdir())):
        yield
        return

    backup = _free_backup(target)
    target.rename(backup)
    try:
        yield
    # An interrupt must not lose the old folder either.
    except BaseException:
        if not target.exists():
            backup.rename(target)
        raise
    options.say(f"what was there is now {backup}")

    # An unfinished download need not start again: it is verified when it is complete.
    unfinished = part_file(backup / SNAPSHOT_FILE)
    if unfinished.exists():
        unfinished.rename(part_file(target / SNAPSHOT_FILE))


def _free_backup(path: Path) -> Path:
    number = 1
    while os.path.lexists(candidate := path.with_name(f"{path.name}.backup-{number}")):
        number += 1
    return candidate


def write_work_dir(target: Path, plan: Plan, record: dict[str, Any], detail: Say) -> None:
    """Write the planned files and the record.

    A new folder is made beside its place and renamed. In a folder that exists each file is
    replaced, with the record first or last. It comes first in an empty folder, so that the next
    call recognises the result of an interrupted one. It comes last where an older record still
    vouches for the files that are not replaced yet.
    """
    if target.exists():
        if not (target / RECORD_FILE).exists():
            write_record(target, record)
        _copy_files(plan, target, detail)
        write_record(target, record)
        return

    target.parent.mkdir(parents=True, exist_ok=True)
    with held_folder(target) as staged:
        # The rename at the end shows the whole folder at once.
        _copy_files(plan, staged, detail)
        write_record(staged, record)
        staged.rename(target)


def _copy_files(plan: Plan, folder: Path, detail: Say) -> None:
    for name, source in plan.items():
        detail(f"copying {source} to {name}")
        copy_file(source, folder / name)


def copy_file(source: Path, destination: Path) -> None:
    """Copy a file's content to a path that shows the old file or the whole new one."""
    with write_atomically(destination) as partial:
        shutil.copyfile(source, partial)

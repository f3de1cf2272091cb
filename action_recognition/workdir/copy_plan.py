"""The files that a work dir receives, and the files that they are copied from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from action_recognition.errors import Problem, UserError, user_error
from action_recognition.program import TOOLKIT
from action_recognition.template import TEMPLATE_FILE, Dependency, Template
from action_recognition.workdir.options import Say
from action_recognition.workdir.record import RECORD_FILE, read_record

SCRIPTS_DIR = TOOLKIT / "tools" / "workdir"
_NOT_COPIED = {"__pycache__", RECORD_FILE}

# Path inside the work dir -> the file it is copied from.
Plan = Mapping[str, Path]


def plan_copies(source_dir: Path, template: Template, say: Say) -> dict[str, Path]:
    """Return the scripts of a work dir and the template's own files, which may replace a script.

    Raises UserError: the scripts are missing, or a dependency is no file of the template's folder.
    """
    if not SCRIPTS_DIR.is_dir():
        fix = "install from a clone: ./init_venv.sh, or pip install -e .[train]"
        raise user_error(str(SCRIPTS_DIR), "is missing", fix=fix)
    plan = {path.name: path for path in sorted(SCRIPTS_DIR.glob("*.py"))}
    plan.update(_template_files(source_dir, say))

    # Dependencies in the folder may have another name in the work dir.
    problems = []
    for dependency in (item for item in template.dependencies if not is_address(item)):
        found = _file_inside(source_dir, dependency.source)
        if found is None:
            problems.append(_missing(source_dir, dependency))
        else:
            plan[dependency.destination] = found
    if problems:
        raise UserError(problems)
    return plan


def is_address(dependency: Dependency) -> bool:
    """Return True if a dependency is fetched, and False if it is a file of the template's folder.

    >>> is_address(Dependency(source="https://a.org/x.pth", destination="snapshot.pth"))
    True
    """
    return "://" in dependency.source


def _missing(source_dir: Path, dependency: Dependency) -> Problem:
    return Problem(
        f"{source_dir / TEMPLATE_FILE}: dependencies",
        f"{dependency.source!r} is neither an address nor a file of the template's folder",
    )


def _template_files(source_dir: Path, say: Say) -> dict[str, Path]:
    """Return every regular file below the folder. Links that leave it are named, not followed."""
    record = read_record(source_dir)
    if record is not None:
        # This is a work dir that serves as a template. Its outputs are not part of it.
        return {name: path for name in record["files"] if (path := _file_inside(source_dir, name))}

    files = {}
    for folder, subfolders, names in os.walk(source_dir):
        subfolders[:] = sorted(name for name in subfolders if _is_entered(Path(folder), name))
        for name in sorted(names):
            path = Path(folder) / name
            if _is_hidden(name) or not path.is_file():
                continue
            if _file_inside(source_dir, str(path)) is None:
                say(f"not copied: {path} is a link that leaves the template's folder")
                continue
            files[path.relative_to(source_dir).as_posix()] = path
    return files


def _is_entered(folder: Path, name: str) -> bool:
    return not _is_hidden(name) and not (folder / name).is_symlink()


def _file_inside(folder: Path, name: str) -> Path | None:
    """Return the regular file to which `name` leads, with links followed.

    The result is None if there is no such file, or if it lies outside `folder`.
    """
    path = (folder / name).resolve()
    return path if path.is_file() and path.is_relative_to(folder) else None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _NOT_COPIED

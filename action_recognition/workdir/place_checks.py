"""Check that a folder may become a work dir without losing files of the user."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from action_recognition.download import file_facts
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.template import SNAPSHOT_FILE
from action_recognition.workdir.copy_plan import SCRIPTS_DIR, Plan
from action_recognition.workdir.options import InstantiateOptions

_PACKAGE_DIR = Path(__file__).parents[1]
_NAMES_SHOWN = 5
_USE_BACKUP = "name a new folder, or add --force, which first moves this one to a backup beside it"


def check_place(target: Path, given: Path, source_dir: Path) -> None:
    """Check that a work dir at `target` would not replace the template or the toolkit."""
    if target.exists() and not target.is_dir():
        raise user_error(str(given), "is a file", fix="name a folder")

    # A template that contains its work dir would be copied into itself.
    if target.is_relative_to(source_dir):
        found = f"lies in the template's folder {source_dir}"
        raise user_error(str(given), found, fix="name a folder elsewhere")

    for kept in (source_dir, SCRIPTS_DIR, _PACKAGE_DIR):
        if kept.is_relative_to(target):
            raise user_error(str(given), f"holds {kept}, which is needed", fix="name a new folder")


def check_snapshot_flag(target: Path, options: InstantiateOptions) -> None:
    """Check that the file of --snapshot exists and that --force does not move it away."""
    if options.snapshot is None:
        return
    if not options.snapshot.is_file():
        raise user_error("--snapshot", f"{options.snapshot} is not a file")
    if options.force and options.snapshot.resolve().is_relative_to(target):
        found = f"{options.snapshot} lies in the folder that --force moves away"
        raise user_error("--snapshot", found, fix="copy it elsewhere first")


def check_nothing_is_lost(
    target: Path,
    template_name: str,
    plan: Plan,
    previous: dict[str, Any] | None,
    snapshot: Path | None,
) -> None:
    """Check that `target` is empty, or a work dir of this template without edited files.

    `previous` is its record, `snapshot` the file of --snapshot.
    """
    if not target.exists() or not any(target.iterdir()):
        return

    if previous is None:
        names = _shown(sorted(path.name for path in target.iterdir()))
        found = f"is not empty and was not made by this command: {names}"
        raise user_error(str(target), found, fix=_USE_BACKUP)
    # Outputs of one template must not mix with files of another.
    if previous["template_name"] != template_name:
        found = f"was made from {previous['template_name']}, not {template_name}"
        raise user_error(str(target), found, fix=_USE_BACKUP)

    edited = _edited_files(target, plan, previous, snapshot)
    found = "was changed since the work dir was made"
    if edited:
        raise UserError(Problem(str(target / name), found, fix=_USE_BACKUP) for name in edited)


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def _edited_files(
    target: Path, plan: Plan, previous: dict[str, Any], snapshot: Path | None
) -> list[str]:
    """Return the names of files that would be replaced and that the user has changed."""
    edited = [
        name
        for name, source in plan.items()
        if _was_edited(target / name, source, previous["files"].get(name))
    ]
    # Start weights are replaced only where --snapshot names other ones.
    known_snapshot = (previous.get("snapshot") or {}).get("sha256")
    if snapshot is not None and _was_edited(target / SNAPSHOT_FILE, snapshot, known_snapshot):
        edited.append(SNAPSHOT_FILE)
    return edited


def _was_edited(path: Path, source: Path, recorded_sha256: str | None) -> bool:
    """Return True if a file is neither the recorded one nor the one that would replace it."""
    if not path.is_file():
        return False
    return file_facts(path).sha256 not in (recorded_sha256, file_facts(source).sha256)

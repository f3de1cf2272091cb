"""The record of a work dir: the template, the files and the command that it was made from."""

from __future__ import annotations

import contextlib
import datetime
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from action_recognition import __version__
from action_recognition.download import file_facts
from action_recognition.files import write_json
from action_recognition.json_files import parse_json
from action_recognition.program import TOOLKIT
from action_recognition.template import TEMPLATE_FILE

RECORD_FILE = "instantiated_from.json"


def new_record(source_dir: Path, template_name: str, plan: Mapping[str, Path]) -> dict[str, Any]:
    """Return the record of a work dir without start weights."""
    # A template of the clone is recorded by a path that holds on other machines.
    inside = source_dir.is_relative_to(TOOLKIT)
    folder = source_dir.relative_to(TOOLKIT) if inside else source_dir

    return {
        "template": folder.joinpath(TEMPLATE_FILE).as_posix(),
        "template_name": template_name,
        "files": {name: file_facts(path).sha256 for name, path in plan.items()},
        "package_version": __version__,
        "git_commit": _git_commit(),
        "command": shlex.join(sys.argv),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        # Filled in when the start weights are there.
        "snapshot": None,
    }


def _git_commit() -> str | None:
    """Return the commit of the clone that runs this package.

    The result is None outside a clone or without git.
    """
    if not (TOOLKIT / ".git").exists():
        return None

    command = ["git", "-C", str(TOOLKIT), "rev-parse", "HEAD"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.strip()
    return None


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of a folder that `instantiate` made, or None."""
    try:
        record = parse_json((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None

    # A file of the same name may come from elsewhere.
    good = (
        isinstance(record, dict)
        and isinstance(record.get("files"), dict)
        and isinstance(record.get("template_name"), str)
    )
    return record if good else None


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write the record into its work dir, atomically."""
    write_json(folder / RECORD_FILE, record, indent=2)

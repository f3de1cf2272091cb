"""The cache of fetched start weights, and files whose size and sha256 nobody published."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from action_recognition import console
from action_recognition.download.fetching import fetch
from action_recognition.download.identity import Expected, FileFacts, Say, file_facts
from action_recognition.errors import UserError, user_error
from action_recognition.files import write_json
from action_recognition.json_files import parse_json

CACHE_VARIABLE = "ACTION_RECOGNITION_CACHE"

# Start weights that the user requests by name.
StartKeyword = Literal["imagenet", "kinetics700"]


def cache_folder() -> Path:
    """Return the folder of fetched files.

    It is $ACTION_RECOGNITION_CACHE, or action_recognition in $XDG_CACHE_HOME or ~/.cache.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "action_recognition"


def record_file(target: Path) -> Path:
    """Return the path of the file that records the size and sha256 of a fetched `target`."""
    return target.with_name(target.name + ".json")


def fetch_recorded(
    source: str, target: Path, check: Callable[[Path], object], say: Say = console.say
) -> FileFacts:
    """Fetch a file of which nothing was published, unless `target` exists.

    The first fetch writes size and sha256 beside it, and they hold from then on. `check` gets the
    file before it is recorded and raises if it is not the right one.
    Raises UserError: as `fetch`, or a file, on disk or fetched again, has another size or sha256
    than recorded.
    """
    expected = _recorded(target)
    if target.exists():
        facts = file_facts(target)
        if mismatch := expected.mismatch(facts):
            raise _changed(target, mismatch)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        say(f"fetching {source} to {target}")
        facts = fetch(source, target, expected, say)

    # Nothing was recorded, so this is the first fetch.
    if expected.sha256 is None:
        _check(target, check)
        write_json(record_file(target), {"source": source} | asdict(facts))
    return facts


def _changed(target: Path, mismatch: str) -> UserError:
    record = record_file(target).name
    fix = f"delete it to fetch it again (and {record} beside it to trust another file)"
    return user_error(str(target), f"is not the file that was fetched first: {mismatch}", fix=fix)


def _recorded(target: Path) -> Expected:
    record = record_file(target)
    if not record.exists():
        return Expected()

    try:
        content = parse_json(record.read_text(encoding="utf-8"))
        return Expected(int(content["size"]), str(content["sha256"]), "recorded")
    except (ValueError, KeyError, TypeError):
        allowed, fix = "size and sha256 of the file beside it", f"delete it and {target.name}"
        raise user_error(str(record), "is damaged", allowed, fix) from None


def _check(target: Path, check: Callable[[Path], object]) -> None:
    try:
        check(target)
    except UserError:
        # The next run then fetches the file again.
        target.unlink()
        raise

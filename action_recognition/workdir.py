"""From a template to a work dir: what train.py, eval.py, export.py and demo.py run in; imports neither torch nor cv2."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from action_recognition import __version__
from action_recognition.download import Expected, fetch, file_facts, part_file
from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.template import (
    SNAPSHOT_FILE,
    TEMPLATE_FILE,
    Dependency,
    Template,
    load_template_dir,
)

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS_DIR = REPOSITORY / "tools" / "workdir"
RECORD_FILE = "instantiated_from.json"
_NAMES_SHOWN = 5
_NOT_COPIED = {"__pycache__", RECORD_FILE}

Say = Callable[[str], None]
Plan = Mapping[str, Path]  # path inside the work dir -> the file it is copied from


def silent(_: str) -> None:
    """A `say` that says nothing."""


@dataclass(frozen=True)
class InstantiateOptions:
    """The flags of instantiate_template.py; `say` takes what everybody reads, `detail` what --verbose adds."""

    load_snapshot: bool = True
    snapshot: Path | None = None
    force: bool = False
    say: Say = print
    detail: Say = silent


@dataclass(frozen=True)
class WorkDir:
    """A finished work dir."""

    path: Path
    template: Template
    record: dict[str, Any] = field(repr=False)


def instantiate(template: Path, work_dir: Path, options: InstantiateOptions) -> WorkDir:
    """Make `work_dir` from the folder of `template` (template.yaml, or the folder itself).

    Everything is checked before anything is written. The start weights come last: when they cannot be had, the work dir is
    complete but for them, and the `UserError` says how to go on; the same call again completes it.
    Errors: a template with problems, a work dir that holds someone's files, a snapshot that cannot be read or fetched.
    """
    source_dir = _template_folder(template)
    loaded, _ = load_template_dir(source_dir)
    plan = _plan_copies(source_dir, loaded, options.say)
    target = work_dir.resolve()
    _check_place(target, work_dir, source_dir)
    _check_snapshot_flag(target, options)
    previous = _read_record(target)
    if not options.force:
        _check_nothing_is_lost(target, loaded, plan, previous, options.snapshot)
    record = _new_record(source_dir, loaded, plan)
    with _force_backup(target, options):
        _write_work_dir(target, plan, record, options)
    if previous and (target / SNAPSHOT_FILE).exists():
        record["snapshot"] = previous.get("snapshot")
    _get_dependencies(loaded, target, record, options)
    return WorkDir(target, loaded, record)


# --- what will be copied ------------------------------------------------------------------------------------


def _template_folder(template: Path) -> Path:
    folder = template if template.is_dir() else template.parent
    if not template.is_dir() and template.name != TEMPLATE_FILE:
        beside = [path.parent.name for path in template.parent.glob(f"*/{TEMPLATE_FILE}")]
        found = f"is not a template{nearest(template.name, beside)}"
        raise user_error(str(template), found, f"a {TEMPLATE_FILE}, or the folder that holds one")
    return folder.resolve()


def _plan_copies(source_dir: Path, template: Template, say: Say) -> dict[str, Path]:
    """The scripts of a work dir, then the template's own files, which may replace a script."""
    if not SCRIPTS_DIR.is_dir():
        raise user_error(
            str(SCRIPTS_DIR),
            "is missing",
            fix="install from a clone: ./init_venv.sh, or pip install -e .[train]",
        )
    plan = {path.name: path for path in sorted(SCRIPTS_DIR.glob("*.py"))}
    plan.update(_template_files(source_dir, say))
    problems = []
    for dependency in (item for item in template.dependencies if not _is_address(item)):
        found = _file_inside(source_dir, dependency.source)
        if found is None:
            where = f"{source_dir / TEMPLATE_FILE}: dependencies"
            problems.append(
                Problem(
                    where,
                    f"{dependency.source!r} is neither an address nor a file of the template's folder",
                )
            )
        else:
            plan[dependency.destination] = found
    if problems:
        raise UserError(problems)
    return plan


def _is_address(dependency: Dependency) -> bool:
    return "://" in dependency.source


def _template_files(source_dir: Path, say: Say) -> dict[str, Path]:
    """Every regular file below the folder; links that leave it are named and not followed."""
    record = _read_record(source_dir)
    if record is not None:  # a work dir used as a template: its outputs are not part of it
        return {name: path for name in record["files"] if (path := _file_inside(source_dir, name))}
    files = {}
    for folder, subfolders, names in os.walk(source_dir):
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not _is_hidden(name) and not (Path(folder) / name).is_symlink()
        )
        for name in sorted(names):
            path = Path(folder) / name
            if _is_hidden(name) or not path.is_file():
                continue
            if _file_inside(source_dir, str(path)) is None:
                say(f"not copied: {path} is a link that leaves the template's folder")
                continue
            files[path.relative_to(source_dir).as_posix()] = path
    return files


def _file_inside(folder: Path, name: str) -> Path | None:
    """The regular file that `name` leads to, links followed; None when there is none or it lies outside `folder`."""
    path = (folder / name).resolve()
    return path if path.is_file() and path.is_relative_to(folder) else None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _NOT_COPIED


# --- whether the place may be used --------------------------------------------------------------------------


def _check_place(target: Path, given: Path, source_dir: Path) -> None:
    if target.exists() and not target.is_dir():
        raise user_error(str(given), "is a file", fix="name a folder")
    if target.is_relative_to(source_dir):
        raise user_error(
            str(given), f"lies in the template's folder {source_dir}", fix="name a folder elsewhere"
        )
    for kept in (source_dir, SCRIPTS_DIR, Path(__file__).parent):
        if kept.is_relative_to(target):
            raise user_error(str(given), f"holds {kept}, which is needed", fix="name a new folder")


def _check_snapshot_flag(target: Path, options: InstantiateOptions) -> None:
    if options.snapshot is None:
        return
    if not options.snapshot.is_file():
        raise user_error("--snapshot", f"{options.snapshot} is not a file")
    if options.force and options.snapshot.resolve().is_relative_to(target):
        raise user_error(
            "--snapshot",
            f"{options.snapshot} lies in the folder that --force moves away",
            fix="copy it elsewhere first",
        )


def _check_nothing_is_lost(
    target: Path,
    template: Template,
    plan: Plan,
    previous: dict[str, Any] | None,
    snapshot: Path | None,
) -> None:
    if not target.exists() or not any(target.iterdir()):
        return
    backup = "name a new folder, or add --force, which first moves this one to a backup beside it"
    if previous is None:
        names = sorted(path.name for path in target.iterdir())
        shown = ", ".join(names[:_NAMES_SHOWN]) + (
            f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        )
        raise user_error(
            str(target), f"is not empty and was not made by this command: {shown}", fix=backup
        )
    if previous["template_name"] != template.name:
        raise user_error(
            str(target),
            f"was made from {previous['template_name']}, not {template.name}",
            fix=backup,
        )
    edited = [
        name
        for name, source in plan.items()
        if _was_edited(target / name, source, previous["files"].get(name))
    ]
    known_snapshot = (previous.get("snapshot") or {}).get("sha256")
    if snapshot is not None and _was_edited(target / SNAPSHOT_FILE, snapshot, known_snapshot):
        edited.append(SNAPSHOT_FILE)
    if edited:
        raise UserError(
            Problem(str(target / name), "was changed since the work dir was made", fix=backup)
            for name in edited
        )


def _was_edited(path: Path, source: Path, recorded_sha256: str | None) -> bool:
    if not path.is_file():
        return False
    return file_facts(path).sha256 not in (recorded_sha256, file_facts(source).sha256)


# --- writing ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _force_backup(target: Path, options: InstantiateOptions) -> Iterator[None]:
    """With --force: what is there moves aside first, and back again when the new work dir cannot be written."""
    if not (options.force and target.exists() and any(target.iterdir())):
        yield
        return
    backup = _free_backup(target)
    target.rename(backup)
    try:
        yield
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


def _write_work_dir(
    target: Path, plan: Plan, record: dict[str, Any], options: InstantiateOptions
) -> None:
    """A new folder is made beside and renamed; in one that exists each file is replaced, with the record first or last.

    The record comes first in an empty folder, so that an interrupted call is known as ours, and last where an older record still
    vouches for the files that are not replaced yet.
    """
    if target.exists():
        if not (target / RECORD_FILE).exists():
            _write_json(target / RECORD_FILE, record)
        _copy_files(plan, target, options.detail)
        _write_json(target / RECORD_FILE, record)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
        staged = Path(temporary) / target.name
        staged.mkdir()
        _copy_files(plan, staged, options.detail)
        _write_json(staged / RECORD_FILE, record)
        staged.rename(target)


def _copy_files(plan: Plan, folder: Path, detail: Say) -> None:
    for name, source in plan.items():
        detail(f"copying {source} to {name}")
        _copy_file(source, folder / name)


def _copy_file(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    beside = destination.with_name(destination.name + ".new")
    try:
        shutil.copyfile(source, beside)
        beside.replace(destination)
    finally:
        beside.unlink(missing_ok=True)


def _write_json(path: Path, record: dict[str, Any]) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)


# --- the record ---------------------------------------------------------------------------------------------


def _new_record(source_dir: Path, template: Template, plan: Plan) -> dict[str, Any]:
    inside = source_dir.is_relative_to(REPOSITORY)
    return {
        "template": (source_dir.relative_to(REPOSITORY) if inside else source_dir)
        .joinpath(TEMPLATE_FILE)
        .as_posix(),
        "template_name": template.name,
        "files": {name: file_facts(path).sha256 for name, path in plan.items()},
        "package_version": __version__,
        "git_commit": _git_commit(),
        "command": shlex.join(sys.argv),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "snapshot": None,
    }


def _git_commit() -> str | None:
    """The commit of the clone that this package runs from; None outside a clone or without git."""
    if not (REPOSITORY / ".git").exists():
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    return None


def _read_record(folder: Path) -> dict[str, Any] | None:
    """The record of a folder that `instantiate` made, else None."""
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    good = (
        isinstance(record, dict)
        and isinstance(record.get("files"), dict)
        and isinstance(record.get("template_name"), str)
    )
    return record if good else None


# --- start weights and other files that a template does not carry -------------------------------------------


def _get_dependencies(
    template: Template, target: Path, record: dict[str, Any], options: InstantiateOptions
) -> None:
    problems: list[Problem] = []
    for dependency in template.dependencies:
        if _is_address(dependency) and dependency.destination != SNAPSHOT_FILE:
            destination = target / dependency.destination
            destination.parent.mkdir(parents=True, exist_ok=True)
            problems += _fetch_or_explain(
                dependency, destination, options, "run the same command again"
            )
    snapshot = template.snapshot()
    problems += _get_snapshot(snapshot, target, record, options)
    _write_json(target / RECORD_FILE, record)
    if problems:
        raise UserError(problems)


def _get_snapshot(
    snapshot: Dependency | None, target: Path, record: dict[str, Any], options: InstantiateOptions
) -> list[Problem]:
    expected = Expected(snapshot.size, snapshot.sha256) if snapshot else Expected()
    destination = target / SNAPSHOT_FILE
    if options.snapshot is not None:
        _copy_file(options.snapshot, destination)
        _record_snapshot(record, destination, str(options.snapshot), expected, options.say)
    elif destination.exists():
        known = record["snapshot"]["source"] if record["snapshot"] else None
        if (
            not _record_snapshot(
                record, destination, known or "found in the work dir", expected, options.say
            )
            and snapshot
        ):
            options.say(
                f"to have the published one: move {destination} away and run the same command again"
            )
    elif snapshot is None:
        options.say("this template publishes no start weights")
    elif not options.load_snapshot:
        options.say(f"start weights not loaded; they would come from {snapshot.source}")
    elif not _is_address(snapshot):
        _record_snapshot(record, destination, snapshot.source, expected, options.say)
    else:
        how = (
            f"{target} is made and lacks only {SNAPSHOT_FILE} ({_describe(snapshot)}): run the same command again, "
            f"or get that file by other means and add --snapshot FILE, or go without it: --do-not-load-snapshot"
        )
        problems = _fetch_or_explain(snapshot, destination, options, how)
        if not problems:
            _record_snapshot(record, destination, snapshot.source, expected, options.say)
        return problems
    return []


def _fetch_or_explain(
    dependency: Dependency, destination: Path, options: InstantiateOptions, fix: str
) -> list[Problem]:
    options.say(
        f"fetching {dependency.destination} from {dependency.source} ({_describe(dependency)})"
    )
    try:
        fetch(
            dependency.source,
            destination,
            Expected(dependency.size, dependency.sha256),
            options.say,
        )
    except UserError as error:
        return [
            Problem(problem.where, problem.found, problem.allowed, fix)
            for problem in error.problems
        ]
    return []


def _describe(dependency: Dependency) -> str:
    return (
        f"size {dependency.size or 'not published'}, sha256 {dependency.sha256 or 'not published'}"
    )


def _record_snapshot(
    record: dict[str, Any], path: Path, source: str, expected: Expected, say: Say
) -> bool:
    """Note what the start weights are; True when they are the published ones."""
    facts = file_facts(path)
    mismatch = expected.mismatch(facts)
    verified = expected.sha256 is not None and not mismatch
    if verified:
        say(f"{path.name} is there and verified")
    else:
        why = (
            f"not the published file ({mismatch})"
            if mismatch
            else "the template states no sha256 to compare with"
        )
        say(f"{path.name}: {why}; taken as it is, its sha256 is recorded")
    record["snapshot"] = {
        "source": source,
        **asdict(facts),
        "expected_sha256": expected.sha256,
        "verified": verified,
    }
    return verified

"""Runs a command on an odd input in a process of its own, and judges how it ended.

Processes are forked from one that has the heavy libraries loaded, so a case costs what its command
computes. That process computes nothing itself: threads would not survive the fork.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import runpy
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NoReturn

from tests.conftest import REPOSITORY

TIMEOUT_S: Final = 120.0
_MEMORY_BYTES: Final = 6 << 30
_NOT_MADE: Final = 99
_LEFT_OVER: Final = re.compile(r"\..+\.part(\.\w{1,8})?|\.export-.*|\.w\..*|.*\.tmp")
_TRACEBACK: Final = "Traceback (most recent call last)"

Outcome = Literal[
    "worked", "refused", "traceback", "hung", "wrong", "left over", "input changed", "not made"
]
GOOD: Final[tuple[Outcome, ...]] = ("worked", "refused")
BAD: Final[tuple[Outcome, ...]] = (
    "traceback",
    "hung",
    "wrong",
    "left over",
    "input changed",
    "not made",
)


@dataclass(frozen=True)
class Call:
    """What is typed: a script of the repository or of a work dir, and its arguments.

    `outputs` are files and folders that must not be there after a refusal. `check` looks at the
    output of a command that worked, and returns what is wrong with it, or an empty string.
    """

    script: str | Path
    arguments: Sequence[object]
    outputs: Sequence[Path] = ()
    check: Callable[[str], str] = lambda text: ""


@dataclass(frozen=True)
class Case:
    """An odd input. `make` writes it into an empty folder, and returns the call.

    `expected` is what has to happen: a message with exit code 2, an end with exit code 0 (or one of
    `codes`), or any of them.
    """

    kind: str
    name: str
    make: Callable[[Path], Call]
    expected: Literal["refused", "worked", "either"] = "either"
    codes: Sequence[int] = (0,)


@dataclass(frozen=True)
class Verdict:
    """How a case ended, and what its command printed where that is of interest."""

    case: Case
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0


@dataclass
class _Running:
    case: Case
    folder: Path
    pid: int
    began: float = field(default_factory=time.monotonic)


def run_cases(
    cases: Iterable[Case], root: Path, stage: Path, processes: int = 1
) -> Iterator[Verdict]:
    """Run cases in empty folders of `root`, some at a time. Yield their verdicts as they end.

    Nothing may change in `stage`, which all cases read.
    """
    before = _contents(stage)
    running: dict[int, _Running] = {}
    waiting = iter(enumerate(cases))
    is_more = True
    while is_more or running:
        # Keep all processes busy.
        while is_more and len(running) < processes:
            number, case = next(waiting, (0, None))
            if case is None:
                is_more = False
                break
            started = _start(case, root / f"{number:04}")
            running[started.pid] = started

        for ended in _ended(running):
            status, one = ended
            verdict = _judged(one, status)
            after = _contents(stage)
            if after != before:
                names = ", ".join(sorted(str(path) for path, _ in after ^ before))
                before = after
                verdict = Verdict(one.case, "input changed", names, verdict.seconds)
            yield verdict
        time.sleep(0.005)


def _start(case: Case, folder: Path) -> _Running:
    (folder / "case").mkdir(parents=True)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_the_command(case, folder)
    return _Running(case, folder, pid)


def _be_the_command(case: Case, folder: Path) -> NoReturn:
    """Make the input, then run the command. This is the forked process, which ends here."""
    code = _NOT_MADE
    try:
        os.setsid()
        _redirect(folder)
        inside = folder / "case"
        os.chdir(inside)
        call = case.make(inside)
        there = "\n".join(sorted(map(str, inside.rglob("*"))))
        (folder / "before").write_text(there, errors="surrogateescape")
        code = 1
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))

        script = REPOSITORY / call.script
        sys.argv = [str(script), *map(str, call.arguments)]
        try:
            runpy.run_path(str(script), run_name="__main__")
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        sys.stdout.flush()
        text = (folder / "stdout").read_text(errors="replace")
        if code in case.codes and (reason := call.check(text)):
            (folder / "wrong").write_text(reason)
        # A refusal leaves nothing behind under a final name.
        if code == 2:
            left = [str(path) for path in call.outputs if path.exists()]
            (folder / "left").write_text("\n".join(left))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _redirect(folder: Path) -> None:
    """Send output into files, and give no input."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, target in ((1, folder / "stdout"), (2, folder / "stderr")):
        os.dup2(os.open(target, flags), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def _ended(running: dict[int, _Running]) -> Iterator[tuple[int | None, _Running]]:
    """Take the processes that have ended, or are stopped for taking too long (None)."""
    for pid, one in list(running.items()):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            del running[pid]
            yield os.waitstatus_to_exitcode(status), one
        elif time.monotonic() - one.began > TIMEOUT_S:
            del running[pid]
            yield None, one
        else:
            continue
        # Also what it started and left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        if not found:
            os.waitpid(pid, 0)


def _judged(one: _Running, code: int | None) -> Verdict:
    seconds = time.monotonic() - one.began
    outcome, reason = _outcome(one.case, one.folder, code)
    return Verdict(one.case, outcome, reason, seconds)


def _outcome(case: Case, folder: Path, code: int | None) -> tuple[Outcome, str]:
    errors = _text(folder / "stderr")
    if code is None:
        return "hung", errors[-500:]
    if code == _NOT_MADE:
        return "not made", errors[-800:]
    if _TRACEBACK in errors + _text(folder / "stdout") or code not in (2, *case.codes):
        return "traceback", f"exit code {code}\n{errors[-1500:]}"

    before = set(_text(folder / "before", "surrogateescape").split("\n"))
    left = [
        str(path)
        for path in (folder / "case").rglob("*")
        if _LEFT_OVER.fullmatch(path.name) and str(path) not in before
    ]
    if left or _text(folder / "left"):
        return "left over", "\n".join(left) or _text(folder / "left")
    return _expected(case, folder, code, errors)


def _expected(case: Case, folder: Path, code: int, errors: str) -> tuple[Outcome, str]:
    """Judge an orderly end."""
    if code == 2:
        if case.expected == "worked":
            return "wrong", f"refused: {errors[-500:]}"
        if not errors.strip():
            return "wrong", "refused without a message"
        return "refused", errors[-500:]
    if case.expected == "refused":
        return "wrong", f"taken (exit code {code}): {_text(folder / 'stdout')[-500:]}"
    reason = _text(folder / "wrong")
    return ("wrong", reason) if reason else ("worked", "")


def _text(path: Path, errors: str = "replace") -> str:
    return path.read_text(errors=errors) if path.is_file() else ""


def _contents(folder: Path) -> set[tuple[Path, str]]:
    """Return what is in a folder: paths, with sizes and times of files."""
    found = set()
    for path in folder.rglob("*"):
        status = path.lstat()
        key = "" if path.is_dir() else f"{status.st_size} {status.st_mtime_ns}"
        found.add((path.relative_to(folder), key))
    return found

"""Errors that a user can correct: where, what was found, what is allowed, what to do."""

from __future__ import annotations

import contextlib
import difflib
import errno
import io
import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
# 128 + SIGTERM, as a shell reports it.
EXIT_TERMINATED = 143
# Windows has none.
SIGHUP = getattr(signal, "SIGHUP", None)

# What the system says in few words, in more of them. Other errors keep its own words.
_ENVIRONMENT_ERRNOS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than allowed here (ulimit -f, or its disk)",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.EEXIST: "a file is there, where a folder is needed",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EISDIR: "a folder is there, where a file is needed",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open on this machine",
    errno.EIO: "its disk or device fails",
    errno.ENOMEM: "the memory is used up",
    errno.ENOLCK: "its file system has no locks",
    errno.ELOOP: "links lead round in circles",
}
_REPAIRS = {
    errno.ENOENT: "check the path",
    errno.EMFILE: "raise the limit with ulimit -n, or use fewer --num-workers",
    errno.ENFILE: "end other programs",
    errno.EIO: "check the disk with the system's tools",
    errno.ELOOP: "remove the link, or name another folder",
    errno.ENOMEM: "end other programs, or use fewer --num-workers and a smaller --batch-size",
}
_LINK_LOOP = "Symlink loop from "
_OTHER_REPAIR = "free space or name another folder"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the user's input.

    `where` is `file:line`, a dotted key or a flag. The other fields are sentences without a final
    stop.

    >>> print(Problem("train.txt:3", "label 30", "0 to 26", "correct the second column"))
    train.txt:3: label 30; allowed: 0 to 26; to repair: correct the second column
    """

    # The place that the user should look at.
    where: str
    found: str
    allowed: str = ""
    fix: str = ""

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.found}"]
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.fix:
            parts.append(f"to repair: {self.fix}")
        return "; ".join(parts)


class UserError(Exception):
    """An error in input that the user can correct. It carries every problem that was found."""

    exit_code = EXIT_USER_ERROR

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[Problem, ...]]]:
        # A data worker pickles the error to send it to its parent.
        return type(self), (self.problems,)


class Terminated(Exception):
    """SIGTERM, or another signal, asked the work to end. Everything it needs was saved."""

    def __init__(self, signum: int = signal.SIGTERM) -> None:
        self.exit_code = 128 + signum
        super().__init__("the terminal has gone" if signum == SIGHUP else "terminated")


def user_error(where: str, found: str, allowed: str = "", fix: str = "") -> UserError:
    """Return a `UserError` with one problem."""
    return UserError([Problem(where, found, allowed, fix)])


def nearest(name: str, options: Iterable[str]) -> str:
    """Return `, did you mean 'x'?` for the closest option, or an empty string.

    >>> nearest("epoch", ["epochs", "batch_size"])
    ", did you mean 'epochs'?"
    """
    matches = difflib.get_close_matches(name, list(options), n=1)
    return f", did you mean {matches[0]!r}?" if matches else ""


@contextlib.contextmanager
def naming(place: Path) -> Iterator[None]:
    """Put the name of `place` into an `OSError` that names no file, such as that of a full disk.

    Raises UserError: a folder such as /proc takes no new file.
    """
    try:
        yield
    except FileNotFoundError:
        raise user_error(
            str(place), "no file can be made there", fix="name another folder"
        ) from None
    except OSError as error:
        error.filename = error.filename or str(place)
        raise


def disk_reason(error: OSError) -> str:
    """Return in words why something could not be written."""
    reason = _ENVIRONMENT_ERRNOS.get(error.errno or 0) or error.strerror
    return reason or type(error).__name__


def try_all(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Return the results of all calls.

    Raises UserError: the problems of every call that failed.
    """
    results: list[T] = []
    problems: list[Problem] = []
    for call in calls:
        try:
            results.append(call())
        except UserError as error:
            problems.extend(error.problems)

    # Two calls may find the same problem. It is printed once.
    if problems:
        raise UserError(dict.fromkeys(problems))
    return results


def run_command(command: Callable[[], int | None]) -> None:
    """Run a command and end the process with its exit code.

    A process that the command starts imports the script under this name. There it does nothing.

    A user error is printed as messages, without a traceback, and ends with exit code 2. Letters
    that the console cannot show are printed as their codes.
    """
    # In other processes it is an alias of `__main__`.
    if getattr(sys.modules.get("__mp_main__"), "__name__", "") == "__mp_main__":
        return
    _open_standard_streams()
    print_any_text()
    # Pictures are drawn without a window. matplotlib ends where this names what it does not know.
    if "MPLBACKEND" in os.environ:
        os.environ["MPLBACKEND"] = "agg"
    code = exit_code_of(command)
    # An error may have left something that cannot be printed: Python would fail at its end.
    with contextlib.suppress(OSError):
        _flush_stdout()
    sys.exit(code)


def exit_code_of(command: Callable[[], int | None]) -> int:
    """Run a command, print its errors as messages, and return its exit code."""
    try:
        code = command() or 0
        _flush_stdout()
        return code
    except UserError as error:
        return _failed(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _failed("interrupted", EXIT_INTERRUPTED)
    except Terminated as error:
        return _failed(str(error), error.exit_code)
    except BrokenPipeError:
        return _without_reader()
    except OSError as error:
        # Without a number it does not come from the system. Then the traceback is shown.
        if error.errno is None:
            raise
        # What could not be printed is still there.
        if error.filename is None and not _can_print():
            error.filename = "standard output"
        return _failed(_system_message(error), EXIT_USER_ERROR)
    except MemoryError:
        return _failed(_system_message(OSError(errno.ENOMEM, "")), EXIT_USER_ERROR)
    except RuntimeError as error:
        # Path.resolve of Python up to 3.12 says so of links that lead round in circles.
        if not str(error).startswith(_LINK_LOOP):
            raise
        place = str(error).removeprefix(_LINK_LOOP).strip("'")
        return _failed(_system_message(OSError(errno.ELOOP, "", place)), EXIT_USER_ERROR)


def _flush_stdout() -> None:
    """Show what is held back. A closed pipe or a full disk shows here at the latest."""
    # It is None where the caller has closed it.
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would fail again when it ends.
        drop_stdout()
        error.filename = error.filename or "standard output"
        raise


def _can_print() -> bool:
    """Return False if stdout does not take what is held back of it."""
    try:
        _flush_stdout()
    except OSError:
        return False
    return True


def _without_reader() -> int:
    """Drop the rest of stdout and return 1: its reader has gone, as in `| head`."""
    drop_stdout()
    return 1


def drop_stdout() -> None:
    """Send whatever is still printed on stdout nowhere, also what Python holds back of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_standard_streams() -> None:
    """Open the standard streams that the caller has closed.

    Otherwise the next file that is opened takes their number, and what a library prints goes there.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.open(os.devnull, os.O_RDWR)


def print_any_text() -> None:
    """Let stdout and stderr print letters that the console lacks as their codes."""
    for stream in (sys.stdout, sys.stderr):
        # A test or an application may have put something else in its place.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _system_message(error: OSError) -> str:
    return str(system_problem(error))


def system_problem(error: OSError) -> Problem:
    """Return place, reason and repair of an error that the system reports."""
    place = str(error.filename or "reading or writing")
    repair = _REPAIRS.get(error.errno or 0, _OTHER_REPAIR)
    return Problem(place, disk_reason(error), fix=repair)


def _without_controls(line: str) -> str:
    """Write control characters, of a file's name for example, as their codes."""
    return "".join(
        repr(character)[1:-1] if unicodedata.category(character) == "Cc" else character
        for character in line
    )


def _failed(message: str, code: int) -> int:
    """Print an error message, each line marked as one, and return the exit code."""
    # Nobody may be there to read it, as after a terminal was closed.
    with contextlib.suppress(OSError):
        for line in message.splitlines() or [""]:
            print(f"error: {_without_controls(line)}", file=sys.stderr)
    return code

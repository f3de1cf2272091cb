"""User errors: what is wrong, where, what is allowed, what to do."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

T = TypeVar("T")

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143  # 128 + SIGTERM, as a shell would say it

_ENVIRONMENT_ERRNOS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.EEXIST: "a file is there, where a folder is needed",
    errno.ENAMETOOLONG: "the name is too long",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what the user gave.

    `where` is `file:line`, a dotted key or a flag; the other fields are sentences without a final stop.

    >>> print(Problem("train.txt:3", "label 30", "0 to 26", "correct the second column"))
    train.txt:3: label 30; allowed: 0 to 26; to repair: correct the second column
    """

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
    """Raised for input that the user can correct; carries every problem that was found, not the first."""

    exit_code = EXIT_USER_ERROR

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)  # so that a data worker can send it to the parent


class Terminated(Exception):
    """SIGTERM asked the work to end, and what is needed to go on was saved."""


def user_error(where: str, found: str, allowed: str = "", fix: str = "") -> UserError:
    """A `UserError` of one problem."""
    return UserError([Problem(where, found, allowed, fix)])


def nearest(name: str, options: Iterable[str]) -> str:
    """`, did you mean 'x'?` for the closest option, or an empty string.

    >>> nearest("epoch", ["epochs", "batch_size"])
    ", did you mean 'epochs'?"
    """
    matches = difflib.get_close_matches(name, list(options), n=1)
    return f", did you mean {matches[0]!r}?" if matches else ""


@contextlib.contextmanager
def naming(place: Path) -> Iterator[None]:
    """An `OSError` that names no file, as that of a full disk, gets the name of `place`.

    Errors: a folder that takes no new file, as /proc.
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


def try_all(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Return the results of all calls. Raises UserError: the problems of every call that failed."""
    results: list[T] = []
    problems: list[Problem] = []
    for call in calls:
        try:
            results.append(call())
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(dict.fromkeys(problems))
    return results


def run_command(command: Callable[[], int | None]) -> NoReturn:
    """Run a command and end the process: user errors as messages with exit code 2, never a traceback."""
    try:
        code = command() or 0
        sys.stdout.flush()
    except UserError as error:
        _say(str(error))
        code = error.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
        code = EXIT_INTERRUPTED
    except Terminated:
        _say("terminated")
        code = EXIT_TERMINATED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of ours, nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        if error.errno not in _ENVIRONMENT_ERRNOS:
            raise
        _say(
            f"{error.filename or 'writing'}: {_ENVIRONMENT_ERRNOS[error.errno]}; to repair: free space or name another folder"
        )
        code = EXIT_USER_ERROR
    sys.exit(code)


def _say(message: str) -> None:
    for line in message.splitlines() or [""]:
        print(f"error: {line}", file=sys.stderr)

"""Outputs that fail alone: a full disk or a reader that went ends one of them, never the run."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from typing import ParamSpec

from action_recognition.errors import Problem, UserError, disk_reason

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
Arguments = ParamSpec("Arguments")


class OutputGuard:
    """A guard around the calls of one output, named as on the command line.

    The first call that fails ends the output: `say` reports it, and later calls do nothing.
    `problems` then say what went wrong. A reader that has gone is no problem of the user, so it
    sets `lost_reader` instead.
    """

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        self.name, self._say = name, say
        self.problems: tuple[Problem, ...] = ()
        self.lost_reader = False

    @property
    def is_over(self) -> bool:
        """True once a call has failed."""
        return self.lost_reader or bool(self.problems)

    def around(self, call: Callable[Arguments, object]) -> Callable[Arguments, None]:
        """Return `call` with this guard."""

        @functools.wraps(call)
        def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
            if self.is_over:
                return
            try:
                call(*args, **kwargs)
            except BrokenPipeError:
                self.lost_reader = True
                self._say(f"{self.name}: its reader has gone; everything else goes on")
            except OSError as error:
                fix = "free space there" if error.errno in _NO_SPACE else ""
                self._fail((Problem(self.name, disk_reason(error), fix=fix),))
            except UserError as error:
                self._fail(error.problems)

        return guarded

    def _fail(self, problems: tuple[Problem, ...]) -> None:
        """Keep the problems, and report them at once: the run may last for days."""
        self.problems = problems
        for problem in problems:
            self._say(f"{problem.where}: {problem.found}; everything else goes on")

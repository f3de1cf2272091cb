"""A command of a step: a script of the toolkit, as a user would type it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.program import IS_CLONE, TOOLKIT, command_name

# The folder that holds the package: a clone, or where pip puts packages.
_IMPORTED_FROM = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Command:
    """A Python script with its arguments. `folder` is where it runs.

    With `problems_allowed` exit code 1 is no failure: `check.py` tells of problems by it.
    """

    script: Path
    arguments: tuple[str, ...]
    folder: Path
    problems_allowed: bool = False

    @property
    def words(self) -> list[str]:
        """The words to run it with this Python."""
        return [sys.executable, str(self.script), *self.arguments]

    @property
    def is_installed_tool(self) -> bool:
        """True for a command of `tools/` where there is no clone: it is typed in any folder."""
        return not IS_CLONE and self.script.is_relative_to(TOOLKIT)

    @property
    def text(self) -> str:
        """The line that a user would type in `folder`."""
        script = self.script
        if self.is_installed_tool:
            return shlex.join(["gestures", command_name(script.name), *self.arguments])
        shown = script.relative_to(self.folder) if script.is_relative_to(self.folder) else script
        return shlex.join(["python", str(shown), *self.arguments])


def tool(name: str, *arguments: object, problems_allowed: bool = False) -> Command:
    """Return a command of `tools`, such as `data/check.py`."""
    words = tuple(map(str, arguments))
    return Command(TOOLKIT / "tools" / name, words, TOOLKIT, problems_allowed)


def in_work_dir(work_dir: Path, name: str, *arguments: object) -> Command:
    """Return a script of a work dir."""
    return Command(work_dir / name, tuple(map(str, arguments)), work_dir)


def environment() -> dict[str, str]:
    """Return our environment with this package first, so that all commands run the same package.

    Threads that wait for each other sleep instead of spinning: they leave the cores to the
    processes that decode.
    """
    paths = [str(_IMPORTED_FROM), *filter(None, [os.environ.get("PYTHONPATH")])]
    fixed = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, **fixed}


def shell_lines(commands: Sequence[Command]) -> list[str]:
    """Return the lines to type for these commands, each `cd` once.

    >>> from pathlib import Path
    >>> here = Command(Path("/w/train.py"), ("--epochs", "3"), Path("/w"))
    >>> shell_lines([here, here])
    ['cd /w', 'python train.py --epochs 3', 'python train.py --epochs 3']
    """
    lines: list[str] = []
    folder: Path | None = None
    for command in commands:
        if command.folder != folder and not command.is_installed_tool:
            folder = command.folder
            lines.append(shlex.join(["cd", str(folder)]))
        lines.append(command.text)
    return lines

"""Programs that gestures start.

A file lists the programs that are allowed, each as a list of words. No shell is involved.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.json_files import read_json
from action_recognition.usage_reports import environment_of_other_programs

_FORM = '{"label": ["program", "argument", ...]}'


def read_commands(file: Path, labels: Sequence[str] | None) -> dict[str, list[str]]:
    """Read the command of each label from a JSON object, and look up its program.

    Without `labels`, the keys are names of commands, to be given to gestures later.

    Raises UserError: unknown labels, commands that are not lists of words, and missing programs.
    All of them are named together.
    """
    found = read_json(file, _FORM, is_by_hand=True)
    if not isinstance(found, dict) or not found:
        raise user_error(str(file), "holds no commands", _FORM)

    problems = [
        problem
        for label, words in found.items()
        for problem in (
            *_label_problems(f"{file}: {label}", label, labels),
            *_command_problems(f"{file}: {label}", words),
        )
    ]
    if problems:
        raise UserError(problems)

    # The full path, so that a later change of PATH starts no other program.
    return {label: [str(shutil.which(words[0])), *words[1:]] for label, words in found.items()}


def _label_problems(where: str, label: str, labels: Sequence[str] | None) -> list[Problem]:
    """Return a problem if the model does not know the label."""
    if labels is None or label in labels:
        return []
    return [
        Problem(where, f"is not a label of the model{nearest(label, labels)}", ", ".join(labels))
    ]


def _command_problems(where: str, words: object) -> list[Problem]:
    """Return a problem if the words are not a command, or if its program is missing."""
    if not isinstance(words, list) or not words or not all(map(_is_word, words)):
        fix = "write a list of words, since no shell reads it" if isinstance(words, str) else ""
        return [Problem(where, f"found {words!r}", '["program", "argument", ...]', fix)]
    if shutil.which(words[0]) is None:
        found = f"there is no program {words[0]!r}"
        return [Problem(where, found, "a program on PATH, or a path to one")]
    return []


def _is_word(word: object) -> bool:
    """Return True for text that a program can take as an argument."""
    # A program cannot be given text with a zero byte.
    return isinstance(word, str) and bool(word) and "\0" not in word


class Reactions:
    """Commands that gestures start, without input, their output discarded.

    A command is not started again while it is still running.
    """

    def __init__(
        self, commands: Mapping[str, Sequence[str]], say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._commands, self._say = commands, say
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def react(self, label: str) -> bool:
        """Start the command of a label. Return True if one was started."""
        words = self._commands.get(label)
        if words is None:
            return False
        running = self._running.get(label)
        if running is not None and running.poll() is None:
            self._say(f"{label}: its command is still running and is not started again")
            return False

        # A separate session: Ctrl-C in the terminal ends the run, not the command.
        nothing = subprocess.DEVNULL
        try:
            self._running[label] = subprocess.Popen(  # noqa: S603
                list(words),
                stdin=nothing,
                stdout=nothing,
                stderr=nothing,
                start_new_session=True,
                env=environment_of_other_programs(),
            )
        except OSError as error:
            self._say(f"{label}: its command could not be started ({error.strerror})")
            return False
        return True

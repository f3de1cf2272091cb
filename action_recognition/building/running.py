"""Run the steps of a build one after the other, with progress and the time of the end."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import FrameType

from action_recognition.building.commands import Command, environment
from action_recognition.building.folder import BuildFolder, BuildRecord, DoneStep, key_of
from action_recognition.console import clock_in, say
from action_recognition.errors import Terminated, UserError, user_error

_SAVES_WITHIN_S = 30.0  # after Ctrl-C, a training writes its checkpoint
_SECONDS_BETWEEN_LINES = 15.0
_LINES_OF_A_FAILURE = 15
# "epoch 3/30", "fold 1 of 3", "hands: 12 of 60 videos". Runs at the same time name themselves
# first: "fold 1: epoch 3/30".
_PROGRESS = re.compile(r"^(?:(fold \d+|all clips): )?(epoch|fold|hands:)\s+(\d+)(?:/| of )(\d+)")

_TRAINED = re.compile(r"^(fold \d+|all clips): trained$")


@dataclass(frozen=True)
class Step:
    """A part of the build. `estimate_s` is its time on two idle cores, a rough guess.

    A step that goes on where it was stopped does so from the files in `resumes_in`.
    """

    name: str
    commands: tuple[Command, ...]
    estimate_s: float
    resumes_in: Path | None = None


class Runner:
    """Runs steps, and leaves out those that an earlier run has done."""

    def __init__(self, folder: BuildFolder, record: BuildRecord, fingerprint: str) -> None:
        self.folder, self.record = folder, record
        self.key = fingerprint
        self.commands: list[Command] = []
        self._clock = _Clock()
        self._number = 0
        self._before: list[str] = []

    def run(self, steps: Sequence[Step], num_steps: int, later_s: float = 0.0) -> None:
        """Run the steps. `later_s` is the time of those that come after them.

        Raises UserError: a command failed. It names the log.
        """
        self.record.write()
        for place, step in enumerate(steps):
            left_s = later_s + sum(later.estimate_s for later in steps[place + 1 :])
            self._run(step, num_steps, left_s)

    def _run(self, step: Step, num_steps: int, later_s: float) -> None:
        self._number += 1
        self.commands += step.commands
        texts = [command.text for command in step.commands]
        self.key = key_of(texts, self.key)
        title = f"[{self._number}/{num_steps}] {step.name}"
        if self.record.is_done(step.name, self.key):
            say(f"{title}: done before")
            self._before.append(step.name)
            return

        # Checkpoints of other clips or flags would be taken for a training that is done.
        if step.resumes_in is not None and self.record.begun.get(step.name) != self.key:
            _move_away(step.resumes_in)
        self.record.begin(step.name, self.key, self._before)

        # The user can go on with these lines alone.
        say(f"{title}: {self._clock.end_of_all(step.estimate_s + later_s)}")
        began, cpu_began = time.monotonic(), _cpu_seconds()
        log = self.folder.logs / f"{self._number}_{step.name.replace(' ', '_')}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        for command in step.commands:
            say(f"  $ {command.text}")
            self._execute(command, log, _StepClock(step.estimate_s, later_s, self._clock))
        seconds, cpu_seconds = time.monotonic() - began, _cpu_seconds() - cpu_began
        self._clock.learn(step.estimate_s, seconds)
        self.record.add(step.name, DoneStep(self.key, texts, seconds, cpu_seconds))
        self._before.append(step.name)

    def _execute(self, command: Command, log: Path, clock: _StepClock) -> None:
        """Run a command with its output in the log. Raises UserError: it failed."""
        lines: list[str] = []
        with log.open("a", encoding="utf-8", buffering=1) as file, _child(command) as process:
            assert process.stdout is not None
            for line in process.stdout:
                file.write(line)
                lines = [*lines[1 - _LINES_OF_A_FAILURE :], line.rstrip()]
                clock.see(line)
            code = process.wait()
        clock.clear()
        if code and not (code == 1 and command.problems_allowed):
            raise _failed(command, code, lines, log)


def _move_away(folder: Path) -> None:
    """Give a folder of work on other data, if there is one, the first free name."""
    if not folder.is_dir():
        return
    names = (folder.with_name(f"{folder.name}_before_{number}") for number in count(1))
    place = next(name for name in names if not name.exists())
    folder.rename(place)
    say(f"  clips or flags changed: {folder.name} of the earlier build is now {place}")


@contextmanager
def _child(command: Command) -> Iterator[subprocess.Popen[str]]:
    """Start a command. At Ctrl-C or SIGTERM, wait until it has saved its work."""
    process = subprocess.Popen(  # noqa: S603 - our own scripts, no shell
        command.words,
        cwd=command.folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        with _on_sigterm(process.terminate):
            yield process
    except BaseException:
        # Ctrl-C reached the command, too.
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_SAVES_WITHIN_S)
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def _on_sigterm(stop: Callable[[], None]) -> Iterator[None]:
    """Pass SIGTERM on, and raise Terminated."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop()
        raise Terminated

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _failed(command: Command, code: int, lines: Sequence[str], log: Path) -> UserError:
    """Return the error of a failed command: its own messages, or the end of what it printed."""
    own = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    found = "\n    ".join(own or lines or ["it printed nothing"])
    fix = f"see {log}; the same command again goes on from here"
    return user_error(command.script.name, f"failed with exit code {code}:\n    {found}\n", fix=fix)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Clock:
    """Estimates when all is done, from guesses and from how wrong they were so far."""

    def __init__(self) -> None:
        self._guessed_s = self._took_s = 0.0

    def learn(self, guessed_s: float, took_s: float) -> None:
        """Take in how long a step took."""
        self._guessed_s += guessed_s
        self._took_s += took_s

    def scaled(self, guessed_s: float) -> float:
        """Return a guess in the pace of this machine."""
        # A few seconds of work say little about the rest.
        known = 20.0
        pace = (self._took_s + known) / (self._guessed_s + known)
        return guessed_s * pace

    def end_of_all(self, guessed_s: float) -> str:
        """Return in words when work of `guessed_s` will be done."""
        return end_in_words(self.scaled(guessed_s))


def end_in_words(seconds: float) -> str:
    """Return how long the rest takes, and when it ends.

    >>> end_in_words(100.0).startswith("about 2 min left, ends about ")
    True
    """
    left = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(5, 5 * round(seconds / 5))} s"
    return f"about {left} left, ends about {clock_in(seconds)}"


class _StepClock:
    """Shows how far a step is, from the lines that its command prints."""

    def __init__(self, estimate_s: float, later_s: float, clock: _Clock) -> None:
        self._estimate_s, self._later_s, self._clock = estimate_s, later_s, clock
        self._began = self._shown = time.monotonic()
        self._parts: dict[str, tuple[int, int]] = {}
        self._side_by_side: dict[str, float] = {}
        self._num_runs = 0
        self._is_terminal = sys.stdout.isatty()

    def see(self, line: str) -> None:
        """Take in a line, and show the state where one is due."""
        match = _PROGRESS.match(line)
        if match:
            self._take_in(match[1], match[2], int(match[3]), int(match[4]))
        elif trained := _TRAINED.match(line):
            # It may have been done before, without an epoch now.
            self._side_by_side[trained[1]] = 1.0
        now = time.monotonic()
        due_s = 0.2 if self._is_terminal else _SECONDS_BETWEEN_LINES
        if match is None or now - self._shown < due_s:
            return
        self._shown = now
        self._show(f"{line.strip()[:60]} | {end_in_words(self._left_s(now))}")

    def _take_in(self, run: str | None, part: str, done: int, total: int) -> None:
        """Keep how far a part is. `run` names one of several runs at the same time."""
        if run is not None:
            # Hands that a run tracks come before its epochs.
            if part == "epoch":
                self._side_by_side[run] = done / total
            return
        if part == "fold":
            # The epochs of the next fold begin again.
            self._parts.pop("epoch", None)
            # A model of all clips follows the folds: "fold 4 of 4" after "fold 3 of 3".
            self._num_runs = self._num_runs or total + 1
        self._parts[part] = done, total

    def clear(self) -> None:
        """Remove the line that shows the state, if there is one."""
        if self._is_terminal:
            print("\r\x1b[K", end="", flush=True)

    def _show(self, text: str) -> None:
        if self._is_terminal:
            print(f"\r\x1b[K  {text}", end="", flush=True)
        else:
            say(f"  {text}")

    def _left_s(self, now: float) -> float:
        """Return the seconds that are left, of this step and of all after it."""
        share = self._share()
        spent_s = now - self._began
        guess_s = max(0.0, self._clock.scaled(self._estimate_s) - spent_s)
        # What the command itself says counts more, the further it is.
        measured_s = spent_s / share * (1 - share) if share > 0 else guess_s
        own_s = share * measured_s + (1 - share) * guess_s
        return own_s + self._clock.scaled(self._later_s)

    def _share(self) -> float:
        """Return the share of the step that is done: of epochs, of folds, of videos."""
        if self._side_by_side:
            return min(1.0, sum(self._side_by_side.values()) / max(1, self._num_runs))
        done, total = self._parts.get("epoch", self._parts.get("hands:", (0, 1)))
        share = done / total
        if "fold" in self._parts:
            share = (self._parts["fold"][0] - 1 + share) / self._num_runs
        return min(1.0, share)

"""Runs of a study at the same time, each in a process that has its share of the cores.

A network over landmarks is too small for a second core to shorten its steps. Several of them next
to each other use all cores.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

import torch

from action_recognition.console import is_first_process, lead_lines_with, say
from action_recognition.data.loading.loader import kill_workers
from action_recognition.errors import (
    EXIT_USER_ERROR,
    Problem,
    Terminated,
    UserError,
    drop_stdout,
    exit_code_of,
    print_any_text,
    system_problem,
    user_error,
)
from action_recognition.template import LandmarkInput
from action_recognition.training.checkpoints.resume import AUTO
from action_recognition.training.machine.devices import DevicePlan
from action_recognition.training.machine.run_lock import held_by_the_study
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import PreparedRun

# A process that is asked to end writes its checkpoint first. `build_model.py` waits 30 seconds.
_SAVES_WITHIN_S = 25.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Exit code of a run whose lines nobody reads any more.
_READER_GONE = 3


@dataclass(frozen=True)
class Job:
    """A run whose last epoch counts. `name` stands before each of its lines."""

    name: str
    work_dir: Path
    options: TrainOptions


def runs_at_once(run: PreparedRun, devices: DevicePlan, num_runs: int) -> int:
    """Return how many runs of a study to train at the same time: 1 for one after the other.

    Networks over frames use all cores by themselves, and so does what profiles or compiles.
    """
    takes_landmarks = isinstance(run.template.input, LandmarkInput)
    is_alone = devices.accelerator == "cpu" and devices.world_size == 1 and is_first_process()
    measures = run.options.profile or run.options.compile or run.options.find is not None
    if not takes_landmarks or not is_alone or measures:
        return 1
    return min(num_runs, torch.get_num_threads())


def train_side_by_side(jobs: Sequence[Job], at_once: int) -> None:
    """Train all jobs, so many at the same time. The caller holds their folders.

    Ctrl-C and SIGTERM end them all after they have saved a checkpoint. So does the first one that
    fails. Raises UserError: what that one found.
    """
    threads = max(1, torch.get_num_threads() // at_once)
    each = "1 core" if threads == 1 else f"{threads} cores"
    say(f"{len(jobs)} trainings, {at_once} at the same time, each on {each}")
    waiting = deque(jobs)
    running: list[_Running] = []
    with _terminated_by_sigterm():
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    running.append(_start(waiting.popleft(), threads))
                for one in _ended(running):
                    one.check()
                    running.remove(one)
        except BaseException:
            _end(running)
            raise


@dataclass(frozen=True)
class _Running:
    """A job in its process, and where its problems arrive."""

    job: Job
    process: BaseProcess
    problems: Connection

    def check(self) -> None:
        """Wait for the end of the process. Raise UserError if it did not do its work."""
        found: tuple[Problem, ...] = ()
        # Nothing comes but the end unless the run has found problems.
        with contextlib.suppress(EOFError):
            found = self.problems.recv() if self.problems.poll() else ()
        self.process.join()
        code = self.process.exitcode
        if found:
            raise UserError(found)
        if code == _READER_GONE:
            raise BrokenPipeError
        if code:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            fix = f"see what it printed; --resume-from {AUTO} goes on where each run stopped"
            raise user_error(self.job.name, f"its process ended with {how}", fix=fix)
        say(f"{self.job.name}: trained")


def _ended(running: Sequence[_Running]) -> list[_Running]:
    """Wait until a process ends, or has sent its problems. Return those that have."""
    # Problems may be more than a pipe holds: their process waits until they are read. Workers that
    # read clips hold the pipe open, so its end alone does not tell.
    ready = wait([end for one in running for end in (one.process.sentinel, one.problems)])
    return [one for one in running if one.process.sentinel in ready or one.problems in ready]


def _start(job: Job, threads: int) -> _Running:
    # A process that is spawned is a child of this one, and goes on where a server that forks it
    # would be ended by a signal to the group.
    context = multiprocessing.get_context("spawn")
    receives, sends = context.Pipe(duplex=False)
    process = context.Process(target=_train, args=(job, threads, sends))

    # Until the process has left this group, signals to the group have to wait in it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    # The process holds the only open end, so that its end is seen.
    sends.close()
    return _Running(job, process, receives)


def _train(job: Job, threads: int, problems: Connection) -> None:
    """Train a job in this process, and end with its exit code."""
    # Ctrl-C is for the study, which passes it on. A study that was killed ends its runs.
    os.setpgrp()
    while signal.SIGINT in signal.sigpending():
        signal.sigwait({signal.SIGINT})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_study, daemon=True).start()

    print_any_text()
    lead_lines_with(f"{job.name}: ")
    torch.set_num_threads(threads)
    try:
        code = exit_code_of(lambda: _train_here(job, problems))
    finally:
        kill_workers()
    raise SystemExit(code)


def _train_here(job: Job, problems: Connection) -> int:
    """Train a job, send the study what is wrong, and return an exit code."""
    from action_recognition.training.prepared import prepare
    from action_recognition.training.run import train_prepared

    held_by_the_study(job.options.save_checkpoints_to)
    try:
        prepared = prepare(job.work_dir, job.options)
        train_prepared(dataclasses.replace(prepared, best_is="last"))
    except UserError as error:
        problems.send(error.problems)
        return error.exit_code
    except Terminated as error:
        # The study says so, once.
        return error.exit_code
    except BrokenPipeError:
        drop_stdout()
        return _READER_GONE
    except OSError as error:
        if error.errno is None:
            raise
        problems.send((system_problem(error),))
        return EXIT_USER_ERROR
    return 0


def _end_with_study() -> None:
    """Ask this process to save and end once the study has ended."""
    study = multiprocessing.parent_process()
    if study is not None:
        study.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _end(running: Sequence[_Running]) -> None:
    """Let processes save and end. Those that take too long, or a second signal, are killed."""
    until = time.monotonic() + _SAVES_WITHIN_S
    try:
        for one in running:
            one.process.terminate()
        for one in running:
            one.process.join(max(0.0, until - time.monotonic()))
    finally:
        for one in running:
            one.process.kill()
            one.process.join()


@contextlib.contextmanager
def _terminated_by_sigterm() -> Iterator[None]:
    """Raise Terminated at SIGTERM, where this thread may handle signals."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

"""Reading many files at a time, in processes of their own: a file that brings a decoder down takes nothing else with it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from action_recognition.data.checking.media import Fault, MediaReport, inspect_media

_WAITING_PER_JOB = 4
Inspect = Callable[[Path], MediaReport]


def inspect_all(paths: Sequence[Path], jobs: int, inspect: Inspect = inspect_media) -> Iterator[tuple[Path, MediaReport]]:
    """Each path with its report, as they come; `inspect` is a function of a module. With one job everything runs in this process."""
    if jobs == 1:
        yield from ((path, inspect(path)) for path in paths)
        return
    left = iter(paths)
    lost: list[Path] = []
    while True:
        with _pool(jobs) as pool:
            yield from _until_broken(pool, left, lost, jobs * _WAITING_PER_JOB, inspect)
        if not lost:
            return
        for path in lost:  # one of them brought its process down: each gets one of its own
            yield path, _alone(path, inspect)
        lost.clear()


def _until_broken(
    pool: ProcessPoolExecutor, left: Iterator[Path], lost: list[Path], num_waiting: int, inspect: Inspect
) -> Iterator[tuple[Path, MediaReport]]:
    waiting: dict[Future[MediaReport], Path] = {}
    try:
        while True:
            while len(waiting) < num_waiting and not lost and (path := next(left, None)) is not None:
                try:
                    waiting[pool.submit(inspect, path)] = path
                except BrokenProcessPool:
                    lost.append(path)
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                path = waiting.pop(future)
                try:
                    yield path, future.result()
                except BrokenProcessPool:
                    lost.append(path)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _alone(path: Path, inspect: Inspect) -> MediaReport:
    with _pool(1) as pool:
        try:
            return pool.submit(inspect, path).result()
        except BrokenProcessPool:
            repair = "convert it again from its source (ffmpeg), or leave its lines out"
            return MediaReport((Fault("unreadable", f"{path.name} brings the decoder down", repair, fatal=True),))


def _pool(jobs: int) -> ProcessPoolExecutor:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([inspect_media.__module__])  # libraries are imported once, not once a process
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    import signal

    import cv2

    cv2.setNumThreads(0)  # the processes are the parallel part
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits

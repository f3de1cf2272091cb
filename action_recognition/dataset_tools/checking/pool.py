"""Reading many files at a time, in processes of their own: a file that brings a decoder down takes nothing else with it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

from action_recognition.dataset_tools.checking.media_reading import inspect_media
from action_recognition.dataset_tools.checking.media_report import Fault, MediaReport

_WAITING_PER_JOB = 4
Item = TypeVar("Item")
Result = TypeVar("Result")


def inspect_all(
    paths: Sequence[Path], jobs: int, inspect: Callable[[Path], MediaReport] = inspect_media
) -> Iterator[tuple[Path, MediaReport]]:
    """Each path with its report, as they come."""
    return map_apart(inspect, paths, jobs, _brought_down)


def _brought_down(path: Path) -> MediaReport:
    repair = "convert it again from its source (ffmpeg), or leave its lines out"
    return MediaReport(
        (Fault("unreadable", f"{path.name} brings the decoder down", repair, fatal=True),)
    )


def map_apart(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    lost_result: Callable[[Item], Result],
) -> Iterator[tuple[Item, Result]]:
    """Each item with the function's result, as they come; `lost_result` gives that of an item that ends its process.

    `function` is one of a module. With one job everything runs in this process.
    """
    if jobs == 1:
        yield from ((item, function(item)) for item in items)
        return
    left = iter(items)
    lost: list[Item] = []
    while True:
        with _pool(jobs) as pool:
            yield from _until_broken(pool, function, left, lost, jobs * _WAITING_PER_JOB)
        if not lost:
            return
        for item in lost:  # one of them brought its process down: each gets one of its own
            yield item, _alone(function, item, lost_result)
        lost.clear()


def _until_broken(
    pool: ProcessPoolExecutor,
    function: Callable[[Item], Result],
    left: Iterator[Item],
    lost: list[Item],
    num_waiting: int,
) -> Iterator[tuple[Item, Result]]:
    waiting: dict[Future[Result], Item] = {}
    try:
        while True:
            while len(waiting) < num_waiting and not lost:
                try:
                    item = next(left)
                except StopIteration:
                    break
                try:
                    waiting[pool.submit(function, item)] = item
                except BrokenProcessPool:
                    lost.append(item)
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                item = waiting.pop(future)
                try:
                    yield item, future.result()
                except BrokenProcessPool:
                    lost.append(item)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _alone(
    function: Callable[[Item], Result], item: Item, lost_result: Callable[[Item], Result]
) -> Result:
    with _pool(1) as pool:
        try:
            return pool.submit(function, item).result()
        except BrokenProcessPool:
            return lost_result(item)


def _pool(jobs: int) -> ProcessPoolExecutor:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(
            [inspect_media.__module__]
        )  # libraries are imported once, not once a process
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    import signal

    import cv2

    cv2.setNumThreads(0)  # the processes are the parallel part
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits

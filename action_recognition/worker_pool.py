"""Call a function for many items at a time, in separate processes.

An item that brings its process down takes nothing else with it.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Generic, TypeVar

# Calls per process that are queued, so that no process is idle.
_WAITING_PER_JOB = 4
Item = TypeVar("Item")
Result = TypeVar("Result")


def map_apart(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    lost_result: Callable[[Item], Result],
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with the function's result, as they come.

    With one job, everything runs in this process.

    Args:
        function: a function of a module, so that other processes can import it.
        items: the arguments of the calls.
        jobs: the number of processes.
        lost_result: gives the result of an item that ends its process.

    """
    if jobs == 1:
        yield from ((item, function(item)) for item in items)
        return

    # A pool is broken by the first process that ends: the rest needs another one.
    work = _Work(function, iter(items), jobs * _WAITING_PER_JOB)
    while True:
        with _pool(jobs, function) as pool:
            yield from work.results_until_broken(pool)
        if not work.lost:
            return
        # One of them brought its process down: each gets a separate process.
        for item in work.lost:
            yield item, _alone(function, item, lost_result)
        work.lost.clear()


@dataclass
class _Work(Generic[Item, Result]):
    """Calls that are left to make, and the items that were lost when a process ended."""

    function: Callable[[Item], Result]
    left: Iterator[Item]
    num_waiting: int
    lost: list[Item] = field(default_factory=list)

    def results_until_broken(self, pool: ProcessPoolExecutor) -> Iterator[tuple[Item, Result]]:
        """Yield items with their results until no item is left or a process of the pool ends."""
        waiting: dict[Future[Result], Item] = {}
        try:
            self._submit(pool, waiting)
            while waiting:
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    item = waiting.pop(future)
                    try:
                        yield item, future.result()
                    except BrokenProcessPool:
                        self.lost.append(item)
                self._submit(pool, waiting)
        finally:
            # Wait, since `with` does not wait any more after this call. A thread of the pool that
            # is alive at the end of Python closes the pipe that Python 3.11 then writes to.
            pool.shutdown(cancel_futures=True)

    def _submit(self, pool: ProcessPoolExecutor, waiting: dict[Future[Result], Item]) -> None:
        """Submit items until enough of them wait. A broken pool gets none."""
        while len(waiting) < self.num_waiting and not self.lost:
            try:
                item = next(self.left)
            except StopIteration:
                return
            try:
                waiting[pool.submit(self.function, item)] = item
            except BrokenProcessPool:
                self.lost.append(item)


def _alone(
    function: Callable[[Item], Result], item: Item, lost_result: Callable[[Item], Result]
) -> Result:
    """Call the function in a separate process."""
    with _pool(1, function) as pool:
        try:
            return pool.submit(function, item).result()
        except BrokenProcessPool:
            return lost_result(item)


def _pool(jobs: int, function: Callable[..., object]) -> ProcessPoolExecutor:
    # Where there is no forkserver, as on Windows, processes are spawned.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        # Libraries are imported once, not once a process.
        context.set_forkserver_preload([getattr(function, "func", function).__module__])
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    import signal

    import cv2

    # The processes are the parallel part.
    cv2.setNumThreads(0)
    # Ctrl-C is for the process that waits.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

"""The loader that reads batches of clips in worker processes."""

from __future__ import annotations

import atexit
import functools
import multiprocessing
import multiprocessing.queues
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
from torch.utils.data import DataLoader, Dataset, Sampler

from action_recognition.data.batches import Batch, DamagedClip, Sample
from action_recognition.data.loading.hand_over import SHARED_MEMORY, collate_to_send
from action_recognition.data.video import set_decode_threads
from action_recognition.errors import UserError, user_error

# PyTorch's words for a worker that is gone.
_ENDS_OF_WORKERS = ("killed by signal", "exited unexpectedly")


def make_loader(
    dataset: Dataset[Sample | DamagedClip],
    batch_size: int,
    sampler: Sampler[int] | Sampler[tuple[int, int, int]],
    num_workers: int = 0,
    drop_last: bool = False,
    pin_memory: bool = False,
) -> DataLoader[Batch]:
    """Return a loader of `Batch` in the sampler's order. Workers live as long as the loader."""
    if num_workers:
        _end_workers_at_exit()
    # DataLoader[T] is typed by its items. Here T is the batch that it yields.
    loader: DataLoader[Batch] = DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        drop_last=drop_last,
        pin_memory=pin_memory,
        collate_fn=collate_to_send,
        worker_init_fn=_start_worker,
        persistent_workers=num_workers > 0,
    )
    return loader


@contextmanager
def dead_workers_told() -> Iterator[None]:
    """Turn PyTorch's error about a worker that has died into a UserError."""
    try:
        yield
    except RuntimeError as error:
        if (known := dead_worker(str(error))) is not None:
            raise known from None
        raise


def dead_worker(message: str, then: str = "") -> UserError | None:
    """Return the user error for PyTorch's message about a dead worker, None for another message.

    `then` says how to go on.
    """
    if "DataLoader worker" not in message or not any(end in message for end in _ENDS_OF_WORKERS):
        return None
    first_line = message.strip().splitlines()[0][:200]
    memory = f", see that {SHARED_MEMORY} has room" if "Bus error" in message else ""
    found = f"a process that decodes clips died: {first_line}"
    return user_error("--num-workers", found, fix=f"use fewer{memory}{then}")


@functools.cache
def _end_workers_at_exit() -> None:
    # Registered after multiprocessing's own handler, so that it runs before that one.
    atexit.register(kill_workers)


def kill_workers() -> None:
    """Kill data workers at the end of the process. One that `multiprocessing` started calls it.

    Python ends daemons by SIGTERM, which workers ignore, and waits. It would wait for ever where a
    loader is still in use, as after an interruption.
    """
    workers = [child for child in multiprocessing.active_children() if child.daemon]
    if workers and hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch takes a killed worker for a failure

    for worker in workers:
        worker.kill()


def _start_worker(worker_id: int) -> None:
    # Ctrl-C in a terminal and a cluster's SIGTERM reach all processes.
    # The main one still needs clips until it has saved.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)

    # By default Python prints a batch that cannot be sent, drops it, and the loader waits for ever.
    multiprocessing.queues.Queue._on_queue_feeder_error = staticmethod(  # type: ignore[attr-defined]
        _end_with_the_lost_batch
    )

    # The workers are the parallel part.
    cv2.setNumThreads(0)
    set_decode_threads(1)


def _end_with_the_lost_batch(error: Exception, batch: object) -> None:
    """End this worker: the main process sees that, and ends the run with a message."""
    print(f"error: a batch of clips cannot be sent: {error}", file=sys.stderr, flush=True)
    os._exit(1)

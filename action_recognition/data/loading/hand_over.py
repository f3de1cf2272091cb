"""Batches of clips on their way from a worker to the main process.

A worker decodes into shared memory, which costs the main process no copy. A container has 64 MB of
it by default. Where a batch does not fit, it is sent through the pipe between the processes.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate, get_worker_info

from action_recognition.console import say
from action_recognition.data.batches import Batch, DamagedClip, Sample, collate

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where Linux keeps shared memory
# Left free for other processes, and for the semaphores of this one.
_RESERVE_BYTES = 1 << 20


class _SentThroughPipe:
    """A tensor that arrives in the main process as a copy. No shared memory is used.

    PyTorch itself shares every tensor that is sent. It does so in a thread, where an error loses
    the batch.
    """

    def __init__(self, tensor: Tensor, *, for_want_of_room: bool = False) -> None:
        self._array = tensor.numpy()
        self._for_want_of_room = for_want_of_room

    def __reduce__(self) -> tuple[Callable[..., Tensor], tuple[NDArray[Any], bool]]:
        return _received, (self._array, self._for_want_of_room)


def _received(array: NDArray[Any], for_want_of_room: bool) -> Tensor:
    """Return a tensor from a pipe, and say once why it came that way."""
    if for_want_of_room:
        _say_why()
    return torch.from_numpy(array)


@functools.cache
def _say_why() -> None:
    say(
        f"note: {SHARED_MEMORY} has no room for a batch, so clips come through pipes, which is "
        "slower; docker run --shm-size=8g gives more"
    )


def shared_room_bytes() -> int | None:
    """Return how much shared memory is free, or None where the system does not tell."""
    try:
        found = os.statvfs(SHARED_MEMORY)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def collate_to_send(items: Sequence[Sample | DamagedClip]) -> Batch:
    """Return `collate`'s batch in a form that leaves a worker whole.

    Clips are stacked in shared memory if it has room for them. The small tensors go through the
    pipe: each would take a page of shared memory, and a file descriptor.
    """
    in_worker = get_worker_info() is not None
    batch = collate(items, stack=_stack_to_send if in_worker else torch.stack)
    if not in_worker:
        return batch
    small: dict[str, Any] = {
        "labels": batch.labels,
        "indices": batch.indices,
        "inside": batch.inside,
        "targets": batch.targets,
    }
    sent: dict[str, Any] = {
        name: None if tensor is None else _SentThroughPipe(tensor) for name, tensor in small.items()
    }
    return batch._replace(**sent)


def _stack_to_send(clips: Sequence[Tensor]) -> Any:
    """Stack clips (N, ...) in shared memory, or as a `_SentThroughPipe`."""
    needed = sum(clip.nbytes for clip in clips) + _RESERVE_BYTES
    room = shared_room_bytes()
    if room is None or needed <= room:
        try:
            # It stacks into shared memory in a worker.
            return default_collate(list(clips))
        except RuntimeError:
            # Another process took the room meanwhile. Clips that do not fit together fail below.
            pass
    return _SentThroughPipe(torch.stack(list(clips)), for_want_of_room=True)

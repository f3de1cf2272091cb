"""Memory on the CPU: it is kept for the next step, and garbage is collected once an epoch."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import lightning as L
from lightning.pytorch.callbacks import Callback

# Source: malloc.h of the GNU C library,
# https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_NEVER = 2**31 - 1
_TOP_PAD_BYTES = 64 * 1024**2


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees. Return False if the C library cannot do that.

    It cannot on macOS, with musl and on Windows. Every step asks for tensors of the same sizes. By
    default the GNU C library returns freed memory to the system, which fills each page with zeros
    again. That takes a fifth of the step's time (docs/results/benchmarks.md). The peak stays about
    the same.
    """
    # On Windows a process has no C library of its own.
    if sys.platform == "win32":
        return False

    # macOS and musl have no mallopt.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False

    # No block is mapped by itself, nothing is trimmed, and the heap grows by much at a time.
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _TOP_PAD_BYTES))
    return all([mallopt(name, value) == 1 for name, value in settings])


class CollectEachEpoch(Callback):
    """Collects garbage before each epoch.

    The pictures drawn between epochs are cycles of objects, which only the collector frees. Among
    half a million objects of libraries it rarely runs by itself. The pictures of many epochs were
    then held at once (4 % of the memory, docs/results/scale.md).
    """

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Run the garbage collector."""
        gc.collect()


@contextmanager
def objects_kept() -> Iterator[None]:
    """Exclude the objects that exist already from garbage collections within the block.

    A collection then takes milliseconds instead of a quarter of a second. Within another such block
    nothing is done: a search and folds train often, and what is new since then is little.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

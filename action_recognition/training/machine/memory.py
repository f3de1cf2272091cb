"""Memory of a training step on the CPU is kept for the next step; garbage is looked for once an epoch."""

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
    """Let this process keep what it frees; False where the C library cannot be told (macOS, musl, Windows).

    Every step asks for the same tensors. By itself the GNU C library gives them back to the system when they are freed, which then has to
    fill each page with zeros anew: a fifth of the step's time (docs/benchmarks.md). The most that is held stays about the same.
    """
    # On Windows a process has no C library of its own.
    if sys.platform == "win32":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False

    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _TOP_PAD_BYTES))
    return all([mallopt(name, value) == 1 for name, value in settings])


class CollectEachEpoch(Callback):
    """Looks for garbage before each epoch.

    The pictures that are drawn between epochs are cycles of objects: only the collector frees them, and among half a million objects of
    libraries it looks by itself so rarely that the pictures of many epochs were held at once (4 % of the memory, docs/scale.md).
    """

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Run the garbage collector."""
        gc.collect()


@contextmanager
def objects_kept() -> Iterator[None]:
    """What is there before is not looked through within: a collection takes milliseconds instead of a quarter of a second."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

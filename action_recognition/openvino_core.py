"""The one OpenVINO core of a process.

OpenVINO's CPU plugin sets an alternate signal stack for the thread that loads it, and frees that memory when its core goes. Two cores that
go in the order in which they came leave the thread with a stack that is freed, and the next signal with a handler on it (the end of a child
process, say, once PyTorch's data workers have run) ends the process by SIGSEGV. A core that stays to the end of the process cannot.
Libraries that make cores of their own (NNCF does) are called by `in_own_thread`: the stack is that thread's then, and goes with it.

Source: OpenVINO 2026.4, src/plugins/intel_cpu/src/plugin.cpp, SigAltStackSetup (pull request 11894); seen under gdb.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

_Result = TypeVar("_Result")


@cache
def openvino_core() -> Any:
    """The core that all of this process uses; OpenVINO is imported at the first call."""
    import openvino

    return openvino.Core()


def in_own_thread(work: Callable[[], _Result]) -> _Result:
    """What `work` returns or raises, from a thread that ends with it."""
    with ThreadPoolExecutor(1, thread_name_prefix="openvino") as executor:
        return executor.submit(work).result()

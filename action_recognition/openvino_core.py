"""The one OpenVINO core of a process.

OpenVINO's CPU plugin sets an alternate signal stack for the thread that loads it. It frees that
memory when its core is destroyed. Two cores that are destroyed in the order of their creation
leave the thread with a freed stack. The next signal with a handler on that stack ends the process
by SIGSEGV: the end of a child process, for example, once PyTorch's data workers have run. A core
that lives to the end of the process does no harm.

Libraries that create cores themselves, as NNCF does, are called by `in_own_thread`. The stack then
belongs to that thread and ends with it.

Source: OpenVINO 2026.4, src/plugins/intel_cpu/src/plugin.cpp, SigAltStackSetup (pull request
11894); seen under gdb.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

_Result = TypeVar("_Result")


@cache
def openvino_core() -> Any:
    """Return the core that all of this process uses. The first call imports OpenVINO."""
    # Slow to import, and not every command needs it.
    import openvino

    return openvino.Core()


def in_own_thread(work: Callable[[], _Result]) -> _Result:
    """Run `work` in a thread that ends with it. Return its result or raise its error."""
    with ThreadPoolExecutor(1, thread_name_prefix="openvino") as executor:
        return executor.submit(work).result()

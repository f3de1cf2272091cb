"""Stand in for `python`: let the server fork a process for a script, or start a real Python.

A copy of this file is the program that `warm_python()` names. It imports a few modules of the
standard library only, since every command waits for it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from typing import Any, NoReturn

FOLDER = os.path.dirname(os.path.abspath(__file__))
# Variables that Python or a library reads when it starts or is imported, by the way they begin.
READ_AT_START = (
    *("PYTHON", "LD_PRELOAD", "LC_", "LANG", "MALLOC_", "GLIBC_", "TZ"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "TBB_", "ONEDNN_", "DNNL_"),
    *("TORCH_", "PYTORCH_", "CUDA_", "NVIDIA_", "NCCL_", "LIGHTNING_", "TIMM_"),
    *("OV_", "OPENVINO", "ONNX", "ORT_", "NNCF_", "HF_", "OPENCV_", "AV_", "MPL"),
)
# These are taken over, change nothing where each process has one thread, are read later, or are set
# by PyTorch itself for its children.
TAKEN_OVER = (
    *("PYTHONPATH", "PYTHONUNBUFFERED", "OMP_WAIT_POLICY"),
    *("TORCH_NCCL_ASYNC_ERROR_HANDLING", "PYTORCH_NVML_BASED_CUDA_CHECK"),
    *("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"),
)
FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
LIMITS = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))


def limits() -> dict[str, list[int]]:
    """Return the limits of this process (`ulimit`), soft and hard."""
    return {name: list(resource.getrlimit(getattr(resource, name))) for name in LIMITS}


def ignored_signals() -> list[str]:
    """Return the signals that this process ignores: its children would, too."""
    return [name for name in FORWARDED if signal.getsignal(getattr(signal, name)) == signal.SIG_IGN]


def start_variables(environment: dict[str, str]) -> dict[str, str]:
    """Return the variables that matter at the start of a process."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(READ_AT_START) and name not in TAKEN_OVER
    }


def open_files() -> list[int]:
    """Return the numbers of the open files of this process."""
    numbers = sorted(map(int, os.listdir("/proc/self/fd")))
    # One of them was that of the list.
    return [number for number in numbers if os.path.exists(f"/proc/self/fd/{number}")]


def is_served(words: list[str], files: list[int], server: dict[str, Any]) -> bool:
    """Return True if a forked process would be as a real one would."""
    is_code = len(words) > 1 and words[0] in ("-c", "-m")
    is_script = len(words) > 0 and os.path.isfile(words[0])
    return (
        (is_code or is_script)
        and files == [0, 1, 2]
        and start_variables(dict(os.environ)) == server["variables"]
        and limits() == server["limits"]
        and ignored_signals() == server["ignored"]
    )


def main() -> NoReturn:
    """Do what a `python` with these words would do."""
    given, files = sys.argv[1:], open_files()
    is_unbuffered = given[:1] == ["-u"] or bool(os.environ.get("PYTHONUNBUFFERED"))
    words = given[1:] if given[:1] == ["-u"] else given
    with open(os.path.join(FOLDER, "server.json"), encoding="utf-8") as file:
        server = json.load(file)
    connection = socket.socket(socket.AF_UNIX)
    try:
        if not is_served(words, files, server):
            raise OSError
        connection.connect(os.path.join(FOLDER, "socket"))
    except OSError:
        os.execv(server["python"], [server["python"], *given])

    # A signal that comes now waits until the number of the process is known.
    numbers = [getattr(signal, name) for name in FORWARDED]
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    request = {
        "words": words,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "umask": os.umask(0),
        "is_unbuffered": is_unbuffered,
        "program": os.path.abspath(__file__),
    }
    text = json.dumps(request).encode()
    socket.send_fds(connection, [b"R" + len(text).to_bytes(4, "big")], [0, 1, 2])
    connection.sendall(text)
    answers = connection.makefile("r")
    process = int(answers.readline())
    for number in numbers:
        signal.signal(number, lambda number, frame: os.kill(process, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    end = os.waitstatus_to_exitcode(int(answers.readline()))
    if end >= 0:
        os._exit(end)
    # A signal ended it. It ends this process, too.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -end not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-end, signal.SIG_DFL)
    os.kill(os.getpid(), -end)
    os._exit(128 - end)


if __name__ == "__main__":
    main()

"""A `python` for tests of commands that has the heavy libraries already.

`python tools/x.py` takes one to five seconds of CPU before it does anything: it imports PyTorch,
Lightning, OpenVINO. Tests start it a hundred times. `warm_python()` is a program to put in place of
`sys.executable`. It hands its words, environment, folder and streams to a server. The server forks
a process that has imported the libraries, and nothing else, and runs the script in it.

What is as ever: the script runs as `__main__` in a process of its own, with its own exit code,
signals, threads and streams. The package itself is imported anew. A process that the script starts
by `sys.executable` is warm, too.

What differs: the server has decided what is decided while Python or a library starts. So the
program starts a real Python for options (`-X`, `-I`), closed streams, passed files, other limits
(`ulimit`) or ignored signals, and other values of variables that libraries read when they are
imported (`client.py` lists them). Python does not take its modules apart at the end.

Tests use `sys.executable` themselves where they measure a start, look at what is imported, watch
how a library ends, compare two processes to the bit (all children have one seed of hashes), or
signal a group of processes. With `COLD_PYTHON=1` every process is a real one.

A server serves all workers of a run. Where there is one worker, it imports a library once an
earlier script has needed it, so that a single command costs no more than before. It ends with the
last worker.
"""

from __future__ import annotations

import fcntl
import functools
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
STARTS_WITHIN_S = 60.0
# As it was before a test changed it.
ENVIRONMENT = dict(os.environ)
# Kept for the life of this process.
_held: list[socket.socket] = []


@functools.cache
def warm_python() -> str:
    """Return the path of the program. The first call of a run starts the server."""
    # No other system tells the server by a file descriptor when a child has ended.
    if not hasattr(os, "pidfd_open") or os.environ.get("COLD_PYTHON") == "1":
        return sys.executable
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"process-{os.getpid()}")
    folder = Path(tempfile.gettempdir()) / f"warm-python-{run}"
    folder.mkdir(mode=0o700, exist_ok=True)
    _held.append(start(folder, import_all="PYTEST_XDIST_WORKER" in os.environ))
    return str(folder / "python")


def start(folder: Path, *, import_all: bool = False) -> socket.socket:
    """Start a server in `folder`, unless one is there. It runs as long as somebody holds it.

    With `import_all` it imports every library before the first script.

    Returns a connection that holds it.
    """
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        holder = _connected(folder)
        if holder is not None:
            return holder
        _write_program(folder)
        environment = {name: ENVIRONMENT[name] for name in ENVIRONMENT if name != "PYTHONPATH"}
        flags = ["--import-all"] if import_all else []
        with (folder / "log").open("wb") as log:
            subprocess.Popen(
                [sys.executable, "-m", "tests.warm.server", str(folder), *flags],
                cwd=HERE.parents[1],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + STARTS_WITHIN_S
        while (holder := _connected(folder)) is None:
            if time.monotonic() > end:
                raise RuntimeError(f"no server: {(folder / 'log').read_text()}")
            time.sleep(0.01)
        return holder


def _connected(folder: Path) -> socket.socket | None:
    """Return a connection that holds the server, None where there is no server."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(folder / "socket"))
        connection.sendall(b"H")
    except OSError:
        connection.close()
        return None
    return connection


def _write_program(folder: Path) -> None:
    """Write the program: the client, which starts without site packages in 10 ms."""
    program = folder / "python"
    text = (HERE / "client.py").read_text(encoding="utf-8")
    program.write_text(f"#!{sys.executable} -IS\n{text}", encoding="utf-8")
    program.chmod(0o700)

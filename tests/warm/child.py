"""What a forked process does to be the one that was asked for."""

from __future__ import annotations

import atexit
import ctypes
import io
import os
import runpy
import signal
import sys
import threading
import types
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NoReturn

_HERE = Path(__file__).resolve().parent
_BASE_PATH = sys.path[1:]  # without the folder that `-m` puts before it


@dataclass(frozen=True)
class Request:
    """A script with its words, and all that a process has from the one that starts it."""

    words: list[str]
    folder: str
    environment: dict[str, str]
    umask: int
    is_unbuffered: bool
    # The `python` that was started: a script that starts `sys.executable` starts it again.
    program: str
    descriptors: list[int]

    def become(self) -> NoReturn:
        """Run the script in this process, and end it."""
        os.setsid()
        for number, descriptor in enumerate(self.descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _open_streams(self.is_unbuffered)
        os.chdir(self.folder)
        os.umask(self.umask)
        os.environ.clear()
        os.environ.update(self.environment)
        sys.executable = self.program
        if "numpy" in sys.modules:
            # All children would draw the same numbers.
            sys.modules["numpy"].random.seed()
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]
        _end(_exit_code(self._run))

    def _run(self) -> None:
        kind = self.words[0] if self.words[0] in ("-c", "-m") else ""
        script = Path.cwd() / self.words[0]
        folder = {"-c": "", "-m": str(Path.cwd())}.get(kind, str(script.resolve().parent))
        given = self.environment.get("PYTHONPATH", "")
        sys.path[:] = [folder, *filter(None, given.split(os.pathsep)), *_BASE_PATH]
        sys.argv = [kind, *self.words[2:]] if kind else self.words
        if kind == "-m":
            runpy.run_module(self.words[1], run_name="__main__", alter_sys=True)
            return

        sys.modules["__main__"] = main = types.ModuleType("__main__")
        variables: dict[str, Any] = main.__dict__
        code: str | bytes = self.words[1]
        if not kind:
            code = script.read_bytes()
            loader = SourceFileLoader("__main__", str(script))
            variables |= {"__file__": str(script), "__loader__": loader}
        place = "<string>" if kind else str(script)
        exec(compile(code, place, "exec", dont_inherit=True), variables)


def _exit_code(run: Callable[[], None]) -> int:
    """Return the code with which Python would end, or less a signal by which it would end itself.

    It prints what Python would print.
    """
    try:
        run()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        _print_traceback(error)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _end(code: int) -> NoReturn:
    """End the process: threads are waited for, what is left to be done and to be printed is.

    Modules are not taken apart. With all libraries that would take a second.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            # Whatever the script said, as in Python.
            code = 120 if code >= 0 else code
            if stream is sys.stdout:
                told = f"Exception ignored in: {stream!r}\n{type(error).__name__}: {error}"
                with suppress(OSError):
                    print(told, file=sys.stderr)

    # What a library in C has printed waits in a buffer of its own.
    ctypes.CDLL(None).fflush(None)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def _open_streams(is_unbuffered: bool) -> None:
    """Make the three standard streams anew: a pipe, a file and a terminal are buffered in their own
    ways.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        before = getattr(sys, name)
        raw = io.FileIO(number, mode, closefd=False)
        buffer: Any = raw
        if mode == "r":
            buffer = io.BufferedReader(raw)
        elif not is_unbuffered:
            buffer = io.BufferedWriter(raw)
        stream = io.TextIOWrapper(
            buffer,
            before.encoding,
            before.errors,
            line_buffering=number == 2 or raw.isatty(),
            write_through=is_unbuffered,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _print_traceback(error: BaseException) -> None:
    """Print a traceback without the frames of the server."""
    shown = frame = error.__traceback__
    while frame is not None:
        if Path(frame.tb_frame.f_code.co_filename).parent == _HERE:
            shown = frame.tb_next
        frame = frame.tb_next
    sys.excepthook(type(error), error.with_traceback(shown), shown)

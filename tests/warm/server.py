"""Fork a process with the heavy libraries for each script that a client asks for.

The server never computes and has one thread, so that its children can start threads of their own.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.operators import EXPORTER, keep_one_table
from tests.warm.child import Request
from tests.warm.client import ignored_signals, limits, start_variables

# In the order of their import. What a script has needed is imported for those after it.
LIBRARIES: Final = (
    *("numpy", "yaml", "pydantic", "rich.console", "cv2", "av", "PIL.Image"),
    *("torch", "torch.utils.data", "torchvision", "lightning", "torch.utils.tensorboard"),
    *("torch._functorch.aot_autograd", "torch.onnx._internal.exporter._core"),
    *("openvino", "onnx", "onnxscript", "onnxruntime", "nncf", "timm", "optuna", "sklearn"),
)


@dataclass(frozen=True)
class Child:
    """A process that runs a script, its client, and where it says what it has imported."""

    number: int
    handle: int
    client: socket.socket
    imported: int


class Server:
    """Serves clients until nobody holds it."""

    def __init__(self, folder: Path, libraries: Collection[str]) -> None:
        self._poll = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._holders = self._children = 0
        self._wanted = set(libraries)
        self._listen(folder)

    def serve(self) -> Request | None:
        """Return what to run in a child, and None in the server once nobody holds it."""
        was_held = False
        while self._holders or self._children or not was_held:
            for key, _ in self._poll.select():
                # An earlier event of this round may have closed it.
                request = key.data() if key.fd in self._poll.get_map() else None
                if request is not None:
                    return request
            was_held = was_held or self._holders > 0
        return None

    def _listen(self, folder: Path) -> None:
        """Write what clients have to know, and listen."""
        about = {
            "python": sys.executable,
            "variables": start_variables(dict(os.environ)),
            "limits": limits(),
            "ignored": ignored_signals(),
        }
        (folder / "server.json").write_text(json.dumps(about))
        (folder / "socket").unlink(missing_ok=True)
        self._listener.bind(str(folder / "socket"))
        self._listener.listen(64)
        self._poll.register(self._listener, selectors.EVENT_READ, self._accept)

    def _accept(self) -> Request | None:
        connection, _ = self._listener.accept()
        head, descriptors, _, _ = socket.recv_fds(connection, 5, 3)
        if head[:1] == b"H":
            self._holders += 1
            let_go = lambda: self._let_go(connection)  # noqa: E731
            self._poll.register(connection, selectors.EVENT_READ, let_go)
            return None
        # A client may be killed before it has asked for anything.
        try:
            with connection.makefile("rb") as file:
                size = int.from_bytes(head[1:], "big")
                request = Request(descriptors=descriptors, **json.loads(file.read(size)))
        except (OSError, ValueError):
            connection.close()
            for descriptor in descriptors:
                os.close(descriptor)
            return None
        self._import_wanted()
        return self._fork(request, connection)

    def _let_go(self, connection: socket.socket) -> None:
        self._poll.unregister(connection)
        connection.close()
        self._holders -= 1

    def _import_wanted(self) -> None:
        """Import what earlier scripts have needed."""
        names = [name for name in LIBRARIES if name in self._wanted]
        self._wanted.clear()
        if not names:
            return
        # The package switches off what libraries report, if it is there before them. A child
        # imports it anew.
        for name in ("action_recognition", "action_recognition.training", *names):
            importlib.import_module(name)
        if EXPORTER in sys.modules:
            # Children that export find the table of operators ready.
            keep_one_table()()
        for name in [
            name for name in sys.modules if name.partition(".")[0] == "action_recognition"
        ]:
            del sys.modules[name]
        # A child would copy each page of memory in which the collector marks an object.
        gc.collect()
        gc.freeze()

    def _fork(self, request: Request, connection: socket.socket) -> Request | None:
        reader, writer = os.pipe()
        number = os.fork()
        if number == 0:
            for key in list(self._poll.get_map().values()):
                os.close(key.fd)
            self._poll.close()
            connection.detach()
            atexit.register(_report, writer, set(sys.modules))
            return request

        os.close(writer)
        for descriptor in request.descriptors:
            os.close(descriptor)
        # One that is gone by now is noticed when it is polled.
        with suppress(OSError):
            connection.sendall(f"{number}\n".encode())
        child = Child(number, os.pidfd_open(number), connection, reader)
        self._children += 1
        self._poll.register(child.handle, selectors.EVENT_READ, lambda: self._ended(child))
        self._poll.register(connection, selectors.EVENT_READ, lambda: self._lost(child))
        return None

    def _lost(self, child: Child) -> None:
        """Kill the process of a client that was killed."""
        self._poll.unregister(child.client)
        os.kill(child.number, signal.SIGKILL)

    def _ended(self, child: Child) -> None:
        """Tell the client how the process ended."""
        _, status = os.waitpid(child.number, 0)
        # Not to the end of the file: a process that the child has left behind may hold it.
        os.set_blocking(child.imported, False)
        with suppress(BlockingIOError):
            self._wanted.update(os.read(child.imported, 1 << 16).decode().split())
        os.close(child.imported)
        with suppress(OSError):
            child.client.sendall(f"{status}\n".encode())
        self._poll.unregister(child.handle)
        os.close(child.handle)
        with suppress(KeyError):
            self._poll.unregister(child.client)
        child.client.close()
        self._children -= 1


def _report(writer: int, known: set[str]) -> None:
    """Write which libraries a child has imported itself."""
    names = [name for name in LIBRARIES if name in sys.modules and name not in known]
    os.write(writer, " ".join(names).encode())


def main(folder: Path, libraries: Collection[str]) -> None:
    """Serve, with libraries imported beforehand. A child becomes what was asked for."""
    request = Server(folder, libraries).serve()
    if request is not None:
        request.become()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), LIBRARIES if "--import-all" in sys.argv[2:] else ())

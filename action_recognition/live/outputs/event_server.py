"""A WebSocket server for programs on this machine: every client gets every event as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from action_recognition.errors import UserError, user_error

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection

HOST: Final = "127.0.0.1"
# Pages of this machine, and programs that name no origin. A page of the web must not listen in.
_LOCAL_PAGES: Final = (None, re.compile(r"https?://(localhost|127\.0\.0\.1)(:\d+)?"))
# A client with more data waiting than this has stopped reading.
_MAX_WAITING_BYTES: Final = 256 * 1024
# Messages of clients are ignored, so long ones are refused.
_MAX_MESSAGE_BYTES: Final = 4096
_MAX_CLIENTS: Final = 32
# The longest wait for the thread to listen.
_START_S: Final = 10.0


class EventServer:
    """A server on 127.0.0.1 in a separate thread. Port 0 takes a free one.

    `send` never waits: a client that stops reading is disconnected, and `say` reports that.
    Messages of clients are ignored. Raises UserError: a port that is taken or not allowed.
    """

    def __init__(self, port: int, say: Callable[[str], None] = lambda _: None) -> None:
        self.port, self._say = port, say
        self._clients: set[ServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._error: UserError | None = None
        self._started, self._stopping = threading.Event(), asyncio.Event()

        self._thread = threading.Thread(
            target=self._run,
            name="event server",
            daemon=True,
        )
        self._thread.start()
        # The run must not start if the port is taken.
        if not self._started.wait(_START_S):
            raise user_error("--serve", "did not start in time")
        if self._error:
            raise self._error

    @property
    def num_clients(self) -> int:
        """Number of clients that are connected."""
        return len(self._clients)

    def send(self, line: str) -> None:
        """Send a line to all clients. Any thread may call it, also after `close`."""
        # The loop of a closed server raises an error.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._broadcast, line)

    def close(self) -> None:
        """Close the connections and free the port."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        """Serve until `close`, then free what the loop holds."""
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        """Listen until `close` is called. An error is kept for `__init__`, which waits for it."""
        try:
            server = await self._listen()
        except UserError as error:
            self._error = error
            self._started.set()
            return

        self._started.set()
        async with server:
            await self._stopping.wait()

    async def _listen(self) -> Server:
        """Start the server and set `port`. Raises UserError: no package, or a port in use."""
        try:
            from websockets.asyncio.server import serve
        except ImportError:
            found = "needs the package `websockets`, which is not installed here"
            fix = "install the live packages: pip install -e .[live]"
            raise user_error("--serve", found, fix=fix) from None

        limits = {"max_size": _MAX_MESSAGE_BYTES, "close_timeout": 1}
        origins: Any = list(_LOCAL_PAGES)
        try:
            server = await serve(
                self._attend, HOST, self.port, origins=origins, logger=_quiet(), **limits
            )
        except (OSError, OverflowError) as error:
            raise _cannot_listen(self.port, error) from None
        # The port that was taken for port 0.
        self.port = next(iter(server.sockets)).getsockname()[1]
        return server

    async def _attend(self, client: ServerConnection) -> None:
        """Keep a client until it leaves. Its messages are discarded."""
        if len(self._clients) >= _MAX_CLIENTS:
            await client.close(1013, "too many clients")
            return

        self._clients.add(client)
        try:
            async for _ in client:
                pass
        # Any error of a client ends its connection, not the server.
        except Exception as error:
            self._say(f"--serve: a client was disconnected ({type(error).__name__})")
        finally:
            self._clients.discard(client)

    def _broadcast(self, line: str) -> None:
        """Send a line to all clients. Disconnect those with too much data waiting."""
        from websockets.asyncio.server import broadcast

        # A copy, since clients are removed.
        for client in list(self._clients):
            if client.transport.get_write_buffer_size() > _MAX_WAITING_BYTES:
                self._say("--serve: a client that does not read was disconnected")
                self._clients.discard(client)
                client.transport.abort()
        broadcast(self._clients, line)


def _cannot_listen(port: int, error: OSError | OverflowError) -> UserError:
    # The most common reason has its own repair.
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        fix = "name another port, or 0 for any that is free"
        return user_error("--serve", f"port {port} is in use", fix=fix)
    reason = error.strerror if isinstance(error, OSError) else "there is no such port"
    found = f"cannot listen on port {port} ({reason})"
    return user_error("--serve", found, "a port from 1024 to 65535")


def _quiet() -> Any:
    """Return a logger that drops everything.

    The library logs errors of clients with a traceback, which does not concern the user.
    """
    import logging

    logger = logging.getLogger(f"{__name__}.websockets")
    logger.setLevel(logging.CRITICAL + 1)
    return logger

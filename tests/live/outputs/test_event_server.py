"""Events over a real WebSocket: every client gets them, and none can hold up the others."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from action_recognition.errors import UserError
from action_recognition.live.outputs.event_server import HOST, EventServer


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def server(said: list[str]) -> Iterator[EventServer]:
    server = EventServer(0, said.append)
    yield server
    server.close()


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_every_client_gets_every_event(server: EventServer) -> None:
    with (
        connect(f"ws://{HOST}:{server.port}") as one,
        connect(f"ws://{HOST}:{server.port}") as other,
    ):
        wait_for(lambda: server.num_clients == 2)
        for line in ("first", "zweites ü"):
            server.send(line)
        assert [client.recv(5) for client in (one, other) for _ in range(2)] == [
            "first",
            "zweites ü",
        ] * 2
    wait_for(lambda: server.num_clients == 0)


def test_garbage_ends_its_own_connection_only(server: EventServer) -> None:
    with connect(f"ws://{HOST}:{server.port}") as good:
        with socket.create_connection((HOST, server.port)) as garbage:
            garbage.sendall(b"\x00\xff" * 5000)
        with connect(f"ws://{HOST}:{server.port}") as talker:
            talker.send("hello")  # is not looked at
            talker.send("x" * 100_000)  # is too long
            with pytest.raises(Exception, match="1009"):
                talker.recv(5)
        wait_for(lambda: server.num_clients == 1)
        server.send("still here")
        assert good.recv(5) == "still here"


def test_a_client_that_does_not_read_is_let_go(server: EventServer, said: list[str]) -> None:
    with (
        socket.create_connection((HOST, server.port)) as sleeper,
        connect(f"ws://{HOST}:{server.port}", max_queue=None) as good,
    ):
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        lines = [
            "GET / HTTP/1.1",
            f"Host: {HOST}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
        ]
        sleeper.sendall("\r\n".join([*lines, "Sec-WebSocket-Version: 13", "", ""]).encode())
        wait_for(lambda: server.num_clients == 2)
        line = "x" * 60_000
        for _ in range(200):
            server.send(line)
            assert good.recv(5) == line
            if server.num_clients == 1:
                break
        assert server.num_clients == 1 and any("does not read" in message for message in said)


def test_pages_of_the_web_are_not_let_in(server: EventServer) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://{HOST}:{server.port}", origin="https://example.com")
    with connect(f"ws://{HOST}:{server.port}", origin="http://localhost:8000"):
        pass


def test_a_port_in_use_is_named(server: EventServer) -> None:
    with pytest.raises(UserError, match=f"--serve: port {server.port} is in use"):
        EventServer(server.port)


def test_a_port_that_cannot_be_is_named() -> None:
    with pytest.raises(UserError, match=r"cannot listen on port 99999.*1024 to 65535"):
        EventServer(99999)


def test_it_listens_on_this_machine_only(server: EventServer) -> None:
    names = {
        info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    } - {HOST}
    for name in (name for name in names if not name.startswith("127.")):
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((name, server.port), timeout=1)


def test_closing_frees_the_port() -> None:
    server = EventServer(0)
    server.close()
    server.send("nobody hears it")
    EventServer(server.port).close()

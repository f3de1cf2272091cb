"""Actions of gestures: what may be asked for, and what reaches the local network."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from action_recognition.errors import UserError
from action_recognition.live.outputs import actions
from action_recognition.live.outputs.actions import (
    Action,
    Actions,
    call_url,
    checked_action,
    press_key,
    private_address,
    publish,
)


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[tuple[str, str | None]]]]:
    """A server of the local network: its port, and the paths and hosts that it was asked for."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"]))
            self.send_response(status)
            self.send_header("Location", "http://example.org/")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("shell", "rm -rf", "'shell'; allowed: key, url, mqtt, command"),
        ("key", "spacebar", "no key 'spacebar'"),
        ("key", "", "1 to 500 characters"),
        ("command", "rm -rf /", "not in the list of commands that are allowed; allowed: lamp"),
        ("url", "https://192.168.1.2/", "allowed: http://HOST"),
        ("url", "file:///etc/passwd", "allowed: http://HOST"),
        ("url", "http://user:secret@192.168.1.2/", "allowed: http://HOST"),
        ("url", "http://192.168.1.2:99999/", "is no address"),
        ("url", "http://192.168.1.2:0/", "allowed: http://HOST"),
        ("url", "http://192.168.1.2/\r\nX: y", "1 to 500 characters"),
        ("mqtt", "192.168.1.5", "allowed: HOST"),
        ("mqtt", "192.168.1.5:x home on", "allowed: HOST"),
        ("mqtt", "192.168.1.5 home/# on", "allowed: HOST"),
    ],
)
def test_what_is_not_allowed(kind: str, value: str, found: str) -> None:
    with pytest.raises(UserError) as error:
        checked_action(kind, value, ["lamp"])
    assert found in str(error.value)


def test_what_is_allowed() -> None:
    for kind, value in (
        ("key", "space"),
        ("key", "ü"),
        ("url", "http://lamp.local/on?level=3"),
        ("mqtt", "192.168.1.5:1884 home/lamp on and off"),
        ("command", "lamp"),
    ):
        assert checked_action(kind, f" {value} ", ["lamp"]) == Action(kind, value)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "169.254.169.254", "0.0.0.0", "224.0.0.1", "::ffff:8.8.8.8", "2001:4860::1"),
        # Nobody's on the internet, and yet not of the local network.
        *("192.0.2.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "2001:0:808:808::1"),
        *("fe80::1", "fd00:ec2::254"),
    ],
)
def test_public_addresses_are_refused(address: str) -> None:
    with pytest.raises(UserError, match="not on the local network"):
        private_address(address, 80)


def test_a_name_is_private_only_if_all_its_addresses_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_up(*addresses: str) -> object:
        return lambda *_, **__: [(2, 1, 6, "", (address, 80)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up("192.168.1.2", "10.0.0.3"))
    assert private_address("lamp.local", 80) == "192.168.1.2"
    # Small servers listen on IPv4, and a device has an address of its cable beside.
    for beside in ("::1", "fe80::1%eth0", "fd12::3"):
        monkeypatch.setattr(socket, "getaddrinfo", looked_up(beside, "192.168.1.2"))
        assert private_address("lamp.local", 80) == "192.168.1.2"
    monkeypatch.setattr(socket, "getaddrinfo", looked_up("192.168.1.2", "93.184.215.14"))
    with pytest.raises(UserError, match=r"lamp.local is 93\.184"):
        private_address("lamp.local", 80)


def test_a_slow_look_up_ends_in_time_and_holds_up_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    go, pressed, lines = threading.Event(), threading.Event(), list[str]()

    def slow(*_: object, **__: object) -> list[object]:
        go.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(actions, "press_key", lambda _: pressed.set())
    runs = Actions({}, lines.append)
    assert runs.carry_out(Action("url", "http://lamp.local/on"))
    assert runs.carry_out(Action("key", "space")) and pressed.wait(10) and not lines

    monkeypatch.setattr(actions, "_TIMEOUT_S", 0.05)
    with pytest.raises(UserError, match=r"'lamp.local' was not found within .* state its number"):
        private_address("lamp.local", 80)
    go.set()
    runs.close()


def test_an_address_is_called_and_nothing_is_followed() -> None:
    with answering(200) as (port, asked):
        call_url(f"http://localhost:{port}/on?level=3")
        assert asked == [("/on?level=3", f"localhost:{port}")]
    with answering(302) as (port, asked), pytest.raises(UserError, match="answered 302"):
        call_url(f"http://127.0.0.1:{port}")
    assert asked == [("/", f"127.0.0.1:{port}")]


def test_the_address_that_was_looked_up_is_the_one_that_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, answers = socket.getaddrinfo, iter(["127.0.0.1", "8.8.8.8"])

    def looked_up(host: str, *arguments: object, **others: object) -> object:
        if host == "lamp.local":
            return [(2, 1, 6, "", (next(answers), 80))]
        assert host == "127.0.0.1"
        return real(host, *arguments, **others)  # type: ignore[arg-type]

    with answering(200) as (port, asked):
        monkeypatch.setattr(socket, "getaddrinfo", looked_up)
        call_url(f"http://lamp.local:{port}/on")
    assert asked == [("/on", f"lamp.local:{port}")] and next(answers) == "8.8.8.8"


def broker(server: socket.socket, heard: list[bytes]) -> None:
    """Confirm a connection and a message of quality 1, as MQTT 3.1.1 has them.

    Source: OASIS MQTT 3.1.1, sections 3.2 and 3.4.
    """
    connection, _ = server.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(bytes([0x20, 2, 0, 0]))
        heard.append(connection.recv(1000))
        place = heard[0].index(b"home/lamp") + len(b"home/lamp")
        connection.sendall(bytes([0x40, 2]) + heard[0][place : place + 2])
        connection.recv(1000)


def test_a_message_is_published() -> None:
    pytest.importorskip("paho.mqtt.client")
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=broker, args=(server, heard))
        thread.start()
        publish(f"127.0.0.1:{server.getsockname()[1]} home/lamp on and off")
        thread.join(10)
    assert heard and heard[0].endswith(b"on and off")


def test_a_key_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynput.keyboard", None)
    with pytest.raises(UserError, match=r"key: cannot be used here .*pip install -e"):
        press_key("space")


def test_a_key_is_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed: list[object] = []

    class Keyboard:
        Key = {"space": "the space key"}  # noqa: RUF012

        class Controller:
            def tap(self, key: object) -> None:
                pressed.append(key)

    monkeypatch.setattr(actions, "_library", lambda *_: Keyboard)
    for name in ("space", "a"):
        press_key(name)
    assert pressed == ["the space key", "a"]


def test_actions_run_beside_the_gestures_and_a_failure_is_said(tmp_path: Path) -> None:
    lines: list[str] = []
    made = tmp_path / "made"
    runs = Actions({"touch": [sys.executable, "-c", f"open({str(made)!r}, 'w')"]}, lines.append)
    assert runs.carry_out(Action("command", "touch"))
    assert runs.carry_out(Action("url", "http://8.8.8.8/"))
    for _ in range(200):
        if made.is_file() and lines:
            break
        time.sleep(0.05)
    assert made.is_file() and "not on the local network" in lines[0]
    runs.close()


def test_actions_that_wait_are_not_piled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    go, lines = threading.Event(), list[str]()
    monkeypatch.setattr(actions, "call_url", lambda _: go.wait(20))
    runs = Actions({}, lines.append)
    begun = [runs.carry_out(Action("url", "http://127.0.0.1/")) for _ in range(6)]
    go.set()
    runs.close()
    assert begun == [True] * 4 + [False] * 2 and "too many actions are waiting" in lines[0]

"""Actions that a gesture causes: a key, an address on the local network, MQTT, or a command.

No connection leaves the local network: an address has to be one of its own, and is looked up once,
so that a name cannot point elsewhere a moment later. The system's DNS looks names up, for as long
as a connection may take at most. Commands come from a list of those that are allowed.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import ipaddress
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from action_recognition.errors import UserError, nearest, user_error
from action_recognition.live.outputs.reactions import Reactions

KINDS: Final = ("key", "url", "mqtt", "command")
KEYS: Final = (
    *("space", "enter", "esc", "tab", "backspace", "delete", "home", "end"),
    *("left", "right", "up", "down", "page_up", "page_down", "f5", "f11"),
    *("media_play_pause", "media_next", "media_previous"),
    *("media_volume_up", "media_volume_down", "media_volume_mute"),
)
_TIMEOUT_S: Final = 3.0
_MQTT_PORT: Final = 1883
_MOST_WAITING: Final = 4
_LONGEST: Final = 500
# Not `is_private`, which means every address that nobody has on the internet.
_LOCAL: Final = tuple(
    map(
        ipaddress.ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"),
    )
)
# A cloud gives the secrets of a machine there.
_OF_A_CLOUD: Final = ipaddress.ip_address("fd00:ec2::254")


@dataclass(frozen=True)
class Action:
    """An action: one of `KINDS`, and what it needs.

    A key has its name, a URL itself, MQTT `host[:port] topic message`, and a command its name in
    the list of those that are allowed.
    """

    kind: str
    value: str


def checked_action(kind: str, value: str, commands: Sequence[str]) -> Action:
    """Return an action. Raises UserError: it cannot be, or is not allowed."""
    value = value.strip()
    if kind not in KINDS:
        raise user_error("action", f"found {kind[:40]!r}", ", ".join(KINDS))
    if not value or len(value) > _LONGEST or not value.isprintable():
        raise user_error(kind, f"found {value[:60]!r}", f"1 to {_LONGEST} characters in one line")
    if kind == "key" and value not in KEYS and len(value) != 1:
        found = f"there is no key {value[:40]!r}{nearest(value, KEYS)}"
        raise user_error("key", found, f"one character, or one of {', '.join(KEYS)}")
    if kind == "command" and value not in commands:
        found = f"{value[:60]!r} is not in the list of commands that are allowed"
        allowed = ", ".join(commands) or "none"
        raise user_error("command", found, allowed, "start the program with --commands FILE")
    # Both raise an error for what is none. The address itself is looked up at each call.
    if kind == "url":
        _url_parts(value)
    if kind == "mqtt":
        _mqtt_parts(value)
    return Action(kind, value)


class Actions:
    """Carries out actions. Those of a kind follow one another in a thread of their own.

    A lamp that does not answer holds up no key. `say` gets a line about each failure.
    """

    def __init__(
        self, commands: Mapping[str, Sequence[str]], say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.commands = tuple(commands)
        self._say, self._reactions = say, Reactions(commands, say)
        self._workers = {
            kind: concurrent.futures.ThreadPoolExecutor(1, f"actions-{kind}") for kind in KINDS
        }
        self._waiting: dict[str, list[concurrent.futures.Future[None]]] = {}

    def carry_out(self, action: Action, done: Callable[[], None] = lambda: None) -> bool:
        """Begin an action, and call `done` once it is done.

        Return False where too many of its kind wait.
        """
        waiting = [one for one in self._waiting.get(action.kind, []) if not one.done()]
        self._waiting[action.kind] = waiting
        # A lamp that does not answer must not collect a minute of gestures.
        if len(waiting) >= _MOST_WAITING:
            self._say(f"{action.kind} {action.value}: too many actions are waiting; it was skipped")
            return False
        waiting.append(self._workers[action.kind].submit(self._do, action, done))
        return True

    def close(self) -> None:
        """Forget what waits, and let the actions that run end."""
        for worker in self._workers.values():
            worker.shutdown(wait=False, cancel_futures=True)

    def _do(self, action: Action, done: Callable[[], None]) -> None:
        does: dict[str, Callable[[str], object]] = {
            "key": press_key,
            "url": call_url,
            "mqtt": publish,
            "command": self._reactions.react,
        }
        try:
            # A command that still runs is not started again, and says so by itself.
            if does[action.kind](action.value) is not False:
                done()
        except UserError as error:
            self._say("; ".join(str(problem) for problem in error.problems))
        # Whatever a network or a desktop does, the gestures go on.
        except Exception as error:
            self._say(f"{action.kind} {action.value}: {error or type(error).__name__}")


def private_address(host: str, port: int) -> str:
    """Return an address of a host on the local network.

    Raises UserError: one of its addresses is elsewhere, it has none, or DNS takes too long.

    >>> private_address("127.0.0.1", 80)
    '127.0.0.1'
    """
    # A device may also have an address of its cable, which no plain name of a URL can state.
    every = [found.partition("%")[0] for found in _looked_up(host, port)]
    addresses = [address for address in every if not address.lower().startswith("fe80:")] or every
    # A name can have several addresses. All of them have to be local.
    for address in addresses:
        if not _is_local(address):
            found_text = f"{host} is {address}, which is not on the local network"
            allowed = "an address such as 192.168.1.20, or this computer"
            raise user_error("address", found_text, allowed)
    # Small servers listen on IPv4 only.
    return min(addresses, key=lambda address: ":" in address)


def _looked_up(host: str, port: int) -> list[str]:
    """Return all addresses of a host. Raises UserError: it has none, or DNS takes too long.

    The system's look-up cannot be interrupted and may take a minute, so it runs apart.
    """
    answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        """Ask the system, and leave its answer or its error."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.put([str(item[4][0]) for item in found])
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        found = answer.get(timeout=_TIMEOUT_S)
    except queue.Empty:
        late = f"{host[:80]!r} was not found within {_TIMEOUT_S:.0f} s"
        raise user_error("address", late, fix="state its number, such as 192.168.1.20") from None
    if isinstance(found, Exception):
        raise user_error("address", f"there is no host {host[:80]!r} ({found})")
    return found


def _is_local(address: str) -> bool:
    """Return True for addresses of the local network and of this computer."""
    ip = ipaddress.ip_address(address)
    plain = getattr(ip, "ipv4_mapped", None) or ip
    return plain != _OF_A_CLOUD and any(plain in network for network in _LOCAL)


def call_url(url: str) -> None:
    """GET an address on the local network. Raises UserError: it is public, or answers an error."""
    host, port, path = _url_parts(url)
    connection = http.client.HTTPConnection(private_address(host, port), port, timeout=_TIMEOUT_S)
    with contextlib.closing(connection):
        connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        connection.endheaders()
        # Nothing is followed: another address would have to be looked at, too.
        status = connection.getresponse().status
    if status >= 300:
        fix = "use the address that it leads to" if status < 400 else ""
        raise user_error("url", f"{url} answered {status}", fix=fix)


def _url_parts(url: str) -> tuple[str, int, str]:
    """Return host, port, and path with query. Raises UserError."""
    allowed = "http://HOST[:PORT]/PATH of the local network"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, 80 if parts.port is None else parts.port
    except ValueError:
        raise user_error("url", f"{url[:80]!r} is no address", allowed) from None
    is_plain = url.isascii() and " " not in url and not parts.username
    if parts.scheme != "http" or not host or not port or not is_plain:
        raise user_error("url", f"found {url[:80]!r}", allowed)
    path = parts.path or "/"
    return host, port, f"{path}?{parts.query}" if parts.query else path


def _mqtt_parts(value: str) -> tuple[str, int, str, str]:
    """Return host, port, topic and message. Raises UserError."""
    where, _, rest = value.partition(" ")
    topic, _, message = rest.strip().partition(" ")
    host, _, port = where.partition(":")
    is_port = not port or (port.isascii() and port.isdigit() and 0 < int(port) < 65536)
    if not host or not is_port or not topic or "#" in topic or "+" in topic:
        allowed = "HOST[:PORT] TOPIC MESSAGE, such as 192.168.1.5 home/lamp on"
        raise user_error("mqtt", f"found {value[:80]!r}", allowed)
    return host, int(port or _MQTT_PORT), topic, message.strip()


def publish(value: str) -> None:
    """Publish a message to a broker on the local network, and wait until it has it.

    Raises UserError: the library is missing, or the broker is public or does not answer.
    """
    host, port, topic, message = _mqtt_parts(value)
    address = private_address(host, port)
    mqtt = _library("paho.mqtt.client", "mqtt", 'pip install -e ".[mqtt]"')
    # Connected by the address that was checked, not by its name.
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect_timeout = _TIMEOUT_S
    if client.connect(address, port) != 0:
        raise user_error("mqtt", f"{host}:{port} refuses the connection")
    client.loop_start()
    try:
        # A broker confirms messages of this quality.
        sent = client.publish(topic, message, qos=1)
        sent.wait_for_publish(_TIMEOUT_S)
        if not sent.is_published():
            raise user_error("mqtt", f"{host}:{port} does not confirm the message")
    finally:
        client.disconnect()
        client.loop_stop()


def press_key(name: str) -> None:
    """Press and release a key of this computer. Raises UserError: the library is missing."""
    # macOS ends a program that asks for the layout of keys outside its main thread.
    if sys.platform == "darwin" and threading.current_thread() is not threading.main_thread():
        _press_apart(name)
        return
    fix = 'pip install -e ".[keys]", on a computer with a desktop'
    keyboard = _library("pynput.keyboard", "key", fix)
    keyboard.Controller().tap(name if len(name) == 1 else keyboard.Key[name])


def _press_apart(name: str) -> None:
    """Press a key in a short program. Raises UserError: it failed."""
    program = f"import sys; from {__name__} import press_key; press_key(sys.argv[1])"
    command = [sys.executable, "-c", program, name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise user_error("key", f"cannot be pressed ({said[-1][:200]})")


def _library(name: str, kind: str, fix: str) -> Any:
    """Return a module of an extra. Raises UserError: it is missing, or finds no desktop."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        reason = (str(error).splitlines() or [name])[0]
        found = f"cannot be used here ({reason[:120]})"
        raise user_error(kind, found, fix=fix) from None

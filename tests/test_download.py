"""A real HTTP server on this machine stands in for the network."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from action_recognition.download import Expected, fetch, fetching, part_file
from action_recognition.errors import UserError

CONTENT = bytes(range(256)) * 4000
EXPECTED = Expected(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers by the functions in `answers`, one per request.

    The last one answers all that follow. `requests` keeps path and Range.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = [send_file]
        self.requests: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append((self.path, self.headers.get("Range")))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/weights.pth"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str],
    length: int | None = None,
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    with contextlib.suppress(ConnectionError):  # the client may have read enough
        handler.wfile.write(body)


def send_file(handler: BaseHTTPRequestHandler) -> None:
    wanted = handler.headers.get("Range")
    if wanted is None:
        return send(handler, 200, CONTENT, {})
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    send(
        handler,
        206,
        CONTENT[start:],
        {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"},
    )


def ignore_range(handler: BaseHTTPRequestHandler) -> None:
    send(handler, 200, CONTENT, {})


def break_off(handler: BaseHTTPRequestHandler) -> None:
    send(handler, 200, CONTENT[:300_000], {}, length=len(CONTENT))


def status(code: int) -> Answer:
    return lambda handler: send(handler, code, b"no", {})


def html(page: str) -> Answer:
    return lambda handler: send(
        handler,
        200,
        page.encode(),
        {"Content-Type": "text/html; charset=utf-8", "Set-Cookie": "seen=1"},
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetching, "_PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server()
    yield running
    running.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "snapshot.pth"


def test_a_file_arrives_whole_and_leaves_no_part(server: Server, target: Path) -> None:
    facts = fetch(server.url, target, EXPECTED)
    assert target.read_bytes() == CONTENT
    assert (facts.size, facts.sha256) == (EXPECTED.size, EXPECTED.sha256)
    assert not part_file(target).exists()


def test_a_broken_download_is_resumed_where_it_stopped(server: Server, target: Path) -> None:
    server.answers = [break_off, send_file]
    fetch(server.url, target, EXPECTED)
    assert target.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=300000-"]


def test_the_part_of_an_earlier_call_is_resumed(server: Server, target: Path) -> None:
    part_file(target).write_bytes(CONTENT[:1000])
    fetch(server.url, target, EXPECTED)
    assert target.read_bytes() == CONTENT
    assert server.requests == [("/weights.pth", "bytes=1000-")]


def test_a_complete_part_needs_no_network(target: Path) -> None:
    part_file(target).write_bytes(CONTENT)
    fetch("http://127.0.0.1:9/nobody-listens", target, EXPECTED)
    assert target.read_bytes() == CONTENT


def test_a_server_that_ignores_range_sends_all_again(server: Server, target: Path) -> None:
    part_file(target).write_bytes(b"other bytes")
    server.answers = [ignore_range]
    fetch(server.url, target, EXPECTED)
    assert target.read_bytes() == CONTENT


def test_a_part_of_another_file_is_thrown_away(server: Server, target: Path) -> None:
    part_file(target).write_bytes(b"\xff" * 1000)
    said: list[str] = []
    fetch(server.url, target, EXPECTED, said.append)
    assert target.read_bytes() == CONTENT
    assert any("starting again" in line for line in said)


def test_without_a_published_hash_nothing_is_resumed(server: Server, target: Path) -> None:
    part_file(target).write_bytes(b"\xff" * 1000)
    fetch(server.url, target, Expected())
    assert target.read_bytes() == CONTENT
    assert server.requests == [("/weights.pth", None)]


def test_range_not_satisfiable_starts_again(server: Server, target: Path) -> None:
    part_file(target).write_bytes(CONTENT + b"more")
    server.answers = [status(416), send_file]
    fetch(server.url, target, Expected(None, EXPECTED.sha256))
    assert target.read_bytes() == CONTENT


def test_another_hash_is_refused_and_nothing_is_left(server: Server, target: Path) -> None:
    with pytest.raises(UserError, match=f"sha256 {EXPECTED.sha256}, published is {'0' * 64}"):
        fetch(server.url, target, Expected(len(CONTENT), "0" * 64))
    assert list(target.parent.iterdir()) == []


def test_another_size_is_refused_before_the_download(server: Server, target: Path) -> None:
    with pytest.raises(UserError, match=f"the server offers {len(CONTENT)} bytes, published are 5"):
        fetch(server.url, target, Expected(5, EXPECTED.sha256))
    assert not target.exists()


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Send without a length, and much more than the file."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(ConnectionError):
        for _ in range(400):
            handler.wfile.write(b"x" * 1_000_000)
            outer_sent.append(1)


outer_sent: list[int] = []


def test_a_download_stops_at_the_known_size(server: Server, target: Path) -> None:
    server.answers = [endless]
    outer_sent.clear()
    with pytest.raises(UserError, match=f"sends more than the {len(CONTENT)} bytes of the file"):
        fetch(server.url, target, EXPECTED, say=print)
    assert len(outer_sent) < 100 and list(target.parent.iterdir()) == []


def test_a_download_of_unknown_size_leaves_the_disk_some_room(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [endless]
    room = shutil.disk_usage(target.parent)._replace(free=3_000_000)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda folder: room)
    with pytest.raises(UserError, match="sends more than the disk has room for"):
        fetch(server.url, target, Expected(), say=print)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("length", ["9" * 5000, "-5", "²", "1e9", "0x10"])
def test_a_length_that_is_none_is_not_believed(length: str, server: Server, target: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(CONTENT)

    server.answers = [answer]
    fetch(server.url, target, EXPECTED, say=print)
    assert target.read_bytes() == CONTENT


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(
    server: Server, target: Path
) -> None:
    server.answers = [status(503), send_file]
    fetch(server.url, target, EXPECTED)
    server.answers = [status(404)]
    server.requests.clear()
    with pytest.raises(UserError, match="the server answered 404"):
        fetch(server.url, target.with_name("other"), EXPECTED)
    assert len(server.requests) == 1


def test_no_connection_is_one_message_after_three_attempts(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_PAUSES_SECONDS", (0.0, 0.0))
    said: list[str] = []
    with pytest.raises(UserError, match=r"cannot be fetched: no connection \(Connection refused\)"):
        fetch("http://127.0.0.1:9/nobody-listens", target, EXPECTED, said.append)
    assert len(said) == 2


FORM = """<html><form id="download-form" action="/confirmed?id=1" method="get">
<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="a b">
<input type="submit"></form></html>"""


@pytest.mark.parametrize(
    ("page", "confirmed"),
    [
        (FORM, "/confirmed?id=1&confirm=t&uuid=a+b"),
        (
            '<a href="/uc?export=download&amp;confirm=Ab1&amp;id=1">go on</a>',
            "/uc?export=download&confirm=Ab1&id=1",
        ),
    ],
)
def test_a_page_that_asks_to_confirm_is_followed(
    server: Server, target: Path, page: str, confirmed: str
) -> None:
    server.answers = [html(page), send_file]
    fetch(server.url, target, EXPECTED)
    assert target.read_bytes() == CONTENT
    assert server.requests[1][0] == confirmed


@pytest.mark.parametrize(
    "page", ["<html>please log in</html>", FORM, '<a href="file:///etc/passwd?confirm=1">x</a>']
)
def test_a_web_page_is_not_weights(server: Server, target: Path, page: str) -> None:
    server.answers = [html(page)]
    with pytest.raises(UserError, match=r"web page \(HTML\), not weights"):
        fetch(server.url, target, Expected())
    assert list(target.parent.iterdir()) == []


def test_a_redirect_leads_to_http_only(server: Server, target: Path) -> None:
    server.answers = [
        lambda handler: send(handler, 302, b"", {"Location": "/elsewhere"}),
        send_file,
    ]
    fetch(server.url, target, EXPECTED)
    assert target.read_bytes() == CONTENT
    server.answers = [lambda handler: send(handler, 302, b"", {"Location": "file:///etc/passwd"})]
    with pytest.raises(UserError):
        fetch(server.url, target.with_name("other"), Expected())


def test_a_file_address_is_copied(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "on disk.bin"
    source.write_bytes(CONTENT)
    fetch(source.as_uri(), target, EXPECTED)
    assert target.read_bytes() == CONTENT
    with pytest.raises(UserError, match="there is no such file"):
        fetch((tmp_path / "missing").as_uri(), target, EXPECTED)


@pytest.mark.parametrize(
    "source", ["ftp://example.org/x.pth", "javascript:1", "https://[broken/x.pth"]
)
def test_other_addresses_are_refused(source: str, target: Path) -> None:
    with pytest.raises(UserError):
        fetch(source, target, Expected())


def test_a_full_disk_is_said_before_the_download(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="1 MB are needed"):
        fetch(server.url, target, EXPECTED)

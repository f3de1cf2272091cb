"""The site for a phone: who may come in, and what a phone may ask for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import cv2
import numpy as np
import pytest

from action_recognition.errors import UserError
from action_recognition.studio.lan import pairing
from action_recognition.studio.lan.site import COOKIE
from action_recognition.studio.studio import Studio
from tests.made_hand_films import film
from tests.studio.conftest import outcome, serving
from tests.studio.test_server import asked, changed, shown

# Loopback too, so that no machine of a test listens in its network. The command refuses it.
ADDRESS = "127.0.0.2"
Answer = tuple[int, str, http.client.HTTPMessage]


@dataclass
class Lan:
    """A studio with a site for a phone: the address of the computer's page, and of the phone's."""

    studio: Studio
    computer: str
    site: str

    def code(self) -> str:
        """Ask for a new code, as the computer's page does."""
        status, answer = changed(self.computer, "phone-code")
        assert status == 200
        offered: Any = answer["done"]
        return parse_qs(urlsplit(offered["address"]).query)["code"][0]

    def get(self, path: str, session: str = "", method: str = "GET", **headers: str) -> Answer:
        """Ask the site as a phone does, with a session or without one."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            urlsplit(self.site).netloc, timeout=60, context=context
        )
        cookie = {"Cookie": f"{COOKIE}={session}"} if session else {}
        own = {"Origin": self.site} if method == "POST" else {}
        body = b"{}" if method == "POST" else None
        connection.request(method, path, body, own | cookie | headers)
        answer = connection.getresponse()
        found = answer.status, answer.read().decode(), answer.headers
        connection.close()
        return found

    def pair(self) -> str:
        """Scan a new code, and return the session that the phone gets."""
        status, _, headers = self.get(f"/pair?code={self.code()}")
        assert status == 200
        return headers["Set-Cookie"].partition(";")[0].partition("=")[2]


def opened(studio: Studio, computer: str) -> Lan:
    """The studio that serves there."""
    offered: Any = changed(computer, "phone-code")[1]["done"]
    parts = urlsplit(offered["address"])
    assert parts.scheme == "https" and parts.hostname == ADDRESS
    return Lan(studio, computer, f"https://{parts.netloc}")


@pytest.fixture(scope="module")
def _lan(hand_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lan]:
    pytest.importorskip("cryptography", reason="needs the extra lan")
    pytest.importorskip("segno", reason="needs the extra lan")
    with serving(tmp_path_factory.mktemp("lan") / "hands", lan=ADDRESS) as (studio, computer):
        yield opened(studio, computer)


@pytest.fixture
def lan(_lan: Lan) -> Lan:
    """The studio without a phone."""
    assert changed(_lan.computer, "phone-disconnect")[0] == 200
    return _lan


def test_without_the_flag_nothing_listens_but_for_this_computer(
    hand_models: Path, tmp_path: Path
) -> None:
    with serving(tmp_path / "hands") as (_, address):
        port = urlsplit(address).port
        assert port is not None and shown(address)["phone"] is None
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((ADDRESS, port), timeout=10)
        assert changed(address, "phone-code")[0] == 404
        assert changed(address, "phone-disconnect")[0] == 404
        assert asked(address, "/phone.html")[0] == 404


def test_an_address_that_is_not_of_this_computer(hand_models: Path, tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra lan")
    from action_recognition.studio.server import StudioServer

    # Kept for documentation.
    studio = Studio(tmp_path / "hands", Path(__file__).parents[2], num_threads=1)
    with pytest.raises(UserError, match=r"--lan: 192\.0\.2\.7, port .* cannot be used.*--lan"):
        outcome(StudioServer(studio, "192.0.2.7").serve(0, pytest.fail))


def test_the_first_visit_gets_the_page_and_a_session(lan: Lan) -> None:
    code = lan.code()
    assert shown(lan.computer)["phone"] == {"paired": False, "waiting": True}
    status, text, headers = lan.get(f"/pair?code={code}")
    assert status == 200 and "Camera of this phone" in text
    name, *flags = [part.strip() for part in headers["Set-Cookie"].split(";")]
    session = name.partition("=")[2]
    assert name.startswith("__Host-") and {"Secure", "HttpOnly", "Path=/"} <= set(flags)
    assert "SameSite=Strict" in flags and not any("Domain" in flag for flag in flags)
    assert f"wss://{ADDRESS}" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert shown(lan.computer)["phone"] == {"paired": True, "waiting": False}

    for path in ("/", "/phone.js", "/studio.css", "/drawing.js", "/frames.js"):
        assert lan.get(path, session)[0] == 200, path
    # The same phone may load its page again. Another one may not use the code twice.
    assert lan.get(f"/pair?code={code}", session)[0] == 200
    status, text, headers = lan.get(f"/pair?code={code}")
    assert status == 403 and "ask for a new one" in text and "Set-Cookie" not in headers
    # Nor is there a second code meanwhile.
    assert changed(lan.computer, "phone-code")[0] == 422


def test_a_code_that_is_late_wrong_or_an_older_one(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(pairing, "VALID_S", 0.0)
        late = lan.code()
    assert lan.get(f"/pair?code={late}")[0] == 403
    older, newer = lan.code(), lan.code()
    assert lan.get(f"/pair?code={older}")[0] == 403
    for path in ("/pair", "/pair?code=", "/pair?code=%ff%00"):
        status, text, headers = lan.get(path)
        assert (status, "Set-Cookie" in headers) == (403, False) and "{" not in text, path
    # These were too many. The right one comes too late, and the computer's page says so.
    assert lan.get(f"/pair?code={newer}")[0] == 403
    assert shown(lan.computer)["phone"] == {"paired": False, "waiting": False}
    assert lan.pair()


def test_a_look_ahead_uses_no_code_up(lan: Lan) -> None:
    code = lan.code()
    assert lan.get(f"/pair?code={code}", method="HEAD", Origin=lan.site)[0] == 404
    assert lan.get(f"/pair?code={code}", method="HEAD")[0] == 403
    assert lan.get(f"/pair?code={code}", method="POST")[0] == 405
    assert lan.get(f"/pair?code={code}")[0] == 200


def test_without_a_session_all_is_refused(lan: Lan) -> None:
    session = lan.pair()
    for path in ("/", "/phone.js", "/studio.css", "/api/gestures", "/api/project", "/ws", "/x"):
        for wrong in ("", "x", session[:-1], session + "x"):
            headers = {"Origin": lan.site}
            status, text, _ = lan.get(path, wrong, **headers)
            assert status == 403 and text.startswith("This phone is not connected."), path
    assert lan.get("/api/undo", method="POST")[0] == 403
    # That of the phone ends with its connection.
    assert lan.get("/", session)[0] == 200
    changed(lan.computer, "phone-disconnect")
    assert lan.get("/", session)[0] == 403


def test_foreign_hosts_and_origins(lan: Lan) -> None:
    session, code = lan.pair(), "x"
    loopback = urlsplit(lan.computer).netloc
    for host in ("evil.example", ADDRESS, f"{ADDRESS}:1", loopback, "localhost"):
        assert lan.get("/", session, Host=host)[0] == 403, host
        assert lan.get(f"/pair?code={code}", Host=host)[0] == 403, host
    for origin in ("https://evil.example", "null", lan.site.replace("https", "http")):
        assert lan.get("/api/gestures", session, Origin=origin)[0] == 403, origin
        assert lan.get("/ws", session, Origin=origin)[0] == 403, origin
    # A socket states its origin.
    assert lan.get("/ws", session)[0] == 403
    # Nor does the computer's page answer to the name of the other site.
    netloc = urlsplit(lan.site).netloc
    assert asked(lan.computer, "/", headers={"Host": netloc})[0] == 403
    assert asked(lan.computer, "/api/project", headers={"Origin": lan.site})[0] == 403
    own = asked(lan.computer, "/api/phone-code", "POST", b"{}", {"Origin": lan.site})
    assert own[0] == 403


def test_a_wrong_code_under_a_foreign_host_is_not_counted(lan: Lan) -> None:
    code = lan.code()
    for _ in range(5):
        assert lan.get("/pair?code=x", Host="evil.example")[0] == 403
    assert lan.get(f"/pair?code={code}")[0] == 200


def test_a_phone_cannot_ask_for_what_the_computer_may(lan: Lan) -> None:
    session = lan.pair()
    before = lan.studio.project.gestures
    for name in (*lan.studio.changes, "upload", "phone-code", "phone-disconnect"):
        assert lan.get(f"/api/{name}", session, "POST")[0] == 404, name
    for path in ("/api/project", "/api/clip?file=x", "/api/thumbnail?file=x", "/index.html"):
        assert lan.get(path, session)[0] == 404, path
    for path in ("/studio.js", "/phone_dialog.js", "/../server.py", "/%2e%2e/server.py"):
        assert lan.get(path, session)[0] == 404, path
    assert lan.studio.project.gestures == before and lan.get("/", session)[0] == 200
    status, text, _ = lan.get("/api/gestures", session)
    assert status == 200
    assert set(json.loads(text)) == {"gestures", "clips", "no_gesture"}


def test_the_certificate_is_the_one_that_the_page_shows(lan: Lan) -> None:
    offered: Any = changed(lan.computer, "phone-code")[1]["done"]
    netloc = urlsplit(lan.site)
    pem = ssl.get_server_certificate((ADDRESS, netloc.port or 0), timeout=30)
    der = ssl.PEM_cert_to_DER_cert(pem)
    plain = offered["fingerprint"].replace(":", "").lower()
    assert plain == hashlib.sha256(der).hexdigest()
    # Whoever trusts it gets a connection whose address is checked.
    context = ssl.create_default_context(cadata=pem)
    with (
        socket.create_connection((ADDRESS, netloc.port or 0), timeout=30) as plain_socket,
        context.wrap_socket(plain_socket, server_hostname=ADDRESS) as secure,
    ):
        assert secure.version() in ("TLSv1.2", "TLSv1.3")


async def connected(lan: Lan, session: str) -> tuple[aiohttp.ClientSession, Any]:
    """A socket of a phone, and the client that has to be closed."""
    client = aiohttp.ClientSession()
    headers = {"Origin": lan.site, "Cookie": f"{COOKIE}={session}"}
    return client, await client.ws_connect(
        f"{lan.site.replace('https', 'wss')}/ws", headers=headers, ssl=False
    )


async def heard(page: Any, *kinds: str) -> dict[str, Any]:
    """The next message of one of these kinds."""
    while True:
        message: dict[str, Any] = await page.receive_json(timeout=60)
        if message["type"] in kinds:
            return message


def frame(number: int, picture: Any) -> bytes:
    jpeg = cv2.imencode(".jpg", picture[:, :, ::-1])[1].tobytes()
    return struct.pack("<d", 1 + number / 15) + jpeg


def test_a_phone_records_and_may_do_nothing_else(lan: Lan) -> None:
    session, project = lan.pair(), lan.studio.project
    if "wave" not in project.gestures:
        project.add_gesture("wave")
    before = len(project.clips())
    take = {"label": "wave", "person": "anna", "session": "1"}

    async def record() -> tuple[list[str], str]:
        client, page = await connected(lan, session)
        refused = []
        for asks in ({"type": "try", "on": True}, {"type": "wrong", **take}, {"type": "hold"}):
            await page.send_json(asks)
            refused.append((await heard(page, "error"))["text"])
        assert not lan.studio.session.is_trying
        await page.send_json({"type": "record", "seconds": 0.6, **take})
        for number, picture in enumerate(film("wave", 0)):
            await page.send_bytes(frame(number, picture))
            answer = await heard(page, "hands", "clip")
            if answer["type"] == "clip" or answer["recorded"]["done"]:
                break
        file = answer["file"] if answer["type"] == "clip" else (await heard(page, "clip"))["file"]
        await client.close()
        return refused, file

    refused, file = outcome(record())
    assert len(refused) == 3 and all("may not ask for this" in text for text in refused)
    assert file == "wave/anna_1_0001.mp4" and (project.root / file).is_file()
    assert len(project.clips()) == before + 1


def test_the_phone_is_disconnected_at_once(lan: Lan) -> None:
    session, project = lan.pair(), lan.studio.project
    before = len(project.clips("no gesture"))
    take = {"label": "no gesture", "person": "anna", "session": "1"}

    async def stay() -> list[str]:
        client, page = await connected(lan, session)
        await page.send_json({"type": "record", "seconds": 9, **take})
        for number in range(5):
            picture = np.full((64, 96, 3), 90, np.uint8)
            await page.send_bytes(frame(number, picture))
            await heard(page, "hands")
        status, _ = changed(lan.computer, "phone-disconnect")
        assert status == 200
        last = await heard(page, "ended")
        closed = await page.receive(timeout=60)
        await client.close()
        return [last["type"], closed.type.name]

    assert outcome(stay()) == ["ended", "CLOSE"]
    # What was recorded until then is kept.
    for _ in range(100):
        if len(project.clips("no gesture")) > before:
            break
        time.sleep(0.05)
    assert len(project.clips("no gesture")) == before + 1


def test_the_studio_ends_while_a_phone_is_connected(hand_models: Path, tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra lan")
    pytest.importorskip("segno", reason="needs the extra lan")
    is_there = threading.Event()

    async def stay(lan: Lan, session: str) -> str:
        client, page = await connected(lan, session)
        is_there.set()
        last: str = (await page.receive(timeout=60)).type.name
        await client.close()
        return last

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        # The fixture fails where the server does not end within half a minute.
        with serving(tmp_path / "hands", lan=ADDRESS) as (studio, computer):
            lan = opened(studio, computer)
            last = thread.submit(asyncio.run, stay(lan, lan.pair()))
            assert is_there.wait(60)
        assert last.result(60) == "CLOSE"
    with pytest.raises(ConnectionRefusedError):
        lan.get("/")


def test_one_camera_at_a_time(lan: Lan) -> None:
    session = lan.pair()

    async def both() -> tuple[object, object]:
        client, phone = await connected(lan, session)
        origin = {"Origin": lan.computer.rstrip("/")}
        async with client.ws_connect(f"{lan.computer}ws", headers=origin) as page:
            of_phone = await heard(phone, "replaced")
            other, again = await connected(lan, session)
            of_page = await heard(page, "replaced")
            await other.close()
            assert again is not None
        await client.close()
        return of_phone["by_phone"], of_page["by_phone"]

    assert outcome(both()) == (False, True)

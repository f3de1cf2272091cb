"""The server of the studio: who may ask, what may be asked, and frames over the WebSocket."""

from __future__ import annotations

import asyncio
import http.client
import json
import struct
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
import cv2
import numpy as np
import pytest

from action_recognition.dataset_tools.drawn_hands import TEST_STYLE, draw_clip, write_video
from action_recognition.errors import UserError
from action_recognition.studio.learner import Learner
from action_recognition.studio.project import Clip
from action_recognition.studio.recording import Recording, Take
from action_recognition.studio.server import MAX_UPLOAD_BYTES
from action_recognition.studio.studio import Studio
from tests.conftest import REPOSITORY

Served = tuple[Studio, str]
WHO = "person=anna&session=1"


def asked(
    address: str,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    """Send a request as a program would, with a path that no browser would send either."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.netloc, timeout=60)
    own = {"Origin": address.rstrip("/")} if method == "POST" else {}
    connection.request(method, path, body, own | (headers or {}))
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def changed(address: str, change: str, /, **texts: str) -> tuple[int, dict[str, object]]:
    status, data = asked(address, f"/api/{change}", "POST", json.dumps(texts).encode())
    return status, json.loads(data)


def test_the_page_and_what_it_shows(served: Served) -> None:
    _, address = served
    for path, kind in (
        ("/", b"<!doctype html>"),
        ("/studio.js", b"// "),
        ("/studio.css", b":root"),
    ):
        status, data = asked(address, path)
        assert status == 200 and data.startswith(kind)
    found = json.loads(asked(address, "/api/project")[1])
    assert found["gestures"][-1] == "no gesture" and found["learned"] is None


def test_other_pages_are_refused(served: Served) -> None:
    studio, address = served
    for headers in ({"Host": "evil.example"}, {"Host": "evil.example:8010"}):
        assert asked(address, "/", headers=headers)[0] == 403
    body = b'{"name": "evil"}'
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        assert asked(address, "/api/project", headers={"Origin": origin})[0] == 403
        found = asked(address, "/api/add-gesture", "POST", body, {"Origin": origin})
        assert found[0] == 403 and b"another origin" in found[1]
    assert "evil" not in studio.project.gestures

    async def socket(headers: dict[str, str]) -> int:
        async with aiohttp.ClientSession() as session:
            try:
                async with session.ws_connect(f"{address}ws", headers=headers):
                    return 101
            except aiohttp.WSServerHandshakeError as error:
                return error.status

    assert asyncio.run(socket({})) == 403
    assert asyncio.run(socket({"Origin": "http://evil.example"})) == 403


def test_paths_and_requests_that_are_none(served: Served) -> None:
    _, address = served
    for path in ("/../pyproject.toml", "/%2e%2e/setup.py", "/server.py", "/web/studio.js", "/a/b"):
        assert asked(address, path)[0] == 404, path
    for file in ("../../x.mp4", "/etc/passwd", "no gesture/../metadata.csv"):
        assert asked(address, f"/api/clip?file={quote(file)}")[0] == 422
        assert asked(address, f"/api/thumbnail?file={quote(file)}")[0] == 404
    for body in (b"", b"[]", b'{"name": 1}', b"{}", b"\xff"):
        assert asked(address, "/api/add-gesture", "POST", body)[0] == 400, body
    assert asked(address, "/api/add-gesture", "POST", b'"' + b"x" * 200_000)[0] == 413
    assert changed(address, "nonsense")[0] == 404
    status, answer = changed(address, "add-gesture", name="../up")
    assert status == 422 and "cannot be the name of a folder" in str(answer["error"])
    status, answer = changed(address, "export")
    assert status == 422 and "nothing is taught yet" in str(answer["error"])


def test_files_are_taken_whole_or_not_at_all(served: Served, tmp_path: Path) -> None:
    studio, address = served
    changed(address, "add-gesture", name="swipe ←")
    clip = draw_clip("swipe_left", 2, TEST_STYLE)
    file = tmp_path / "clip.mp4"
    write_video(file, clip.frames_thwc, clip.frame_rate_fps)
    path = f"/api/upload?label={quote('swipe ←')}&name=clip.MP4&{WHO}"
    status, data = asked(address, path, "POST", file.read_bytes())
    assert (status, json.loads(data)) == (200, {"done": "swipe ←/anna_1_0001.mp4"})

    refused = {
        path: (b"no video", 422),
        path.replace("clip.MP4", "clip.exe"): (b"x", 422),
        path.replace("anna", "../up"): (b"x", 422),
        path.replace(quote("swipe ←"), "nothing"): (b"x", 422),
    }
    for address_of, (body, expected) in refused.items():
        assert asked(address, address_of, "POST", body)[0] == expected, address_of
    # One gigabyte is refused before any of it is read.
    status, data = asked(address, path, "POST", b"x", {"Content-Length": str(10**9)})
    assert status == 413 and f"at most {MAX_UPLOAD_BYTES // 10**6} MB" in data.decode()
    assert len(studio.project.clips("swipe ←")) == 1
    assert not list((studio.project.state_folder / "upload").iterdir())

    # It was looked at in the background, and has a thumbnail with its hand.
    wanted = f"/api/thumbnail?file={quote('swipe ←/anna_1_0001.mp4')}"
    for _ in range(600):
        status, picture = asked(address, wanted)
        if status == 200:
            break
        time.sleep(0.1)
    assert status == 200 and picture.startswith(b"\xff\xd8")
    shown = json.loads(asked(address, "/api/project")[1])["clips"][0]
    assert shown["ready"] and shown["badges"] == [] and shown["seconds"] > 0.5


def test_frames_are_answered_and_recorded(served: Served) -> None:
    studio, address = served
    clip = draw_clip("swipe_left", 2, TEST_STYLE)
    changed(address, "add-gesture", name="recorded")
    before = len(studio.project.clips("recorded"))

    async def record() -> list[dict[str, object]]:
        heard: list[dict[str, object]] = []
        origin = {"Origin": address.rstrip("/")}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{address}ws", headers=origin) as page,
        ):
            await page.send_str("no message")
            heard.append(await page.receive_json(timeout=60))
            take = {"label": "recorded", "person": "anna", "session": "2", "seconds": 1.0}
            await page.send_json({"type": "record", **take})
            for number, frame in enumerate(clip.frames_thwc):
                jpeg = cv2.imencode(".jpg", frame[:, :, ::-1])[1].tobytes()
                await page.send_bytes(struct.pack("<d", 5 + number / clip.frame_rate_fps) + jpeg)
                while True:
                    answer = await page.receive_json(timeout=60)
                    heard.append(answer)
                    if answer["type"] in ("hands", "clip"):
                        break
                if any(item["type"] == "clip" for item in heard):
                    break
        return heard

    heard = asyncio.run(record())
    assert heard[0]["type"] == "error"
    hands = [item for item in heard if item.get("hands")]
    assert len(hands) > 8 and len(hands[0]["hands"][0]["points"]) == 21  # type: ignore[index]
    for _ in range(100):
        if len(studio.project.clips("recorded")) > before:
            break
        time.sleep(0.1)
    assert len(studio.project.clips("recorded")) == before + 1


@pytest.mark.parametrize(
    "data", [b"", b"12345678no picture", struct.pack("<d", 1.0) + b"\xff\xd8x"]
)
def test_frames_that_are_none(served: Served, data: bytes) -> None:
    _, address = served

    async def send() -> dict[str, object]:
        origin = {"Origin": address.rstrip("/")}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{address}ws", headers=origin) as page,
        ):
            await page.send_bytes(data)
            while True:
                answer: dict[str, object] = await page.receive_json(timeout=60)
                if answer["type"] == "error":
                    return answer

    assert asyncio.run(send())["text"]


def test_without_a_page_nothing_is_recognised(served: Served) -> None:
    studio, address = served

    async def leave() -> bool:
        origin = {"Origin": address.rstrip("/")}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{address}ws", headers=origin) as page,
        ):
            await page.send_str("no message")
            await page.receive_json(timeout=60)
            studio.session.is_trying = True
        return True

    assert asyncio.run(leave())
    for _ in range(100):
        if not studio.session.is_trying:
            break
        time.sleep(0.05)
    assert not studio.session.is_trying


def test_a_second_studio_takes_nothing_from_the_first(served: Served) -> None:
    studio, _ = served
    recording = Recording.begin(studio.project, Take("no gesture", "anna", "1"))
    with pytest.raises(UserError, match="is open in another studio"):
        Studio(studio.project.root, REPOSITORY, num_threads=1)
    assert (recording.folder / "about.json").is_file()
    recording.drop()


def test_another_file_of_the_same_name_is_looked_at_again(served: Served) -> None:
    studio, _ = served
    path = studio.project.new_clip("no gesture", "ben", "9", ".jpg")
    learner = Learner(studio.project, studio.learner.reader, studio.learner.template, lambda: None)
    brightness = []
    for level in (10, 200):
        picture = np.full((64, 96 + level, 3), level, np.uint8)
        path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
        learner._look(Clip(f"no gesture/{path.name}", "no gesture"))
        brightness.append("too dark" in learner.facts[f"no gesture/{path.name}"].badges)
    path.unlink()
    assert brightness == [True, False]

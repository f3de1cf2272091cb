"""The server of the studio: who may ask, what may be asked, and frames over the WebSocket."""

from __future__ import annotations

import errno
import http.client
import json
import struct
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import cv2
import numpy as np
import pytest

from action_recognition.commands.teaching.studio import main
from action_recognition.dataset_tools.drawn_hands import TEST_STYLE, draw_clip, write_video
from action_recognition.errors import UserError
from action_recognition.studio.camera_session import CameraSession
from action_recognition.studio.clip_facts import ClipReader
from action_recognition.studio.learner import Learner
from action_recognition.studio.project import Clip
from action_recognition.studio.recording import Recording, Take
from action_recognition.studio.server import MAX_UPLOAD_BYTES
from action_recognition.studio.studio import Studio
from tests.conftest import REPOSITORY
from tests.data.media.test_kinds import CASES
from tests.studio.conftest import outcome
from tests.warm import warm_python

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


def shown(address: str, known: str = "") -> dict[str, Any]:
    """What the page shows of the project, if it knows this version."""
    found: dict[str, Any] = json.loads(asked(address, f"/api/project?known={quote(known)}")[1])
    return found


def test_the_page_and_what_it_shows(served: Served) -> None:
    _, address = served
    for path, kind in (
        ("/", b"<!doctype html>"),
        ("/studio.js", b"// "),
        ("/studio.css", b":root"),
    ):
        status, data = asked(address, path)
        assert status == 200 and data.startswith(kind)
    found = shown(address)
    assert found["gestures"][-1] == "no gesture" and found["learned"] is None


def test_clips_are_told_once(served: Served) -> None:
    studio, address = served
    for _ in range(100):
        if not studio.learner.is_busy:
            break
        time.sleep(0.05)
    first = shown(address)
    assert "clips" in first and "clips" in shown(address, "of an earlier studio")
    # An action says what it does, and no clip has changed.
    studio.actions._say("wave: key space")
    again = shown(address, first["version"])
    assert "clips" not in again and again["actions"]["lines"][-1] == "wave: key space"

    # Whoever puts a file there, whatever was looked at: they come anew.
    studio.learner.version += 1
    second = shown(address, first["version"])
    assert "clips" in second
    file = studio.project.root / "no gesture" / "by hand.jpg"
    file.write_bytes(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
    third = shown(address, second["version"])
    assert [clip["file"] for clip in third["clips"]][-1] == "no gesture/by hand.jpg"
    file.unlink()
    assert "clips" in shown(address, third["version"])


class Sees:
    """A model that sees one gesture in every frame."""

    def __init__(self, label: str) -> None:
        self.network, self.hands = SimpleNamespace(metadata=SimpleNamespace(labels=[label])), []
        event = SimpleNamespace(label=label, probability=1.0, time_s=1.0)
        self.results = [SimpleNamespace(smoothed=[1.0], event=event)]

    def push(self, _: object) -> list[SimpleNamespace]:
        return self.results


def test_a_gesture_does_what_the_page_has_set(
    served: Served, touched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, address = served
    # The learner, which this wakes, would put its own model in the place of that below.
    monkeypatch.setattr(studio.session, "follow", lambda learned: None)
    touched.unlink(missing_ok=True)
    changed(address, "add-gesture", name="clap")
    assert shown(address)["actions"]["commands"] == ["touch"]
    status, answer = changed(address, "set-action", gesture="clap", kind="command", value="rm")
    assert status == 422 and "allowed: touch" in str(answer["error"])
    action = {"kind": "command", "value": "touch"}
    assert changed(address, "set-action", gesture="clap", **action) == (200, {"done": action})
    assert changed(address, "switch-actions", on="perhaps")[0] == 422

    async def see() -> None:
        origin = {"Origin": address.rstrip("/")}
        picture = cv2.imencode(".jpg", np.full((64, 96, 3), 90, np.uint8))[1].tobytes()
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{address}ws", headers=origin) as page,
        ):
            await page.send_str("no message")
            await page.receive_json(timeout=60)
            studio.session._engine, studio.session.is_trying = Sees("clap"), True  # type: ignore[assignment]
            await page.send_bytes(struct.pack("<d", 1.0) + picture)
            while (heard := await page.receive_json(timeout=60))["type"] != "hands":
                pass
            assert heard["event"]["label"] == "clap"

    # Nothing happens before they are switched on.
    outcome(see())
    assert changed(address, "switch-actions", on="yes")[0] == 200
    assert not touched.exists()
    outcome(see())
    for _ in range(200):
        if touched.exists() and studio.actions.lines:
            break
        time.sleep(0.05)
    assert touched.exists() and "clap: command touch" in shown(address)["actions"]["lines"]
    changed(address, "switch-actions", on="no")
    studio.session._engine = None


def test_a_bad_list_of_commands_opens_nothing(tmp_path: Path) -> None:
    commands = tmp_path / "commands.json"
    commands.write_text('{"lamp": ["no-such-program-here"]}')
    with pytest.raises(UserError, match="there is no program 'no-such-program-here'"):
        main(REPOSITORY, [str(tmp_path / "hands"), "--no-open", "--commands", str(commands)])
    assert not (tmp_path / "hands").exists()


def test_a_port_that_is_taken_is_one_message(served: Served, tmp_path: Path) -> None:
    # In a process of its own: a browser of other tests may have a loop in this one.
    port = urlsplit(served[1]).port
    tool = str(REPOSITORY / "tools" / "studio.py")
    words = [str(tmp_path / "hands"), "--no-open", "--port", str(port)]
    done = subprocess.run(
        [warm_python(), tool, *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2 and done.stderr.count("error: ") == 1
    assert f"--port: {port} cannot be used" in done.stderr and "Traceback" not in done.stderr


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

    assert outcome(socket({})) == 403
    assert outcome(socket({"Origin": "http://evil.example"})) == 403


def test_paths_and_requests_that_are_none(served: Served) -> None:
    _, address = served
    for path in ("/../pyproject.toml", "/%2e%2e/setup.py", "/server.py", "/web/studio.js", "/a/b"):
        assert asked(address, path)[0] == 404, path
    for file in ("../../x.mp4", "/etc/passwd", "no gesture/../metadata.csv"):
        assert asked(address, f"/api/clip?file={quote(file)}")[0] == 422
        assert asked(address, f"/api/thumbnail?file={quote(file)}")[0] == 404
    deep = b"[" * 90_000
    for body in (b"", b"[]", b'{"name": 1}', b"{}", b"\xff", deep):
        assert asked(address, "/api/add-gesture", "POST", body)[0] == 400, body
    assert asked(address, "/api/add-gesture", "POST", b'"' + b"x" * 200_000)[0] == 413
    assert changed(address, "nonsense")[0] == 404
    status, answer = changed(address, "add-gesture", name="../up")
    assert status == 422 and "cannot be the name of a folder" in str(answer["error"])
    status, answer = changed(address, "export")
    assert status == 422 and "nothing is taught yet" in str(answer["error"])


def test_odd_films_are_taken_as_they_are(served: Served, shared: Path) -> None:
    """What training reads is taken, byte for byte, whatever made it."""
    studio, address = served
    changed(address, "add-gesture", name="wave")
    for number, name in enumerate(CASES, start=1):
        data = (shared / "cases" / name).read_bytes()
        path = f"/api/upload?label=wave&name={quote(name)}&{WHO}"
        status, answer = asked(address, path, "POST", data)
        kept = f"wave/anna_1_{number:04d}{Path(name).suffix}"
        assert (status, json.loads(answer)) == (200, {"done": kept})
        assert (studio.project.root / kept).read_bytes() == data
    assert len(studio.project.clips("wave")) == len(CASES)


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
    (clip_of_file,) = (one for one in shown(address)["clips"] if one["label"] == "swipe ←")
    assert clip_of_file["ready"] and clip_of_file["badges"] == [] and clip_of_file["seconds"] > 0.5


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

    heard = outcome(record())
    assert heard[0]["type"] == "error"
    hands = [item for item in heard if item.get("hands")]
    assert len(hands) > 8 and len(hands[0]["hands"][0]["points"]) == 21  # type: ignore[index]
    for _ in range(100):
        if len(studio.project.clips("recorded")) > before:
            break
        time.sleep(0.1)
    assert len(studio.project.clips("recorded")) == before + 1


def test_a_second_tab_takes_the_camera_over(served: Served) -> None:
    _, address = served

    async def two() -> tuple[list[object], list[object]]:
        origin = {"Origin": address.rstrip("/")}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{address}ws", headers=origin) as first,
            session.ws_connect(f"{address}ws", headers=origin) as second,
        ):
            told: list[object] = []
            while (message := await first.receive(timeout=60)).type == aiohttp.WSMsgType.TEXT:
                told.append(message.json()["type"])
            answers: list[object] = []
            for text in ("no message", "[" * 9_000):
                await second.send_str(text)
                # The page is told at any time that something has changed.
                while (answer := await second.receive_json(timeout=60))["type"] == "changed":
                    pass
                answers.append(answer["type"])
            return told, answers

    told, answers = outcome(two())
    assert "replaced" in told and answers == ["error", "error"]


def test_a_full_disk_ends_a_recording_and_keeps_its_frames(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, _ = served
    session = CameraSession(studio.project, studio.session.networks)
    picture = cv2.imencode(".jpg", np.full((64, 96, 3), 90, np.uint8))[1].tobytes()
    session.begin(Take("no gesture", "anna", "1"), 2.0)
    for number in range(4):
        session.frame(struct.pack("<d", 1 + number / 10) + picture)
    recording = session._recording
    assert recording is not None

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("action_recognition.studio.recording.write_bytes", full)
    with pytest.raises(UserError, match=r"No space left on device.*its frames stay in"):
        session.frame(struct.pack("<d", 2.0) + picture)
    assert session.frame(struct.pack("<d", 2.1) + picture)["type"] == "hands"
    assert len(list(recording.folder.glob("*.jpg"))) == 4 and session.stop() is None
    recording.drop()


def test_a_slow_computer_records_until_there_are_enough_frames(served: Served) -> None:
    studio, _ = served
    session = CameraSession(studio.project, studio.session.networks)
    picture = cv2.imencode(".jpg", np.full((64, 96, 3), 90, np.uint8))[1].tobytes()
    session.begin(Take("no gesture", "anna", "1"), 2.0)
    done = [
        session.frame(struct.pack("<d", 1.0 + number) + picture)["recorded"]["done"]
        for number in range(8)
    ]
    assert done == [False] * 7 + [True]
    session.cancel()


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

    assert outcome(send())["text"]


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

    assert outcome(leave())
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


def test_a_project_that_is_opened_again_is_not_decoded_again(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, _ = served
    path = tmp_path / "dark.jpg"
    path.write_bytes(cv2.imencode(".jpg", np.full((64, 96, 3), 3, np.uint8))[1].tobytes())
    networks = studio.learner.reader.networks
    first = ClipReader(networks, tmp_path / "thumbnails").facts(path)
    assert first.badges == ("no hand seen", "too dark")
    with monkeypatch.context() as patched:
        patched.setattr("action_recognition.studio.clip_facts.read_frames", pytest.fail)
        again = ClipReader(networks, tmp_path / "thumbnails").facts(path)
    assert (again.badges, again.thumbnail) == (first.badges, first.thumbnail)

    # What was half-written, or written by something else, is made again.
    for text in ("{", "[" * 100_000, "[]", '{"version": 0}'):
        first.thumbnail.with_suffix(".json").write_text(text)
        assert ClipReader(networks, tmp_path / "thumbnails").facts(path).badges == first.badges

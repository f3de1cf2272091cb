"""Network sources: a real ffmpeg that serves over the loopback, is killed and comes back; stamps
that jump; passwords that stay hidden.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from action_recognition.errors import UserError
from action_recognition.live.frame_times import DiscontinuityDetector, TimedFrame
from action_recognition.live.sources import connection
from action_recognition.live.sources.addresses import is_address, without_credentials
from action_recognition.live.sources.frame_sources import open_source
from action_recognition.live.sources.reader_thread import FrameReader
from action_recognition.live.sources.retrying import Patience
from action_recognition.live.sources.stream_clock import StreamClock
from tests.synthetic import numbered_frames, read_frame_number, write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(
        tmp_path / "clip.mp4", numbered_frames(60), 30, options={"bf": "0", "g": "6"}
    )


class Server:
    """ffmpeg that waits for one client and plays the clip to it at its rate, over and over."""

    def __init__(self, clip: Path, port: int) -> None:
        self._command = [
            "ffmpeg",
            "-v",
            "quiet",
            "-re",
            "-stream_loop",
            "-1",
            "-i",
            str(clip),
            "-c",
            "copy",
            "-f",
            "mpegts",
        ]
        self._command += ["-listen", "1", f"http://127.0.0.1:{port}/live"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)

    def start_again_if_gone(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def server(clip: Path, port: int) -> Iterator[Server]:
    server = Server(clip, port)
    yield server
    server.kill()


def _opened(address: str, said: list[str], server: Server) -> FrameReader:
    """A reader, once the server is up; one whose only client came too soon and went is started
    again.
    """
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        server.start_again_if_gone()
        try:
            source = open_source(
                address, 15.0, said.append, Patience(said.append, wait=lambda _: time.sleep(0.1))
            )
        except UserError:
            time.sleep(0.05)
        else:
            return FrameReader(source, capacity=100)
    raise AssertionError("the server did not start")


def test_a_server_that_is_killed_and_comes_back(server: Server, port: int) -> None:
    said: list[str] = []
    server.start()
    reader = _opened(f"http://127.0.0.1:{port}/live", said, server)
    assert reader.source.is_live
    first = [reader.get(10) for _ in range(20)]
    server.kill()
    server.start()
    frames = list(first)
    while not any(frame is not None and frame.is_restart for frame in frames):
        frames.append(reader.get(20))
    frames += [reader.get(10) for _ in range(10)]
    reader.stop()
    found = [frame for frame in frames if frame is not None]
    assert len(found) == len(frames)
    numbers = [read_frame_number(frame.picture) for frame in first if frame]
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    times_s = [frame.time_s for frame in found]
    assert times_s == sorted(times_s)
    np.testing.assert_allclose(np.diff(times_s[:20]), 1 / 30, atol=2e-3)
    assert sum(frame.is_restart for frame in found) == 1
    detector = DiscontinuityDetector(15.0)
    assert [bool(detector.reason(frame)) for frame in found].count(True) == 1
    assert any("lost; trying again" in line for line in said) and any(
        "back after" in line for line in said
    )


def test_what_does_not_answer_is_named_without_the_password(port: int) -> None:
    with pytest.raises(UserError, match="refuses the connection") as error:
        open_source(f"http://me:secret@127.0.0.1:{port}/live?key=hidden", 15.0)
    assert (
        "secret" not in str(error.value)
        and "hidden" not in str(error.value)
        and f"127.0.0.1:{port}" in str(error.value)
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            "refuses the user name or password",
        ),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "cannot be opened"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "cannot be opened"),
    ],
)
def test_answers_that_are_no_video(answer: bytes, expected: str) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                with client:
                    client.recv(4096)
                    client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(UserError, match=expected) as error:
            open_source(f"http://me:secret@127.0.0.1:{listening.getsockname()[1]}/", 15.0)
        assert "secret" not in str(error.value)


def test_a_pipe_is_read_to_its_end(clip: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert is_address(str(pipe))
    command = [
        "ffmpeg",
        "-v",
        "quiet",
        "-y",
        "-i",
        str(clip),
        "-c",
        "copy",
        "-f",
        "mpegts",
        str(pipe),
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL):
        reader = FrameReader(open_source(str(pipe), 15.0), capacity=100)
        numbers = [
            read_frame_number(frame.picture)
            for frame in (reader.get(10) for _ in range(50))
            if frame
        ]
    reader.source.stop()
    assert numbers == list(range(50))


def test_a_pipe_that_nobody_writes_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(connection, "_OPEN_S", 0.1)
    with pytest.raises(UserError, match="pipe: is a named pipe that nobody wrote into for"):
        open_source(str(pipe), 15.0)


def test_a_pipe_is_read_whose_writer_has_gone(clip: Path, tmp_path: Path) -> None:
    pipe, film = tmp_path / "pipe", tmp_path / "short.ts"
    command = ["ffmpeg", "-v", "quiet", "-i", clip, "-frames:v", "40", "-f", "mpegts", film]
    subprocess.run(command, check=True)
    os.mkfifo(pipe)
    # Shorter than the buffer of a pipe, so the writer ends before the film is opened.
    assert film.stat().st_size < 65536
    threading.Thread(target=lambda: pipe.write_bytes(film.read_bytes()), daemon=True).start()
    source = open_source(str(pipe), 15.0)
    assert sum(1 for _ in source.frames()) == 40


def test_damaged_packets_are_counted_and_the_stream_goes_on(clip: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.ts"
    subprocess.run(
        ["ffmpeg", "-v", "quiet", "-i", str(clip), "-c", "copy", "-f", "mpegts", str(whole)],
        check=True,
    )
    data = bytearray(whole.read_bytes())
    rng = np.random.default_rng(0)
    for start in rng.integers(len(data) // 3, len(data) * 2 // 3, 10):
        data[start : start + 188] = rng.bytes(188)
    pipe, said = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(bytes(data)), daemon=True).start()
    source = open_source(str(pipe), 15.0, said.append)
    frames = []
    for frame in source.frames():
        frames.append(frame)
        if read_frame_number(frame.picture) == 59:
            break
    assert (
        20 < len(frames) < 60
        and source.num_corrupt > 0
        and "damaged packets or pictures" in said[0]
    )
    assert [frame.time_s for frame in frames] == sorted(frame.time_s for frame in frames)


def test_stamps_are_followed_while_they_are_sound() -> None:
    clock = StreamClock()
    rows = [
        (5.0, 100.0),
        (5.1, 100.0),
        (5.2, 100.0),
        (5.3, 105.0),
        (8.0, 107.8),
    ]  # a burst, a late one, a real pause
    assert [clock.time_of(*row) for row in rows] == [
        (0.0, False),
        (0.1, False),
        (0.2, False),
        (0.3, False),
        (3.0, False),
    ]


@pytest.mark.parametrize("jump_s", [-1000.0, 1000.0, 95443.7])
def test_a_jump_of_the_stamps_is_a_tear_and_time_goes_on_by_the_clock(jump_s: float) -> None:
    clock = StreamClock()
    clock.time_of(10.0, 50.0)
    assert clock.time_of(10.0 + jump_s, 50.04) == (0.04, True)
    assert clock.time_of(10.1 + jump_s, 50.1) == (pytest.approx(0.14), False)


def test_small_steps_back_and_missing_stamps_are_no_tear() -> None:
    clock = StreamClock()
    rows = [(1.0, 0.0), (0.99, 0.03), (None, 0.06), (1.1, 0.1)]
    found = [clock.time_of(*row) for row in rows]
    assert [reason for _, reason in found] == [False] * 4
    assert [time_s for time_s, _ in found] == pytest.approx([0.0, 0.03, 0.06, 0.1])


def test_tears_of_a_stream() -> None:
    small, large = np.zeros((4, 4, 3), np.uint8), np.zeros((8, 4, 3), np.uint8)
    detector = DiscontinuityDetector(15.0)
    rows = [
        (0.0, small),
        (0.2, small),
        (0.15, small),
        (1.1, small),
        (1.2, large),
        (9.0, large),
        (3.0, large),
        (float("nan"), large),
    ]
    reasons = [detector.reason(TimedFrame(time_s, picture)) for time_s, picture in rows]
    assert [bool(reason) for reason in reasons] == [
        False,
        False,
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    assert reasons[4] == "pictures of 4x4 became 4x8"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:pass@10.0.0.1/stream1", "rtsp://10.0.0.1/stream1"),
        ("http://host:8080/a?user=x&pwd=y#z", "http://host:8080/a"),
        ("http://user:p@ss@host/a", "http://host/a"),
        ("pipe:0", "pipe:0"),
    ],
)
def test_addresses_are_shown_without_secrets(address: str, shown: str) -> None:
    assert without_credentials(address) == shown

"""A camera's protocol: GStreamer's RTSP server over the loopback, with a password, killed and
started again in mid-stream.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from action_recognition.errors import UserError
from action_recognition.live.sources.frame_sources import open_source
from action_recognition.live.sources.reader_thread import FrameReader
from action_recognition.live.sources.retrying import Patience
from tests.synthetic import numbered_frames, read_frame_number, write_video

SYSTEM_PYTHON = Path("/usr/bin/python3")
SCRIPT = Path(__file__).with_name("rtsp_server.py")
USER, PASSWORD = "me", "secret-word"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(
        tmp_path_factory.mktemp("rtsp") / "clip.mp4",
        numbered_frames(600),
        30,
        options={"bf": "0", "g": "6"},
    )


class Camera:
    """The server in a process of its own."""

    def __init__(self, clip: Path, port: int) -> None:
        self._command = [str(SYSTEM_PYTHON), str(SCRIPT), str(clip), str(port), USER, PASSWORD]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        }
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


CameraOf = Callable[[Path], Camera]


@pytest.fixture
def camera_of(port: int) -> Iterator[CameraOf]:
    check = [str(SYSTEM_PYTHON), str(SCRIPT), "--check"]
    if (
        not SYSTEM_PYTHON.is_file()
        or subprocess.run(check, capture_output=True, check=False).returncode
    ):
        if os.environ.get("CI") == "true":
            pytest.fail("GStreamer's RTSP server must be there in CI")
        pytest.skip(
            "needs gir1.2-gst-rtsp-server-1.0, python3-gi and GStreamer's good and bad plugins"
        )
    cameras: list[Camera] = []

    def made(video: Path) -> Camera:
        cameras.append(Camera(video, port))
        return cameras[-1]

    yield made
    for camera in cameras:
        camera.kill()


@pytest.fixture
def camera(clip: Path, camera_of: CameraOf) -> Camera:
    camera = camera_of(clip)
    camera.start()
    return camera


def test_a_camera_that_is_killed_and_comes_back(camera: Camera, port: int) -> None:
    said: list[str] = []
    address = f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{port}/live"
    reader = FrameReader(
        open_source(
            address, 15.0, said.append, Patience(said.append, wait=lambda _: time.sleep(0.1))
        ),
        capacity=200,
    )
    assert reader.source.is_live
    frames = [reader.get(10) for _ in range(30)]
    camera.kill()
    camera.start()
    while not any(frame is not None and frame.is_restart for frame in frames):
        frames.append(reader.get(20))
    frames += [reader.get(10) for _ in range(10)]
    reader.stop()
    numbers = [read_frame_number(frame.picture) for frame in frames[:30] if frame]
    assert numbers == list(range(numbers[0], numbers[0] + 30))
    times_s = [frame.time_s for frame in frames if frame]
    assert len(times_s) == len(frames) and times_s == sorted(times_s)
    np.testing.assert_allclose(
        np.diff(times_s[1:30]), 1 / 30, atol=2e-3
    )  # the first one came before the server had said what time it is
    assert sum(frame.is_restart for frame in frames if frame) == 1
    assert any("lost; trying again" in line for line in said) and any(
        "back after" in line for line in said
    )
    assert not any(PASSWORD in line for line in said)


def test_a_wrong_password_is_said_and_never_shown(camera: Camera, port: int) -> None:
    with pytest.raises(UserError, match="refuses the user name or password") as error:
        open_source(f"rtsp://{USER}:wrong-word@127.0.0.1:{port}/live", 15.0)
    assert "wrong-word" not in str(error.value) and PASSWORD not in str(error.value)


def test_a_recording_ends_with_its_last_frame(
    tmp_path: Path, port: int, camera_of: CameraOf
) -> None:
    short = write_video(
        tmp_path / "short.mp4", numbered_frames(45), 30, options={"bf": "0", "g": "6"}
    )
    camera_of(short).start()
    source = open_source(f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{port}/live", 15.0)
    assert [read_frame_number(frame.picture) for frame in source.frames()][-1] == 44

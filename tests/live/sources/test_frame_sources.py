"""Files, frame folders and cameras as streams of timed frames."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.data.video import read_frames
from action_recognition.errors import UserError
from action_recognition.live.sources import camera_source
from action_recognition.live.sources.camera_source import Camera
from action_recognition.live.sources.frame_sources import open_source
from action_recognition.live.sources.retrying import Patience
from tests.synthetic import numbered_frames, read_frame_number, write_audio_only, write_video


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_file_gives_every_frame_as_offline_reading_does(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, numbered_frames(20), 24)
    source = open_source(str(path), 15.0)
    frames = list(source.frames())
    assert source.frame_rate_fps == pytest.approx(24)
    np.testing.assert_array_equal(
        np.stack([frame.picture for frame in frames]), read_frames(path, range(20))
    )
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(20) / 24, atol=1e-3)


def test_uneven_time_stamps_are_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", numbered_frames(5), 10, ticks=[0, 1, 5, 6, 9])
    np.testing.assert_allclose(
        [frame.time_s for frame in open_source(str(path), 15.0).frames()],
        [0, 0.1, 0.5, 0.6, 0.9],
        atol=1e-3,
    )


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotated_videos_stand_upright_as_offline(tmp_path: Path, rotation: int) -> None:
    path = write_video(tmp_path / "clip.mp4", numbered_frames(3), rotation=rotation)
    pictures = [frame.picture for frame in open_source(str(path), 15.0).frames()]
    np.testing.assert_array_equal(np.stack(pictures), read_frames(path, range(3)))


def test_a_folder_of_frames_runs_at_the_rate_given(tmp_path: Path) -> None:
    for i, picture in enumerate(numbered_frames(40)):
        cv2.imwrite(str(tmp_path / f"img_{i + 1:05d}.png"), picture[:, :, ::-1])
    source = open_source(str(tmp_path), 12.5)
    frames = list(source.frames())
    assert [read_frame_number(frame.picture) for frame in frames] == list(range(40))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(40) / 12.5)
    assert source.frame_rate_fps == 12.5


def test_what_cannot_be_a_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such video"):
        open_source(str(tmp_path / "missing.mp4"), 15.0)
    with pytest.raises(UserError, match="no video stream"):
        open_source(str(write_audio_only(tmp_path / "sound.wav")), 15.0)
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(UserError, match="empty"):
        open_source(str(tmp_path / "empty.mp4"), 15.0)
    videos = tmp_path / "videos"
    write_video(videos / "clip.mp4", numbered_frames(3))
    with pytest.raises(UserError, match=r"holds no frames.*name its file"):
        open_source(str(videos), 15.0)


class FakeCapture:
    """A camera of three BGR frames."""

    opened = True
    rate = 25.0
    released = 0
    place: tuple[object, ...] = ()

    def __init__(self, *place: object) -> None:
        FakeCapture.place = place
        self.left = [np.full((6, 8, 3), (i, 0, 9), np.uint8) for i in range(3)]

    def isOpened(self) -> bool:
        return self.opened

    def get(self, _: int) -> float:
        return self.rate

    def read(self) -> tuple[bool, np.ndarray | None]:
        return (True, self.left.pop(0)) if self.left else (False, None)

    def release(self) -> None:
        FakeCapture.released += 1


def test_a_camera_gives_rgb_timed_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_source.cv2, "VideoCapture", FakeCapture)
    clock = iter([100.0, 100.5, 101.75])
    monkeypatch.setattr(camera_source.time, "monotonic", lambda: next(clock))
    released = FakeCapture.released
    source = open_source("0", 15.0)
    frames = list(islice(source.frames(), 3))
    assert isinstance(source, Camera) and source.frame_rate_fps == 25.0
    assert [frame.time_s for frame in frames] == [0.0, 0.5, 1.75]
    assert frames[2].picture[0, 0].tolist() == [9, 0, 2]
    assert FakeCapture.released == released + 1


def test_an_unplugged_camera_is_opened_again_and_what_happened_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It gives 3 frames, is away for three attempts, and is back."""
    attempts = iter([True, False, False, False, True])

    class Unplugged(FakeCapture):
        def __init__(self, number: int) -> None:
            super().__init__(number)
            self.opened = next(attempts)

    said: list[str] = []
    waits: list[float] = []
    monkeypatch.setattr(camera_source.cv2, "VideoCapture", Unplugged)
    source = open_source(
        "0",
        15.0,
        patience=Patience(said.append, clock=iter(range(100)).__next__, wait=waits.append),
    )
    frames = list(islice(source.frames(), 5))
    assert [frame.is_restart for frame in frames] == [False, False, False, True, False]
    # It was lost soon after it was opened, so even the first attempt waits.
    assert waits == [0.25, 0.5, 1.0, 2.0]
    assert said[0] == "camera 0: lost; trying again" and said[1].startswith("camera 0: back after ")


def test_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = iter([True])

    class Gone(FakeCapture):
        def __init__(self, number: int) -> None:
            super().__init__(number)
            self.opened = next(attempts, False)

    said: list[str] = []
    monkeypatch.setattr(camera_source.cv2, "VideoCapture", Gone)
    patience = Patience(
        said.append, limit_s=20, clock=iter(range(100)).__next__, wait=lambda _: None
    )
    assert len(list(open_source("0", 15.0, patience=patience).frames())) == 3
    assert said[-1] == "camera 0: not back after 20 s, given up"


def test_stopping_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = iter([True])

    class Gone(FakeCapture):
        def __init__(self, number: int) -> None:
            super().__init__(number)
            self.opened = next(attempts, False)

    monkeypatch.setattr(camera_source.cv2, "VideoCapture", Gone)
    source = open_source("0", 15.0, patience=Patience())
    threading.Timer(0.1, source.stop).start()
    assert len(list(source.frames())) == 3


@pytest.mark.parametrize("stated", [0.0, -1.0, float("nan"), 1e6])
def test_a_camera_without_a_sensible_rate_counts_as_30(
    monkeypatch: pytest.MonkeyPatch, stated: float
) -> None:
    monkeypatch.setattr(camera_source.cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(FakeCapture, "rate", stated)
    assert open_source("0", 15.0).frame_rate_fps == 30.0


def test_a_camera_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_source.cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(FakeCapture, "opened", False)
    with pytest.raises(UserError, match="camera 3: cannot be opened"):
        open_source("3", 15.0)


def test_a_device_is_a_camera(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A link as in /dev/v4l/by-id, which stays while the camera's number changes."""
    device = tmp_path / "usb-Cam_1-index0"
    device.symlink_to("/dev/null")
    monkeypatch.setattr(camera_source, "_DEVICES", (f"{tmp_path}/",))
    monkeypatch.setattr(camera_source.cv2, "VideoCapture", FakeCapture)
    source = open_source(str(device), 15.0)
    assert isinstance(source, Camera) and source.is_live
    assert FakeCapture.place == (str(device), cv2.CAP_V4L2)
    assert len(list(islice(source.frames(), 3))) == 3
    with pytest.raises(UserError, match=r"no such device.*usb-Cam_1-index0"):
        open_source(str(tmp_path / "usb-Gone"), 15.0)


@pytest.mark.parametrize("number", ["100", "9" * 20, "9" * 200])
def test_a_number_that_no_camera_has_is_refused(number: str) -> None:
    with pytest.raises(UserError, match="there is none; allowed: a number of 0 to 99"):
        open_source(number, 15.0)


def test_a_file_named_like_a_number_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").write_bytes(b"no video")
    with pytest.raises(UserError, match="cannot be read as a video"):
        open_source("0", 15.0)

"""Recordings: the movement is cut out, and a killed server loses nothing."""

from __future__ import annotations

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from action_recognition.data.video import container_frame_rate, count_frames
from action_recognition.errors import UserError
from action_recognition.hands.geometry import Square
from action_recognition.hands.networks import SeenHand
from action_recognition.hands.tracker import TrackedHand
from action_recognition.studio.camera_session import MAX_FRAME_BYTES, _decoded, split_message
from action_recognition.studio.project import NO_GESTURE, Project
from action_recognition.studio.recording import Recording, Recovered, Take, moving_part, recover
from tests.made_landmarks import open_hand

TAKE = Take("wave", "anna", "1")


def jpeg(level: int = 120) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((48, 64, 3), level, np.uint8))[1].tobytes())


def places(*x: float | None) -> list[NDArray[np.float64] | None]:
    hand = open_hand()[:, :2].astype(np.float64)
    return [None if value is None else hand + np.array([value, 0.0]) for value in x]


def project_with(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add_gesture("wave")
    return project


def test_the_movement_is_cut_out() -> None:
    # A palm is about 60 pixels: it rests for a second, moves for one, and rests again.
    x = [0.0] * 10 + [30.0 * i for i in range(10)] + [270.0] * 10
    times = [i / 10 for i in range(30)]
    first, last = moving_part(times, places(*x))
    assert 7 <= first <= 9 and 20 <= last <= 22

    # A hand that is held, or hardly seen, is not cut.
    assert moving_part(times, places(*[0.5 * (i % 2) for i in range(30)])) == (0, 29)
    assert moving_part(times, places(*[None] * 30)) == (0, 29)
    assert moving_part([0.0], places(1.0)) == (0, 0)


def test_a_recording_becomes_a_clip(tmp_path: Path) -> None:
    project = project_with(tmp_path)
    recording = Recording.begin(project, TAKE)
    for i in range(20):
        assert recording.add(jpeg(i * 10), 100.0 + i / 10, [])
    clip = recording.finish()
    path = project.path_of(clip.file)
    assert clip.file == "wave/anna_1_0001.mp4" and count_frames(path) == 20
    assert container_frame_rate(path) == pytest.approx(10.0, abs=0.1)
    assert not list((tmp_path / ".studio/recording").iterdir())

    short = Recording.begin(project, TAKE)
    short.add(jpeg(), 1.0, [])
    with pytest.raises(UserError, match="1 frames came from the camera, too few"):
        short.finish()
    assert not list((tmp_path / ".studio/recording").iterdir())
    with pytest.raises(UserError, match="there is no 'nod'"):
        Recording.begin(project, Take("nod", "anna", "1"))


def test_it_can_end_when_the_hands_rest(tmp_path: Path) -> None:
    project, whole = project_with(tmp_path), Square(0, 0, 100)

    def ends_after_s(x: list[float]) -> float:
        recording = Recording.begin(project, TAKE)
        assert not recording.rests
        for i, place in enumerate(x):
            points = open_hand() + np.array([place, 0, 0], np.float32)
            seen = SeenHand(points, points, 1.0, 0.9, whole)
            recording.add(jpeg(), i / 10, [TrackedHand(1, seen)])
            if recording.rests:
                return i / 10
        return -1.0

    # Half a second of rest, a second of movement, then rest.
    moved = [0.0] * 5 + [30.0 * i for i in range(10)] + [270.0] * 30
    assert ends_after_s(moved) == pytest.approx(1.4 + 0.8, abs=0.11)
    # A pause is no end, and a hand that is held is recorded for three seconds.
    pausing = [30.0 * i for i in range(8)] + [210.0] * 6 + [210.0 + 30.0 * i for i in range(8)]
    assert ends_after_s(pausing) == -1.0
    assert ends_after_s([0.0] * 40) == 3.0


def test_a_recording_has_an_end(tmp_path: Path) -> None:
    recording = Recording.begin(project_with(tmp_path), TAKE)
    assert recording.add(jpeg(), 0.0, []) and recording.add(jpeg(), 9.9, [])
    assert recording.add(jpeg(), 9.0, []) and len(recording.times_s) == 2, "time went back"
    assert not recording.add(jpeg(), 10.1, [])


def test_what_a_killed_server_left_is_kept(tmp_path: Path) -> None:
    project = project_with(tmp_path)
    whole, gone, short = (Recording.begin(project, TAKE) for _ in range(3))
    for recording, frames in ((whole, 8), (gone, 6), (short, 2)):
        for i in range(frames):
            recording.add(jpeg(), i / 10, [])
    (gone.folder / "about.json").write_text('{"label": "gone", "person": "b", "session": "2"}')
    # Killed while it wrote a picture, and before it wrote anything.
    (whole.folder / ".00000900.jpg.part").write_bytes(jpeg()[:50])
    (tmp_path / ".studio/recording/empty").mkdir()

    found = recover(Project(tmp_path)).clips
    assert [clip.file for clip in found] == ["wave/anna_1_0001.mp4", f"{NO_GESTURE}/b_2_0001.mp4"]
    assert count_frames(tmp_path / found[0].file) == 8
    assert not list((tmp_path / ".studio/recording").iterdir())
    assert recover(Project(tmp_path)) == Recovered((), ())


def test_frames_stay_where_no_clip_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_with(tmp_path)
    recording = Recording.begin(project, TAKE)
    for i in range(8):
        recording.add(jpeg(), i / 10, [])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("action_recognition.studio.recording.write_video", full)
        with pytest.raises(UserError, match=r"No space left on device.*stay in .*recording"):
            recording.finish()
        kept = recover(project)
        assert not kept.clips and str(recording.folder) in kept.kept[0]
    assert len(list(recording.folder.glob("*.jpg"))) == 8

    # The next start makes the clip.
    found = recover(project)
    assert len(found.clips) == 1 and not found.kept and not recording.folder.exists()


def test_a_large_picture_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = bytes(cv2.imencode(".jpg", np.zeros((48, 1930, 3), np.uint8))[1].tobytes())
    monkeypatch.setattr(cv2, "imdecode", pytest.fail)
    with pytest.raises(UserError, match="has 1930x48 pixels; allowed: a JPEG of 32 to 1920"):
        _decoded(large)
    with pytest.raises(UserError, match="is no JPEG"):
        _decoded(large[:20])


def test_a_picture_that_opencv_refuses_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise cv2.error("corrupt")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    with pytest.raises(UserError, match="cannot be read"):
        _decoded(jpeg())


def test_messages_that_are_no_frame() -> None:
    for data in (b"", b"1234", b"\0" * (MAX_FRAME_BYTES + 1), b"\xff" * 8 + jpeg()):
        with pytest.raises(UserError, match="frame: "):
            split_message(data)

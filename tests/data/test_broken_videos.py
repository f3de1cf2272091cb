"""Broken files and folders: each ends in one message that names it, and none stays open."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from action_recognition.data.video import count_frames, probe, read_frames
from action_recognition.errors import UserError
from tests.data.test_video import numbers
from tests.synthetic import (
    numbered_frames,
    truncate,
    write_audio_only,
    write_frame_folder,
    write_video,
)


def test_a_gap_in_a_frame_folder_names_the_number(tmp_path: Path) -> None:
    """The first missing number, and how many more."""
    folder = write_frame_folder(tmp_path / "f", numbered_frames(9))
    (folder / "img_00004.jpg").unlink()
    (folder / "img_00006.jpg").unlink()
    with pytest.raises(UserError, match=r"image number 4 is missing \(and 1 more\)"):
        read_frames(folder, [0])


def test_a_folder_named_by_time_stamps_costs_what_it_holds(tmp_path: Path) -> None:
    """Listing every number between the two would take all memory."""
    (tmp_path / "f").mkdir()
    for stamp in (1403636579763555584, 1403636579813555456):
        (tmp_path / "f" / f"{stamp}.png").touch()
    with pytest.raises(UserError, match=r"numbered 14036\d+, 14036\d+, ..., as by time stamps"):
        read_frames(tmp_path / "f", [0])

    (tmp_path / "f" / f"{10**30}.png").touch()
    (tmp_path / "f" / f"{10**30 + 1}.png").touch()
    with pytest.raises(UserError, match=r"image number 1403636579763555585 is missing \(and 9999"):
        read_frames(tmp_path / "f", [0])


def folder_of(tmp_path: Path, change: str) -> Path:
    """Return a frame folder with one kind of damage."""
    folder = write_frame_folder(tmp_path / "f", numbered_frames(4))
    if change == "empty":
        for file in folder.iterdir():
            file.unlink()
    elif change == "damaged":
        (folder / "img_00002.jpg").write_bytes(b"\xff\xd8 no picture")
    elif change == "twice":
        (folder / "1.jpg").write_bytes((folder / "img_00002.jpg").read_bytes())
    elif change == "size":
        write_frame_folder(folder, numbered_frames(1, height=24, width=24), first=2)
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("empty", "no numbered image"),
        ("damaged", r"img_00002\.jpg: the image cannot be read"),
        ("twice", "1.jpg and img_00001.jpg|img_00001.jpg and 1.jpg"),
        ("size", "differ in size: 24x24, 64x48"),
    ],
)
def test_broken_frame_folders(tmp_path: Path, change: str, message: str) -> None:
    """Each kind of damage gives one message with the folder."""
    folder = folder_of(tmp_path, change)
    with pytest.raises(UserError, match=message) as caught:
        read_frames(folder, [0, 1, 2])
    assert str(folder) in str(caught.value) and len(caught.value.problems) == 1


def broken_file(tmp_path: Path, kind: str) -> Path:
    """Return a file with one kind of damage."""
    rng = np.random.default_rng(0)
    contents = {"missing": None, "empty": b"", "noise": rng.bytes(5000)}
    if kind in contents:
        path, content = tmp_path / f"{kind}.mp4", contents[kind]
        if content is not None:
            path.write_bytes(content)
        return path
    if kind == "audio":
        return write_audio_only(tmp_path / "sound.wav")

    frames = rng.integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    if kind == "zero frames":
        return write_video(tmp_path / "none.mkv", frames[:0])
    assert kind == "truncated index"
    return truncate(write_video(tmp_path / "whole.mp4", frames), tmp_path / "cut.mp4", 0.7)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such video or frame folder"),
        ("empty", "0 bytes"),
        ("noise", "cannot be read as a video"),
        ("audio", "no video stream"),
        ("zero frames", "no frames|cannot be read as a video"),
        ("truncated index", "cannot be read as a video"),
    ],
)
@pytest.mark.parametrize(
    "read",
    [lambda path: read_frames(path, [0]), probe, count_frames],
    ids=["read_frames", "probe", "count_frames"],
)
def test_broken_files_end_in_one_message(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str, message: str, read: object
) -> None:
    """Reading, probing and counting say the same, and FFmpeg prints nothing."""
    path = broken_file(tmp_path, kind)
    with pytest.raises(UserError, match=message) as caught:
        read(path)  # type: ignore[operator]
    assert str(path) in str(caught.value) and len(caught.value.problems) == 1
    assert capfd.readouterr().err == ""


def test_a_header_that_is_no_text_is_no_harm(tmp_path: Path) -> None:
    """Metadata that are not UTF-8 are replaced."""
    path = write_video(tmp_path / "a.mp4", numbered_frames(6))
    data = path.read_bytes()
    assert b"Lavf" in data
    path.write_bytes(data.replace(b"Lavf", b"\xec\xff\x80a"))
    assert numbers(path, [5]) == [5]


def test_an_unknown_codec_is_named(tmp_path: Path) -> None:
    """A codec that FFmpeg does not know is a user error."""
    path = write_video(tmp_path / "a.mp4", numbered_frames(6))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))
    with pytest.raises(UserError, match=r"a\.mp4: the codec of the video is not known"):
        count_frames(path)


def test_pictures_of_absurd_size_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of pixels stops the decoder."""
    path = write_video(tmp_path / "a.mp4", numbered_frames(6))
    monkeypatch.setattr("action_recognition.data.media.opening._MAX_PIXELS", 48 * 64 - 1)
    with pytest.raises(UserError, match="cannot be read as a video"):
        read_frames(path, [0])


def test_a_file_cut_off_behind_its_index_is_called_truncated(tmp_path: Path) -> None:
    """The message counts the frames that are left."""
    frames = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    whole = write_video(tmp_path / "whole.mp4", frames, container_options={"movflags": "faststart"})
    cut = truncate(whole, tmp_path / "cut.mp4", 0.6)
    with pytest.raises(UserError, match=r"truncated: \d+ of 40 frames"):
        read_frames(cut, [0])


def test_damage_in_the_middle_is_found_where_it_matters(tmp_path: Path) -> None:
    """Reading all frames finds the damaged ones."""
    frames = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "a.mkv", frames, options={"bf": "0", "g": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    # A fifth of the file becomes zeros.
    data[middle : middle + len(data) // 5] = bytes(len(data) // 5)
    path.write_bytes(data)

    with pytest.raises(UserError, match=r"a\.mkv"):
        read_frames(path, range(60))


def test_a_frame_beyond_the_end_names_the_real_length(tmp_path: Path) -> None:
    """Videos and frame folders tell how many frames they have."""
    path = write_video(tmp_path / "a.mp4", numbered_frames(12))
    folder = write_frame_folder(tmp_path / "f", numbered_frames(12))
    for place in (path, folder):
        with pytest.raises(
            UserError, match="there is no frame 12, it has 12 frames; allowed: 0 to 11"
        ):
            read_frames(place, [3, 12])
        with pytest.raises(UserError, match="there is no frame -1"):
            read_frames(place, [-1, 3])


def test_a_playlist_that_calls_itself_a_video_is_refused(tmp_path: Path) -> None:
    """No connection is made."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        (tmp_path / "a.mp4").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n"
        )
        with pytest.raises(UserError, match=r"a\.mp4: "):
            read_frames(tmp_path / "a.mp4", [0])
        # Nobody has knocked at the port.
        with pytest.raises(TimeoutError):
            server.accept()


def test_pictures_of_different_size_are_refused(tmp_path: Path) -> None:
    """The message names both sizes."""
    parts = [
        write_video(tmp_path / f"{i}.h264", numbered_frames(6, *size), options={"bf": "0"})
        for i, size in enumerate([(48, 64), (96, 64)])
    ]
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))

    with pytest.raises(UserError, match="its pictures differ in size: 64x48, 64x96"):
        read_frames(path, range(12))


def test_no_file_stays_open(tmp_path: Path) -> None:
    """Whole and broken files are closed."""
    path = write_video(tmp_path / "a.mp4", numbered_frames(3))
    broken = truncate(path, tmp_path / "b.mp4", 0.5)
    # The descriptors that the test itself has open.
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        read_frames(path, [1])
        with pytest.raises(UserError):
            read_frames(broken, [1])

    assert len(list(Path("/proc/self/fd").iterdir())) == before

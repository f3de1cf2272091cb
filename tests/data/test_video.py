"""Every container and codec gives exactly the frames asked for; every broken file one message that names it."""

from __future__ import annotations

import socket
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.data.video import container_frame_rate, count_frames, probe, read_frames
from action_recognition.errors import UserError
from tests.synthetic import (
    numbered_frames,
    read_frame_number,
    truncate,
    write_audio_only,
    write_frame_folder,
    write_video,
)

FORMATS = [
    ("a.mp4", "libx264", {"bf": "3", "g": "12"}),
    ("open_gop.mp4", "libx264", {"bf": "3", "g": "10", "x264-params": "open-gop=1"}),
    ("intra.mp4", "libx264", {"g": "1"}),
    ("one_key_frame.mp4", "libx264", {}),
    ("a.mkv", "libx264", {"bf": "2", "g": "12"}),
    ("a.ts", "libx264", {"bf": "2", "g": "12"}),
    ("a.h264", "libx264", {"bf": "2", "g": "12"}),  # no container
    ("b_frames.avi", "libx264", {"bf": "2", "g": "12"}),  # no time stamps of display
    ("a.avi", "mpeg4", {}),
    ("a.mpg", "mpeg2video", {}),  # seeks inexactly
    ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    (
        "alternate_references.webm",
        "libvpx",
        {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"},
    ),
    ("b_frames.mp4", "mpeg4", {"bf": "2"}),
    ("av1.mp4", "libsvtav1", {"preset": "12"}),
]


def numbers(path: Path, frame_indices: list[int]) -> list[int]:
    return [read_frame_number(frame) for frame in read_frames(path, frame_indices)]


@pytest.mark.parametrize(
    ("name", "codec", "options"), FORMATS, ids=[f"{name}-{codec}" for name, codec, _ in FORMATS]
)
def test_frames_are_exact_in(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = write_video(tmp_path / name, numbered_frames(60), codec=codec, options=options)
    assert count_frames(path) == 60
    assert numbers(path, list(range(60))) == list(range(60))
    for first in (0, 3, 9, 11, 12, 13, 29, 44, 59):
        assert numbers(path, [first]) == [first]
    assert numbers(path, list(range(20, 52, 2))) == list(range(20, 52, 2))


def test_variable_frame_rate_counts_frames_not_time(tmp_path: Path) -> None:
    ticks = [i * 7 if i < 10 else 100 + i for i in range(40)]
    path = write_video(tmp_path / "a.mp4", numbered_frames(40), ticks=ticks)
    assert numbers(path, [0, 9, 10, 11, 25, 39]) == [0, 9, 10, 11, 25, 39]


@pytest.mark.parametrize("name", ["ä #1.mp4", "clip:1.mp4", "%03d.mp4", "http:x.mp4"])
def test_order_and_repeats_are_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_video(Path("plain.mp4"), numbered_frames(20)).rename(name)
    assert numbers(path, [19, 0, 7, 7, 3]) == [19, 0, 7, 7, 3]


@pytest.mark.parametrize("options", [{"bf": "3", "g": "12"}, {}])
def test_reading_a_window_equals_decoding_everything(
    tmp_path: Path, options: dict[str, str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "a.mp4", noise, options=options)
    everything = read_frames(path, range(50))
    for start in range(0, 34, 3):
        np.testing.assert_array_equal(
            read_frames(path, range(start, start + 16, 2)), everything[start : start + 16 : 2]
        )


@pytest.mark.parametrize("size", [(48, 64), (90, 122)])
def test_colours_equal_those_of_opencv(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = np.zeros((8, *size, 3), np.uint8)
    frames[:, :, : size[1] // 2] = (220, 40, 90)
    frames[:, : size[0] // 2, :, 1] = np.linspace(0, 255, size[1]).astype(np.uint8)
    path = write_video(tmp_path / "a.mp4", frames)
    capture = cv2.VideoCapture(str(path))
    opencv = np.stack([capture.read()[1][..., ::-1] for _ in range(8)]).astype(int)
    capture.release()
    ours = read_frames(path, range(8)).astype(int)
    assert np.abs(ours - opencv).max() <= 2
    assert np.abs(ours[:, -4:, 4] - (220, 40, 90)).max() <= 12  # and red is red


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (-90, 3), (180, 2)])
def test_rotation_of_the_file_is_applied(tmp_path: Path, rotation: int, turns: int) -> None:
    frames = numbered_frames(4, height=48, width=64, first=1000)
    path = write_video(tmp_path / "a.mp4", frames, rotation=rotation)
    assert probe(path).height == (64 if turns % 2 else 48)
    shown = read_frames(path, [2])[0]
    assert read_frame_number(np.rot90(shown, -turns)) == 1002
    capture = cv2.VideoCapture(str(path))
    opencv = capture.read()[1]
    capture.release()
    assert np.abs(read_frames(path, [0])[0].astype(int) - opencv[..., ::-1]).max() <= 2


def test_probe_says_size_length_and_rate(tmp_path: Path) -> None:
    info = probe(
        write_video(
            tmp_path / "a.mp4", numbered_frames(7, height=36, width=80), frame_rate_fps=12.5
        )
    )
    assert (info.num_frames, info.frame_rate_fps, info.width, info.height) == (7, 12.5, 80, 36)
    info = probe(write_frame_folder(tmp_path / "frames", numbered_frames(5)))
    assert (info.num_frames, info.frame_rate_fps, info.width, info.height) == (5, None, 64, 48)
    assert container_frame_rate(tmp_path / "frames") is None


def test_a_video_of_one_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(1, first=77))
    assert numbers(path, [0, 0, 0]) == [77, 77, 77]


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(9))
    assert count_frames(path) == 9
    write_video(path, numbered_frames(4))
    assert count_frames(path) == 4


@pytest.mark.parametrize(
    ("pattern", "first"),
    [("img_{:05d}.jpg", 1), ("{:05d}.png", 0), ("take2_{}.jpg", 8), ("{}.bmp", 0)],
)
def test_frame_folders(tmp_path: Path, pattern: str, first: int) -> None:
    folder = write_frame_folder(tmp_path / "a clip", numbered_frames(15), pattern, first)
    (folder / "notes.txt").write_text("7")
    (folder / ".hidden_00003.jpg").write_bytes(b"")
    assert count_frames(folder) == 15
    assert numbers(folder, [0, 1, 9, 10, 14, 3]) == [0, 1, 9, 10, 14, 3]


def test_frame_folder_is_rgb(tmp_path: Path) -> None:
    red = np.zeros((2, 32, 32, 3), np.uint8)
    red[..., 0] = 255
    assert read_frames(write_frame_folder(tmp_path / "f", red, "{:05d}.png"), [1])[
        0, 5, 5
    ].tolist() == [255, 0, 0]


def test_a_gap_in_a_frame_folder_names_the_number(tmp_path: Path) -> None:
    folder = write_frame_folder(tmp_path / "f", numbered_frames(9))
    (folder / "img_00004.jpg").unlink()
    (folder / "img_00006.jpg").unlink()
    with pytest.raises(UserError, match=r"image number 4 is missing \(and 1 more\)"):
        read_frames(folder, [0])


def folder_of(tmp_path: Path, change: str) -> Path:
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
    folder = folder_of(tmp_path, change)
    with pytest.raises(UserError, match=message) as caught:
        read_frames(folder, [0, 1, 2])
    assert str(folder) in str(caught.value) and len(caught.value.problems) == 1


def broken_file(tmp_path: Path, kind: str) -> Path:
    whole = tmp_path / "whole.mp4"
    rng = np.random.default_rng(0)
    if kind == "missing":
        return tmp_path / "nothing.mp4"
    if kind == "empty":
        (tmp_path / "empty.mp4").touch()
        return tmp_path / "empty.mp4"
    if kind == "noise":
        (tmp_path / "noise.mp4").write_bytes(rng.bytes(5000))
        return tmp_path / "noise.mp4"
    if kind == "audio":
        return write_audio_only(tmp_path / "sound.wav")
    frames = rng.integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    if kind == "zero frames":
        return write_video(tmp_path / "none.mkv", frames[:0])
    write_video(whole, frames)
    if kind == "truncated index":
        return truncate(whole, tmp_path / "cut.mp4", 0.7)
    return whole


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
    path = broken_file(tmp_path, kind)
    with pytest.raises(UserError, match=message) as caught:
        read(path)  # type: ignore[operator]
    assert str(path) in str(caught.value) and len(caught.value.problems) == 1
    assert capfd.readouterr().err == ""  # FFmpeg says nothing of its own


def test_a_header_that_is_no_text_is_no_harm(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(6))
    data = path.read_bytes()
    assert b"Lavf" in data
    path.write_bytes(data.replace(b"Lavf", b"\xec\xff\x80a"))
    assert numbers(path, [5]) == [5]


def test_an_unknown_codec_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(6))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))
    with pytest.raises(UserError, match=r"a\.mp4: the codec of the video is not known"):
        count_frames(path)


def test_pictures_of_absurd_size_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(6))
    monkeypatch.setattr("action_recognition.data.video_file._MAX_PIXELS", 48 * 64 - 1)
    with pytest.raises(UserError, match="cannot be read as a video"):
        read_frames(path, [0])


def test_a_file_cut_off_behind_its_index_is_called_truncated(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    whole = write_video(tmp_path / "whole.mp4", frames, container_options={"movflags": "faststart"})
    cut = truncate(whole, tmp_path / "cut.mp4", 0.6)
    with pytest.raises(UserError, match=r"truncated: \d+ of 40 frames"):
        read_frames(cut, [0])


def test_damage_in_the_middle_is_found_where_it_matters(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "a.mkv", frames, options={"bf": "0", "g": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 5] = bytes(len(data) // 5)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"a\.mkv"):
        read_frames(path, range(60))


def test_a_frame_beyond_the_end_names_the_real_length(tmp_path: Path) -> None:
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
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        (tmp_path / "a.mp4").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n"
        )
        with pytest.raises(UserError, match=r"a\.mp4: "):
            read_frames(tmp_path / "a.mp4", [0])
        with pytest.raises(TimeoutError):
            server.accept()


def test_pictures_of_different_size_are_refused(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{i}.h264", numbered_frames(6, *size), options={"bf": "0"})
        for i, size in enumerate([(48, 64), (96, 64)])
    ]
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(UserError, match="its pictures differ in size: 64x48, 64x96"):
        read_frames(path, range(12))


def test_no_file_stays_open(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(3))
    broken = truncate(path, tmp_path / "b.mp4", 0.5)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        read_frames(path, [1])
        with pytest.raises(UserError):
            read_frames(broken, [1])
    assert len(list(Path("/proc/self/fd").iterdir())) == before

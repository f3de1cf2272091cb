"""Every container and codec gives exactly the wanted frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.data.video import container_frame_rate, count_frames, probe, read_frames
from tests.synthetic import (
    numbered_frames,
    read_frame_number,
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
    """Return the numbers that those frames show."""
    return [read_frame_number(frame) for frame in read_frames(path, frame_indices)]


@pytest.mark.parametrize(
    ("name", "codec", "options"), FORMATS, ids=[f"{name}-{codec}" for name, codec, _ in FORMATS]
)
def test_frames_are_exact_in(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    """All frames, single frames and a window of every format."""
    path = write_video(tmp_path / name, numbered_frames(60), codec=codec, options=options)

    assert count_frames(path) == 60
    assert numbers(path, list(range(60))) == list(range(60))
    # Around key frames and at the ends.
    for first in (0, 3, 9, 11, 12, 13, 29, 44, 59):
        assert numbers(path, [first]) == [first]
    assert numbers(path, list(range(20, 52, 2))) == list(range(20, 52, 2))


def test_variable_frame_rate_counts_frames_not_time(tmp_path: Path) -> None:
    """Gaps between time stamps do not count."""
    ticks = [i * 7 if i < 10 else 100 + i for i in range(40)]
    path = write_video(tmp_path / "a.mp4", numbered_frames(40), ticks=ticks)
    assert numbers(path, [0, 9, 10, 11, 25, 39]) == [0, 9, 10, 11, 25, 39]


@pytest.mark.parametrize("name", ["ä #1.mp4", "clip:1.mp4", "%03d.mp4", "http:x.mp4"])
def test_order_and_repeats_are_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Names that FFmpeg could misread are names of files."""
    monkeypatch.chdir(tmp_path)
    path = write_video(Path("plain.mp4"), numbered_frames(20)).rename(name)
    assert numbers(path, [19, 0, 7, 7, 3]) == [19, 0, 7, 7, 3]


@pytest.mark.parametrize("options", [{"bf": "3", "g": "12"}, {}])
def test_reading_a_window_equals_decoding_everything(
    tmp_path: Path, options: dict[str, str]
) -> None:
    """Seeking gives the same pictures, to the bit."""
    noise = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "a.mp4", noise, options=options)
    everything = read_frames(path, range(50))
    for start in range(0, 34, 3):
        np.testing.assert_array_equal(
            read_frames(path, range(start, start + 16, 2)), everything[start : start + 16 : 2]
        )


@pytest.mark.parametrize("size", [(48, 64), (90, 122)])
def test_colours_equal_those_of_opencv(tmp_path: Path, size: tuple[int, int]) -> None:
    """They differ by 2 levels at most, also at odd sizes."""
    frames = np.zeros((8, *size, 3), np.uint8)
    frames[:, :, : size[1] // 2] = (220, 40, 90)
    frames[:, : size[0] // 2, :, 1] = np.linspace(0, 255, size[1]).astype(np.uint8)
    path = write_video(tmp_path / "a.mp4", frames)
    capture = cv2.VideoCapture(str(path))
    # OpenCV gives BGR.
    opencv = np.stack([capture.read()[1][..., ::-1] for _ in range(8)]).astype(int)
    capture.release()
    ours = read_frames(path, range(8)).astype(int)

    assert np.abs(ours - opencv).max() <= 2
    assert np.abs(ours[:, -4:, 4] - (220, 40, 90)).max() <= 12  # and red is red


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (-90, 3), (180, 2)])
def test_rotation_of_the_file_is_applied(tmp_path: Path, rotation: int, turns: int) -> None:
    """Size and pictures are upright, as OpenCV shows them."""
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
    """A folder states no rate."""
    frames = numbered_frames(7, height=36, width=80)
    info = probe(write_video(tmp_path / "a.mp4", frames, frame_rate_fps=12.5))
    assert (info.num_frames, info.frame_rate_fps, info.width, info.height) == (7, 12.5, 80, 36)
    info = probe(write_frame_folder(tmp_path / "frames", numbered_frames(5)))
    assert (info.num_frames, info.frame_rate_fps, info.width, info.height) == (5, None, 64, 48)
    assert container_frame_rate(tmp_path / "frames") is None


def test_a_video_of_one_frame(tmp_path: Path) -> None:
    """Its frame may be asked for again and again."""
    path = write_video(tmp_path / "a.mp4", numbered_frames(1, first=77))
    assert numbers(path, [0, 0, 0]) == [77, 77, 77]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Remembered time stamps are dropped with the old file."""
    path = write_video(tmp_path / "a.mp4", numbered_frames(9))
    assert count_frames(path) == 9
    write_video(path, numbered_frames(4))
    assert count_frames(path) == 4


@pytest.mark.parametrize(
    ("pattern", "first"),
    [("img_{:05d}.jpg", 1), ("{:05d}.png", 0), ("take2_{}.jpg", 8), ("{}.bmp", 0)],
)
def test_frame_folders(tmp_path: Path, pattern: str, first: int) -> None:
    """The last number in a name orders the images, other files do not count."""
    folder = write_frame_folder(tmp_path / "a clip", numbered_frames(15), pattern, first)
    # Neither a text nor a hidden file is a frame.
    (folder / "notes.txt").write_text("7")
    (folder / ".hidden_00003.jpg").write_bytes(b"")
    assert count_frames(folder) == 15
    assert numbers(folder, [0, 1, 9, 10, 14, 3]) == [0, 1, 9, 10, 14, 3]


def test_frame_folder_is_rgb(tmp_path: Path) -> None:
    """Red is red."""
    red = np.zeros((2, 32, 32, 3), np.uint8)
    red[..., 0] = 255
    folder = write_frame_folder(tmp_path / "f", red, "{:05d}.png")
    assert read_frames(folder, [1])[0, 5, 5].tolist() == [255, 0, 0]

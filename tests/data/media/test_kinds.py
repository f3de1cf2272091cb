"""Every kind of file gives training and live recognition the same frames at the same times."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from action_recognition.data import video
from action_recognition.data.media.packet_index import packet_index
from action_recognition.dataset_tools.checking.media_reading import inspect_media
from action_recognition.errors import UserError
from action_recognition.live.sources.frame_sources import VideoFile
from tests.data.media import made
from tests.data.media.made import FRAMES, NUM_FRAMES
from tests.synthetic import numbered_frames, read_frame_number, write_audio_only, write_video


class Kind(NamedTuple):
    """A kind of file: how it is made, and the rate, length and note that are right for it."""

    name: str
    make: Callable[[Path], Path]
    rate_fps: float = 30.0
    num_frames: int = NUM_FRAMES
    note: str = ""


def video_kind(name: str, codec: str = "libx264", **options: str) -> Kind:
    """Return a plain video of a container and codec."""
    return Kind(name, lambda path: write_video(path, FRAMES, codec=codec, options=options))


def vfr(path: Path) -> Path:
    """Write a video of pairs of frames."""
    return write_video(path, FRAMES, ticks=made.pairs(NUM_FRAMES))


_ALT_REF = {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"}
KINDS = [
    video_kind("plain.mp4", bf="2", g="12"),
    video_kind("12:30:45.mp4", g="12"),
    video_kind("a.ts", bf="2", g="12"),
    video_kind("a.mpg", "mpeg2video", bf="2"),
    video_kind("b_frames.avi", bf="2", g="12"),
    video_kind("mpeg4_b.avi", "mpeg4", bf="2"),
    video_kind("vp8_hidden.webm", "libvpx", **_ALT_REF),
    video_kind("vp8_hidden.avi", "libvpx", **_ALT_REF),
    video_kind("vp9_hidden.webm", "libvpx-vp9", **_ALT_REF, deadline="realtime"),
    video_kind("a.mkv", "ffv1"),
    video_kind("a.gif.mkv", "mpeg2video"),
    Kind("raw.h264", video_kind("", bf="2").make, note="30 frames a second are read"),
    Kind("raw.mjpg", made.write_photos_in_a_row, rate_fps=25.0, note="25 frames a second are"),
    Kind("raw.mjpeg", made.write_photos_in_a_row, rate_fps=25.0, note="25 frames a second are"),
    Kind("slots.avi", lambda path: made.write_avi_of_slots(path, 20), note="states 600 frames"),
    Kind("cut.ts", made.write_cut, num_frames=12, note="starts between key frames"),
    Kind("scrambled.mp4", made.write_without_display_times),
    Kind("thumb.mp4", lambda path: made.write_two_streams(path, "mjpeg", (24, 32), 1)),
    Kind("thumb.mkv", lambda path: made.write_two_streams(path, "mjpeg", (24, 32), 1)),
    Kind("foreign.mkv", made.write_foreign_tags),
    Kind("vfr.mp4", vfr, rate_fps=15.65),
    Kind("gif.gif", made.write_gif, rate_fps=30.0, note="states 33.333"),
    Kind("ten_bits.mp4", lambda path: made.write_pixels(path, "yuv420p10le", "libx264")),
    Kind("moving.apng", lambda path: made.write_pixels(path, "rgb24", "apng"), rate_fps=30.0),
    Kind("grey.mp4", lambda path: made.write_pixels(path, "gray", "libx264")),
    Kind("alpha.mkv", lambda path: made.write_pixels(path, "yuva444p10le", "ffv1")),
    Kind("yuyv.avi", lambda path: made.write_pixels(path, "yuyv422", "rawvideo")),
    Kind(
        "constant.mp4",
        lambda path: made.write_tagged(path, colorspace=10, color_primaries=9),
        note="constant luminance, which FFmpeg does not convert; read as BT.2020",
    ),
    Kind(
        "hlg.mp4",
        lambda path: made.write_tagged(path, colorspace=9, color_primaries=9, color_trc=18),
        note="HDR (HLG); mapped to SDR",
    ),
    Kind("mirrored.mp4", lambda path: made.write_turned(path, [-1, 0, 0, 0, 1, 0, 0, 0, 1])),
]


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_training_and_live_recognition_see_the_same(kind: Kind, tmp_path: Path) -> None:
    """Frames, times and notes agree, and so does the check."""
    path = kind.make(tmp_path / kind.name)
    info, times_s = video.probe(path), video.frame_times(path)
    said: list[str] = []
    source = VideoFile(path, said.append)
    played = list(source.frames())

    assert info.num_frames == len(played) == len(times_s) == kind.num_frames
    np.testing.assert_allclose([frame.time_s for frame in played], times_s, atol=1e-6)
    assert times_s[0] == 0 and (np.diff(times_s) > 0).all()
    np.testing.assert_array_equal(
        np.stack([frame.picture for frame in played]),
        video.read_frames(path, range(info.num_frames)),
    )
    # A window and a single frame are those of the whole.
    middle = kind.num_frames // 2
    np.testing.assert_array_equal(video.read_frames(path, [middle])[0], played[middle].picture)

    assert info.frame_rate_fps == pytest.approx(kind.rate_fps, rel=0.02)
    assert source.frame_rate_fps == pytest.approx(kind.rate_fps, rel=0.15)
    assert kind.note in " ".join(info.notes) and bool(info.notes) == bool(kind.note)
    report = inspect_media(path)
    assert report.is_readable and report.num_frames == kind.num_frames
    assert not [fault for fault in report.faults if fault.kind == "damaged-frames"]


@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if kind.name not in ("cut.ts", "mirrored.mp4", "hlg.mp4")],
    ids=lambda kind: kind.name,
)
def test_every_frame_is_in_its_place(kind: Kind, tmp_path: Path) -> None:
    """Each frame shows its own number."""
    path = kind.make(tmp_path / kind.name)
    pictures = video.read_frames(path, range(NUM_FRAMES))
    assert [read_frame_number(picture) for picture in pictures] == list(range(NUM_FRAMES))


@pytest.mark.parametrize("name", ["plain.mp4", "b_frames.avi", "scrambled.mp4", "slots.avi"])
def test_frames_come_at_a_thirtieth_of_a_second(name: str, tmp_path: Path) -> None:
    """Times are those of display, whatever the container says."""
    (kind,) = [kind for kind in KINDS if kind.name == name]
    times_s = video.frame_times(kind.make(tmp_path / name))
    np.testing.assert_allclose(times_s, np.arange(NUM_FRAMES) / 30, atol=1e-4)


def test_the_film_with_two_takes_is_the_default_one(tmp_path: Path) -> None:
    """Of two films, the first that players show is read."""
    path = made.write_two_streams(tmp_path / "two.mp4", "libx264", (24, 32), 8)
    assert (video.probe(path).width, video.count_frames(path)) == (32, 8)


def test_a_sound_file_is_refused_by_both(tmp_path: Path) -> None:
    """Both give the same reason."""
    path = write_audio_only(tmp_path / "a.wav")
    for read in (video.probe, VideoFile):
        with pytest.raises(UserError, match="no video stream"):
            read(path)


def test_joined_pieces_follow_each_other(tmp_path: Path) -> None:
    """Time stamps that start again go on, and training and live recognition agree."""
    piece = write_video(tmp_path / "piece.ts", FRAMES, options={"bf": "0", "g": "12"})
    path = tmp_path / "joined.ts"
    path.write_bytes(piece.read_bytes() * 2)
    times_s = video.frame_times(path)
    np.testing.assert_allclose(times_s, np.arange(2 * NUM_FRAMES) / 30, atol=1e-4)
    played = list(VideoFile(path).frames())
    np.testing.assert_allclose([frame.time_s for frame in played], times_s, atol=1e-6)
    assert video.container_frame_rate(path) == pytest.approx(30)


@pytest.mark.parametrize("head", ["ffconcat version 1.0\nfile ", "#EXTM3U\n#EXTINF:1,\n"])
def test_a_list_of_films_is_no_film(head: str, tmp_path: Path) -> None:
    """Its name says that it is one. What it lists may lie anywhere."""
    write_video(tmp_path / "film.mp4", FRAMES)
    path = tmp_path / "list.mp4"
    path.write_text(f"{head}film.mp4\n")
    for read in (video.probe, VideoFile):
        with pytest.raises(UserError, match=r"is a list of other files|cannot be read as a video"):
            read(path)


def test_a_cut_mp4_plays_and_says_so(tmp_path: Path) -> None:
    """The live path cannot know the end before it gets there."""
    whole = write_video(tmp_path / "whole.mp4", FRAMES, container_options={"movflags": "faststart"})
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[:-20])
    said: list[str] = []
    played = list(VideoFile(path, said.append).frames())
    assert 0 < len(played) < NUM_FRAMES
    assert re.search(rf"is truncated: 2[0-3] of {NUM_FRAMES} frames are present", said[-1])
    with pytest.raises(UserError, match="truncated"):
        video.count_frames(path)


def test_a_film_can_be_played_again(tmp_path: Path) -> None:
    """The second time it is opened again."""
    source = VideoFile(write_video(tmp_path / "a.mp4", numbered_frames(5)))
    assert len(list(source.frames())) == len(list(source.frames())) == 5


CASES = {
    "base.mp4": (90, 30.0),
    "bt2020c.mp4": (90, 30.0),
    "gbr_tagged_420.mp4": (90, 30.0),
    "hlg.mp4": (90, 30.0),
    "mirrored.mp4": (90, 30.0),
    "h264_in.avi": (90, 30.0),
    "h264_in_600.avi": (90, 30.0),
    "b_frames.avi": (90, 30.0),
    "raw.h264": (90, 30.0),
    "meta.mkv": (90, 30.0),
    "vp8arf.webm": (150, 30.0),
    "thumbfirst.mp4": (90, 30.0),
    "cut.ts": (90, 30.0),
    "mediarec.webm": (90, 30.0),
}


@pytest.mark.parametrize("name", CASES)
def test_files_of_phones_cameras_and_encoders(name: str, shared: Path) -> None:
    """Files made by other programs: length, rate, times and pictures."""
    num_frames, rate_fps = CASES[name]
    path = shared / "cases" / name
    played = list(VideoFile(path).frames())
    times_s = [frame.time_s for frame in played]

    assert len(played) == video.count_frames(path) == num_frames
    assert video.container_frame_rate(path) == pytest.approx(rate_fps)
    np.testing.assert_allclose(times_s, video.frame_times(path), atol=1e-6)
    np.testing.assert_allclose(times_s, np.arange(num_frames) / rate_fps, atol=1e-3)
    some = [0, num_frames // 2, num_frames - 1]
    video.forget_files()
    np.testing.assert_array_equal(
        np.stack([played[number].picture for number in some]), video.read_frames(path, some)
    )


@pytest.mark.parametrize("name", ["gbr_tagged_420.mp4", "bt2020c.mp4", "h264_in.avi", "raw.h264"])
def test_they_show_what_the_plain_one_shows(name: str, shared: Path) -> None:
    """Colours and places are those of the file that they were made of."""
    plain, other = (
        video.read_frames(shared / "cases" / file, [20, 60]).astype(int)
        for file in ("base.mp4", name)
    )
    assert np.abs(plain - other).mean() < 3


def test_a_mirrored_film_is_the_plain_one_mirrored(shared: Path) -> None:
    """It is exchanged left and right, and not turned."""
    plain, mirrored = (
        video.read_frames(shared / "cases" / file, [40])[0] for file in ("base.mp4", "mirrored.mp4")
    )
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])


def test_b_frames_in_avi_are_counted_by_their_packets(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", FRAMES, options={"bf": "2", "g": "12"})
    index = packet_index(path)
    assert len(index.pts) == NUM_FRAMES and not index.is_counted_by_decoding

"""What is read of a file beside its faults, and of files that are not read to their end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from action_recognition.dataset_tools.checking import media_reading
from action_recognition.dataset_tools.checking.check_dataset import CheckOptions, check
from action_recognition.dataset_tools.checking.media_reading import inspect_media
from tests.data.media.made import write_avi_of_slots
from tests.dataset_tools.checking.made import moving_frames
from tests.synthetic import write_frame_folder, write_lines, write_video


def test_a_report_says_size_length_and_rate_as_shown(tmp_path: Path) -> None:
    report = inspect_media(write_video(tmp_path / "a.mp4", moving_frames(1), 25, rotation=90))
    assert (report.num_frames, report.frame_rate_fps, report.width, report.height) == (
        24,
        25.0,
        48,
        64,
    )
    folder = inspect_media(write_frame_folder(tmp_path / "frames", moving_frames(1)))
    assert (folder.num_frames, folder.frame_rate_fps, folder.width, folder.height) == (
        24,
        None,
        64,
        48,
    )
    assert (
        report.is_readable
        and folder.is_readable
        and len(report.content) == len(folder.content) == 16
    )


def test_the_look_of_a_turned_video_is_that_of_its_pictures(tmp_path: Path) -> None:
    turned = write_video(
        tmp_path / "a.mp4",
        np.ascontiguousarray(np.rot90(moving_frames(1), axes=(2, 1))),
        rotation=90,
    )
    straight = write_video(tmp_path / "b.mp4", moving_frames(1))
    looks = [inspect_media(path).look for path in (turned, straight)]
    assert looks[0] is not None and looks[1] is not None
    distance = np.bitwise_count(looks[0].hash_bits ^ looks[1].hash_bits).sum() / 512
    assert (
        distance < 0.1
        and float(looks[0].motion.astype(np.float32) @ looks[1].motion.astype(np.float32)) > 0.9
    )


def test_a_long_video_is_looked_at_in_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", moving_frames(1, 60))
    whole = inspect_media(path)
    monkeypatch.setattr(media_reading, "MAX_DECODED_FRAMES", 59)
    part = inspect_media(path)
    assert not part.faults and part.num_frames == 60 and (part.width, part.height) == (64, 48)
    assert part.look is not None and whole.look is not None
    assert np.bitwise_count(part.look.hash_bits ^ whole.look.hash_bits).sum() < 0.1 * 512


def test_a_file_that_takes_too_long_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", moving_frames(1))
    monkeypatch.setattr(media_reading, "MAX_SECONDS", -1.0)
    assert [fault.kind for fault in inspect_media(path).faults] == ["too-slow-to-read"]


def test_a_pointer_and_a_web_page_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "b.mp4").write_text("<!DOCTYPE html><html></html>")
    assert "git lfs pull" in inspect_media(tmp_path / "a.mp4").faults[0].message
    assert "a web page" in inspect_media(tmp_path / "b.mp4").faults[0].message


@pytest.mark.parametrize("first", ["", "a", "ab", "abc"])
def test_text_is_told_wherever_its_first_part_ends(first: str, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text(first + "\u20ac" * 2000, encoding="utf-8")
    assert [fault.kind for fault in inspect_media(tmp_path / "a.mp4").faults] == ["text-file"]


def test_a_photo_is_read_whole_and_its_faults_are_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    for name in ("good.jpg", "cut.jpg"):
        Image.fromarray(noise).save(tmp_path / name)
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:600])
    (tmp_path / "empty.png").touch()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "black.png")
    good = inspect_media(tmp_path / "good.jpg")
    assert (good.faults, good.num_frames, good.width, good.height) == ((), 1, 60, 40)
    found = {
        name: [fault.kind for fault in inspect_media(tmp_path / name).faults]
        for name in ("cut.jpg", "empty.png", "black.png")
    }
    assert found == {
        "cut.jpg": ["unreadable"],
        "empty.png": ["zero-bytes"],
        "black.png": ["blank-video"],
    }


def test_no_line_is_repaired_by_a_file_that_contradicts_itself(tmp_path: Path) -> None:
    """An AVI of 30 frames a second states 600: lines of 30 stay, those of 600 are noted."""
    write_avi_of_slots(tmp_path / "a.avi", 20)
    rates = enumerate(("30", "29.97", "600"))
    lines = write_lines(
        tmp_path / "train.txt", [f"a.avi 0 {start} 24 0 24 {rate}" for start, rate in rates]
    )
    options = CheckOptions(ann_files=[lines], data_roots=[tmp_path], classes=["wave"])
    findings = check(options).findings
    assert not findings.repairs
    doubtful = [item for item in findings if item.kind == "note-rate-doubtful"]
    assert [item.line for item in doubtful] == [3]
    (note,) = [item for item in findings if item.kind == "note-read-otherwise"]
    assert "states 600 frames a second, but its frames and times give 30" in note.message
    assert "rate-differs" not in {item.kind for item in findings}


def test_a_note_on_many_files_is_given_once(tmp_path: Path) -> None:
    """A phone gives all of its videos the same wrong tag."""
    tags = {"colorspace": 10, "color_primaries": 9}
    for name in "abc":
        write_video(tmp_path / f"{name}.mp4", moving_frames(ord(name)), tags=tags)
    lines = write_lines(tmp_path / "train.txt", [f"{name}.mp4 0 0 24 0 24 30" for name in "abc"])
    options = CheckOptions(ann_files=[lines], data_roots=[tmp_path], classes=["wave"])
    (note,) = [item for item in check(options).findings if item.kind == "note-read-otherwise"]
    assert note.message.startswith("a.mp4 is tagged BT.2020 constant luminance")
    assert note.message.endswith("the same holds for 2 more files")

"""`tools/collect.py`, with a video for a camera and keys of a stand-in for the window."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from action_recognition.commands.collect import main
from action_recognition.data.photo import read_photo
from action_recognition.errors import UserError
from action_recognition.live.outputs import window
from tests.commands.test_predict import FakeWindow, is_green
from tests.conftest import REPOSITORY
from tests.made_photos import drawn_hands
from tests.synthetic import numbered_frames, read_frame_number, write_video
from tests.warm import warm_python


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """Five seconds at 10 frames a second; each frame shows its number."""
    return write_video(
        tmp_path / "numbers.mp4", numbered_frames(50, 240, 320), 10, options={"crf": "10"}
    )


@pytest.fixture
def take(tmp_path: Path, numbers: Path) -> Callable[..., int]:
    def run(*flags: str, source: Path = numbers) -> int:
        common = [
            str(tmp_path / "out"),
            "--classes",
            "one,two,three",
            "--person",
            "anna",
            "--session",
            "s1",
            "--source",
            str(source),
        ]
        return main([*common, *flags])

    return run


def taken(tmp_path: Path) -> dict[str, int]:
    """The frame that each photo shows."""
    files = sorted((tmp_path / "out").rglob("*.jpg"))
    return {
        file.relative_to(tmp_path / "out").as_posix(): read_frame_number(read_photo(file))
        for file in files
    }


def test_class_keys_take_one_photo_after_the_countdown(
    take: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = FakeWindow(monkeypatch, ".2" + "." * 18 + "3.....q")
    assert take("--whole", "--countdown", "1", "--no-mirror") == 0
    assert taken(tmp_path) == {
        "two/anna_s1_0001.jpg": 11
    }  # asked for at frame 1; of three the countdown was not over
    assert len(fake.shown) == 27
    said = capsys.readouterr().out
    assert "one 0, two 1, three 0; too few of one, three" in said and "took 1 photos" in said
    assert not np.array_equal(fake.shown[5][:40], fake.shown[0][:40])  # counts down


def test_a_burst_and_taking_back(
    take: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeWindow(monkeypatch, "1..b" + "." * 20 + "uq")
    take("--whole", "--countdown", "0", "--burst", "4", "--burst-every", "0.5", "--no-mirror")
    # One at once (at the frame after the key), then four half a second apart, of which the last was
    # taken back.
    assert list(taken(tmp_path).values()) == [1, 4, 9, 14]


def test_a_click_on_the_x_ends_it_and_keeps_the_photos(
    take: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWindow(monkeypatch, "1..X")
    assert take("--whole", "--countdown", "0") == 0
    assert len(fake.shown) == 4 and list(taken(tmp_path)) == ["one/anna_s1_0001.jpg"]


def test_going_on_and_undo_of_nothing(
    take: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeWindow(monkeypatch, "1..q")
    take("--whole", "--countdown", "0")
    FakeWindow(monkeypatch, "u1..q")
    take("--whole", "--countdown", "0")
    assert list(taken(tmp_path)) == ["one/anna_s1_0001.jpg", "one/anna_s1_0002.jpg"]


def test_what_is_in_the_square_is_kept_as_the_camera_gives_it(
    take: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = drawn_hands(30)[20]
    video = write_video(
        tmp_path / "hand.mp4", np.repeat(picture[None], 8, axis=0), 10, options={"crf": "5"}
    )
    fake = FakeWindow(monkeypatch, "1.--1..q")
    take("--square", "0.5", "--countdown", "0", source=video)
    first, second = (read_photo(tmp_path / "out" / "one" / f"anna_s1_000{i}.jpg") for i in (1, 2))
    assert first.shape == (120, 120, 3) and second.shape[0] == round(120 / 1.21)
    assert (
        np.abs(first.astype(int) - picture[60:180, 100:220]).mean() < 6
    )  # not mirrored, though the window is
    assert np.abs(first[:, ::-1].astype(int) - picture[60:180, 100:220]).mean() > 12
    assert is_green(fake.shown[0])[100:140, 96:104].any()


def test_warnings_are_said_and_shown(
    take: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dark = write_video(tmp_path / "dark.mp4", np.full((8, 240, 320, 3), 20, np.uint8), 10)
    FakeWindow(monkeypatch, "1..1..q")
    take("--countdown", "0", source=dark)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("one/")]
    assert "dark" in lines[0] and "nearly the same" not in lines[0]
    assert (
        "dark" in lines[1]
        and "nearly the same as an earlier photo of 'one'; press u to undo" in lines[1]
    )


def test_without_keys_a_video_gives_photos_of_a_class(
    take: Callable[..., int], tmp_path: Path
) -> None:
    take("--whole", "--label", "two", "--every", "1", "--no-show")
    assert taken(tmp_path) == {f"two/anna_s1_000{i + 1}.jpg": i * 10 for i in range(5)}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--label", "four", "--no-show"), "'four' is not among --classes"),
        (("--no-show",), "add --label CLASS"),
        (("--square", "1.5"), "above 0, up to 1"),
        (("--countdown", "-1"), "0 or more seconds"),
    ],
)
def test_flags_that_contradict(
    take: Callable[..., int], tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        take(*flags)
    assert not (tmp_path / "out").exists()


def test_no_display_names_the_flags(
    take: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UserError, match="--no-show with --label CLASS"):
        take()


def test_a_missing_camera_ends_in_one_message(tmp_path: Path) -> None:
    command = [
        warm_python(),
        str(REPOSITORY / "tools" / "collect.py"),
        str(tmp_path / "out"),
        "--classes",
        "a,b",
    ]
    flags = [
        "--person",
        "p",
        "--session",
        "s",
        "--source",
        str(tmp_path / "missing.mp4"),
        "--label",
        "a",
        "--no-show",
    ]
    done = subprocess.run(
        [*command, *flags], capture_output=True, text=True, check=False, timeout=60
    )
    assert (
        done.returncode == 2
        and "there is no such video" in done.stderr
        and len(done.stderr.splitlines()) == 1
    )


def test_what_was_collected_is_imported_with_its_people(tmp_path: Path, numbers: Path) -> None:
    from action_recognition.commands.data.import_clips import main as import_main

    for person in ("anna", "ben", "carl"):
        for label in ("one", "two"):
            where = [
                "--person",
                person,
                "--session",
                "s1",
                "--source",
                str(numbers),
                "--label",
                label,
                "--every",
                "1",
                "--no-show",
            ]
            main([str(tmp_path / "my photos"), "--classes", "one,two", *where])
    flags = [
        "--format",
        "photo_folders",
        "--output",
        str(tmp_path / "data"),
        "--person-regex",
        "/([a-z]+)_",
        "--fractions",
        "34,33,33",
    ]
    assert import_main([str(tmp_path / "my photos"), *flags]) == 0
    people = {}
    for split in ("train", "val", "test"):
        lines = (tmp_path / "data" / f"{split}.txt").read_text().splitlines()
        people[split] = {line.split("/")[1].split("_")[0] for line in lines}
        assert len(lines) == 10
    assert sorted(name for names in people.values() for name in names) == [
        "anna",
        "ben",
        "carl",
    ]  # each in one part

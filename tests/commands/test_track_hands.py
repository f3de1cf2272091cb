"""`tools/data/track_hands.py`: parts of a set, on stored landmarks and on a real clip."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from action_recognition.commands.hands import track
from action_recognition.data.landmarks import tracking
from action_recognition.data.landmarks.store import default_store_folder
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.data.listed_clips import listed_clips
from action_recognition.errors import user_error
from action_recognition.hands.landmark_file import HandLandmarks, load_landmarks
from tests.made_landmarks import RATE_FPS, write_set


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACTION_RECOGNITION_CACHE", str(tmp_path / "cache"))
    return write_set(tmp_path / "set", clips_per_class=3)


def flags(root: Path, part: str) -> list[str]:
    files = f"{root / 'train.txt'},{root / 'val.txt'}"
    return ["--ann-files", files, "--data-roots", str(root), "--part", part, "--jobs", "1"]


def test_what_is_there_is_not_made_again(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # No network of hands is in this cache, so that tracking would fail.
    assert track.main(flags(root, "1/1")) == 0
    assert f"9 of 9 clips have landmarks in {default_store_folder()}" in capsys.readouterr().out


def test_the_parts_are_the_whole(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("1/2", "2/2"):
        assert track.main(flags(root, part)) == 0
    said = capsys.readouterr().out
    assert "5 of 5 clips" in said and "4 of 4 clips" in said


def test_a_broken_clip_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "videos/left_0.mp4").write_bytes(b"no video")
    assert track.main(flags(root, "1/1")) == 1
    captured = capsys.readouterr()
    assert "train.txt:1: " in captured.err and "8 of 9 clips" in captured.out


@pytest.mark.parametrize("part", ["0/2", "3/2", "2", "a/b"])
def test_a_wrong_part_is_refused(root: Path, part: str) -> None:
    with pytest.raises(SystemExit) as end:
        track.main(flags(root, part))
    assert end.value.code == 2


def test_a_video_that_breaks_off_is_named_with_its_reason(
    root: Path,
    hand_models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(hand_models, Path(os.environ["ACTION_RECOGNITION_CACHE"]) / hand_models.name)

    def broken(video: TrackedVideo, networks: object) -> HandLandmarks:
        raise user_error(str(video.path), "breaks off at frame 7")

    # Both copies of one video have other bytes than before, so that they are tracked again.
    for name in ("left_0.mp4", "right_0.mp4"):
        shutil.copy(root / "videos/open_0.mp4", root / "videos" / name)
    for file in default_store_folder().rglob("*.npz"):
        file.unlink()
    monkeypatch.setattr(tracking, "track_video", broken)
    assert track.main(flags(root, "1/1")) == 1
    said = capsys.readouterr().err
    assert said.count("breaks off at frame 7") == 9 and "train.txt:1: " in said


def test_processes_of_one_run_all_have_the_landmarks(
    root: Path, hand_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(hand_models, Path(os.environ["ACTION_RECOGNITION_CACHE"]) / hand_models.name)
    for file in default_store_folder().rglob("*.npz"):
        file.unlink()
    # As a second process of torchrun or Slurm, which starts at the same time as the first.
    monkeypatch.setenv("RANK", "1")
    clips, _ = listed_clips([root / "train.txt"], [root], None)
    store = tracking.tracked_store(RATE_FPS, [clip.record for clip in clips])
    assert len(list(store.folder.rglob("*.npz"))) == len(clips)


def test_landmarks_that_were_cut_off_are_made_again(
    root: Path, hand_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(hand_models, Path(os.environ["ACTION_RECOGNITION_CACHE"]) / hand_models.name)
    file = next(default_store_folder().rglob("*.npz"))
    file.write_bytes(file.read_bytes()[:200])
    assert track.main(flags(root, "1/1")) == 0
    assert "tracking 1 videos" in capsys.readouterr().out
    load_landmarks(file)

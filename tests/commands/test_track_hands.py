"""`tools/data/track_hands.py`: parts of a set, on stored landmarks and on a real clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.commands.hands import track
from action_recognition.data.landmarks.store import default_store_folder
from tests.made_landmarks import write_set


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

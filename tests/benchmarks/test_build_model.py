"""The clips of the benchmark of a build. A build itself takes minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.data.video import count_frames
from benchmarks import build_model


def test_each_person_makes_each_gesture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(build_model.CLASSES) * len(build_model.PEOPLE) * build_model.TAKES == 60
    monkeypatch.setattr(build_model, "PEOPLE", ("anna",))
    monkeypatch.setattr(build_model, "TAKES", 1)
    first = build_model.write_clips(tmp_path)
    clips = sorted(tmp_path.rglob("*.mp4"))
    assert [clip.relative_to(tmp_path).as_posix() for clip in clips] == sorted(
        f"{name}/anna_1.mp4" for name in build_model.CLASSES
    )
    assert first in clips and all(16 <= count_frames(clip) <= 32 for clip in clips)

"""How often hands are seen, by class and person."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from action_recognition.commands.data import stats
from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.hands.landmark_file import save_landmarks
from tests.made_landmarks import NUM_FRAMES, RATE_FPS, as_landmarks, moving_hand, write_set


def test_hands_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACTION_RECOGNITION_CACHE", str(tmp_path / "cache"))
    root = write_set(tmp_path / "set", clips_per_class=3)
    hands = moving_hand("left", np.random.default_rng(0))
    store = LandmarkStore(default_store_folder(), RATE_FPS)
    video = TrackedVideo(root / "videos/left_1.mp4", NUM_FRAMES, RATE_FPS, 1)
    save_landmarks(store.file_of(video), as_landmarks(hands, first_seen=NUM_FRAMES))

    arguments = ["--ann-files", str(root / "train.txt"), "--data-roots", str(root), "--hands"]
    person = ["--person-regex", r"_(\d)\.mp4", "--json", str(tmp_path / "stats.json")]
    assert stats.main([*arguments, *person, "--jobs", "1"]) == 0

    found = json.loads((tmp_path / "stats.json").read_text())["hands"]
    # Of two clips of the class one shows a hand in all frames, the other in none.
    assert found["classes"]["left"] == {
        "clips": 2,
        "without_hand": 1,
        "seen_share": 0.5,
        "both_share": 0.0,
    }
    # The hands of the clips numbered 1 come in their second frame.
    assert found["people"]["0"]["seen_share"] == 1.0
    assert found["people"]["1"]["seen_share"] == pytest.approx(2 / 3 * 15 / 16)
    assert "no hand" in capsys.readouterr().out

"""`tools/data/landmarks.py` as users type it, on real clips."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_recognition.data.clip_table import ClipRecord
from action_recognition.data.landmarks.sampling import (
    as_network_input,
    frames_of_clip,
    spread_clip,
)
from action_recognition.data.landmarks.store import LandmarkStore, track_video
from action_recognition.data.video import probe
from action_recognition.deploy.landmark_clips import LandmarkClips
from action_recognition.deploy.landmark_layout import LandmarkLayout
from action_recognition.deploy.metadata_fields import NO_PIXELS, example
from action_recognition.hands.landmark_file import load_landmarks
from action_recognition.hands.slots import hand_array, while_seen
from tests.conftest import REPOSITORY, end_of_script
from tests.synthetic import numbered_frames, write_video
from tests.warm import warm_python

SCRIPT = REPOSITORY / "tools/data/landmarks.py"


@pytest.fixture(scope="module")
def clip(real_data: Path) -> Path:
    return real_data / "smarthome_gestures/videos/FanUp/p12_FanUp_1.mp4"


def test_a_clip_becomes_arrays_and_a_drawing(
    clip: Path, tmp_path: Path, hand_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, drawn = tmp_path / "clip.npz", tmp_path / "drawn.mp4"
    arguments = ["--input", clip, "--output", output, "--draw", drawn, "--frame-rate", 5]
    assert end_of_script(SCRIPT, arguments, monkeypatch) == 0

    with np.load(output, allow_pickle=False) as arrays:
        count = len(arrays["frame_index"])
        assert count >= 24 and arrays["landmarks_px"].shape == (count, 21, 3)
        assert arrays["world_m"].shape == (count, 21, 3)
        assert set(arrays["handedness"].tolist()) <= {"left", "right"}
        assert arrays["frame_size_hw"].tolist() == [456, 256]
        assert (np.diff(arrays["time_ms"]) >= 0).all() and arrays["time_ms"][0] < 200
        height, width = arrays["frame_size_hw"]
        inside = (arrays["landmarks_px"][..., :2] >= 0).all(-1)
        inside &= (arrays["landmarks_px"][..., :2] <= [width, height]).all(-1)
        assert inside.mean() > 0.95
    # One hand is followed through the whole clip.
    landmarks = load_landmarks(output)
    assert landmarks.seen_share > 0.95 and len(set(landmarks.hand_id.tolist())) <= 2
    assert probe(drawn).num_frames == len(landmarks.tracked_frames)


def test_a_predictor_sees_the_clip_that_evaluation_sees(clip: Path, hand_models: Path) -> None:
    store = LandmarkStore(Path(), 10.0)
    layout = LandmarkLayout(10.0, 1)
    clips = LandmarkClips(replace(example(), **NO_PIXELS, landmarks=layout, clip_len=24), None, 1)
    rate, num_frames = probe(clip).frame_rate_fps, probe(clip).num_frames
    assert rate is not None
    record = ClipRecord(
        clip_start=0,
        clip_end=num_frames,
        video_start=0,
        video_end=num_frames,
        frame_rate_fps=rate,
        path=clip,
        label=0,
        line="here:1",
    )
    tracked = track_video(store.video_of(record), clips.networks)
    # All of it, a part of it, and a part between two tracked frames.
    for start, end in ((0, num_frames), (31, 80), (31, 32)):
        frames = frames_of_clip(tracked.tracked_frames, start, end)
        seen = while_seen(hand_array(tracked, frames))
        expected = as_network_input(spread_clip(seen, 24))
        assert expected[3].any()
        assert np.array_equal(clips.of_video(clip, start, end, rate), expected), (start, end)


def test_a_folder_is_resumed_and_broken_files_are_named(
    clip: Path, tmp_path: Path, hand_models: Path
) -> None:
    folder, output = tmp_path / "clips", tmp_path / "out"
    (folder / "wave").mkdir(parents=True)
    shutil.copy(clip, folder / "wave/anna.mp4")
    write_video(folder / "empty.mp4", numbered_frames(20, 64, 64))
    (folder / "broken.mp4").write_bytes(b"no video")

    command = [warm_python(), str(SCRIPT), "--input", str(folder), "--output", str(output)]
    done = subprocess.run([*command, "--frame-rate", "5"], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "broken.mp4" in done.stderr
    assert {str(file.relative_to(output)) for file in output.rglob("*.npz")} == {
        "wave/anna.mp4.npz",
        "empty.mp4.npz",
    }
    assert "2 files of landmarks; no hand in 1" in done.stdout

    times = {file: file.stat().st_mtime_ns for file in output.rglob("*.npz")}
    again = subprocess.run([*command, "--frame-rate", "5"], capture_output=True, text=True)
    assert "tracking" not in again.stdout
    assert times == {file: file.stat().st_mtime_ns for file in output.rglob("*.npz")}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--input", "nowhere.mp4", "--output", "a.npz"], "there is no such file or folder"),
        (["--input", "{clip}", "--output", "a.csv"], "a file that ends in .npz"),
        (["--input", "{folder}", "--output", "a.npz"], "holds neither videos nor folders"),
        (["--input", "{clip}", "--output", "a.npz", "--hand-models", "{folder}"], "no such netw"),
        (["--input", "{clip}", "--output", "a.npz", "--part", "2/2"], "divides a folder of clips"),
        (["--input", "{clip}", "--output", "a.npz", "--draw", "a.gif"], "--draw: found 'a.gif'"),
        (["--input", "{clip}", "--output", "a.npz", "--draw", "{clip}"], "another file than"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    named: str,
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    filled = [item.format(clip=clip, folder=tmp_path / "folder") for item in arguments]
    assert end_of_script(SCRIPT, filled, monkeypatch) == 2
    error = capsys.readouterr().err
    assert named in error and len(error.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*.npz"))

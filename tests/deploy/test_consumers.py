"""Programs of others that take the exported files, or make what is put into them.

The C++ program is in test_cpp_sample.py, Open Model Zoo's demo is replayed in
test_gesture_recognition_demo.py, ONNX Runtime runs in test_backends.py.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from action_recognition.data.sampling import FrameRange, centre_frame_indices
from action_recognition.data.video import read_frames
from tests.conftest import REPOSITORY
from tests.synthetic import numbered_frames, write_video


def needed(program: str) -> str:
    """The path of a program; the test is skipped where it is not installed, and fails in CI."""
    found = shutil.which(
        program, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{program} must be there in CI")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def test_benchmark_app_runs_the_ir(exported: Path) -> None:
    command = [
        needed("benchmark_app"),
        "-m",
        str(exported / "model.xml"),
        "-d",
        "CPU",
        "-niter",
        "4",
        "-hint",
        "latency",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "input (node: input) : f32 / [N,C,D,H,W] / [1,3,4,32,32]" in done.stdout
    assert re.search(r"Throughput:\s+[\d.]+ FPS", done.stdout)


def test_ffmpeg_writes_the_frames_that_the_predictor_takes(tmp_path: Path) -> None:
    """The command of docs/deploy.md, on a film of 75 frames at 30 fps for 8 frames at 15 fps."""
    page = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ffmpeg -i clip\.mp4 .*$", page, re.MULTILINE)
    _, *words = shlex.split(line)
    film = write_video(tmp_path / "clip.mp4", numbered_frames(75), 30)
    command = [needed("ffmpeg"), "-v", "error", *words]
    subprocess.run(command, cwd=tmp_path, check=True)

    span = FrameRange(clip_start=0, clip_end=75, video_start=0, video_end=75, frame_rate_fps=30.0)
    wanted = np.stack(list(read_frames(film, centre_frame_indices(span, 8, 15.0))))
    written = np.fromfile(tmp_path / "frames.rgb", np.uint8)
    np.testing.assert_array_equal(written.reshape(wanted.shape), wanted)

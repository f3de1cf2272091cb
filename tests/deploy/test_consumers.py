"""Programs of others that take the exported files: OpenVINO's benchmark_app, a C++ program built
against the installed OpenVINO.

Open Model Zoo's demo is replayed in test_gesture_recognition_demo.py, ONNX Runtime runs in
test_backends.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from action_recognition.deploy import Predictor
from action_recognition.deploy.delivery.made_clips import made_clips
from tests.conftest import REPOSITORY


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


def test_the_cpp_program_gives_the_predictors_answer(exported: Path, tmp_path: Path) -> None:
    from openvino.utils import get_cmake_path

    cmake, build = needed("cmake"), tmp_path / "build"
    needed("g++")
    source = REPOSITORY / "samples" / "cpp"
    assert len((source / "recognise_gesture.cpp").read_text(encoding="utf-8").splitlines()) <= 60
    for command in (
        [cmake, "-S", str(source), "-B", str(build), f"-DOpenVINO_DIR={get_cmake_path()}"],
        [cmake, "--build", str(build)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    predictor = Predictor.from_path(exported / "model.xml")
    clip = made_clips(predictor.backend.metadata, 1)[0]
    frames = np.ascontiguousarray(clip.transpose(1, 2, 3, 0))
    (tmp_path / "frames.rgb").write_bytes(frames.tobytes())
    program, model = str(build / "recognise_gesture"), str(exported / "model.xml")
    done = subprocess.run(
        [program, model, str(tmp_path / "frames.rgb")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    label, probability = done.stdout.rsplit(" ", 1)
    metadata = predictor.backend.metadata
    cosine = predictor.backend.scores(clip[None])[0]
    shares = np.exp(metadata.score_scale / metadata.temperature * (cosine - cosine.max()))
    assert label == re.sub(r"\s", "_", metadata.labels[int(cosine.argmax())])
    assert float(probability) == pytest.approx(1 / shares.sum(), abs=1e-3)
    (tmp_path / "frames.rgb").write_bytes(b"too short")
    done = subprocess.run(
        [program, model, str(tmp_path / "frames.rgb")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "has 9 bytes, the model takes" in done.stderr

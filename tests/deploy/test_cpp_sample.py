"""The C++ program, built against the installed OpenVINO: pixels and answers of the predictor."""

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
from action_recognition.openvino_core import openvino_core
from tests.conftest import REPOSITORY
from tests.deploy.test_consumers import needed
from tests.synthetic import numbered_frames, write_video


def the_blocks() -> tuple[str, str]:
    """The two blocks of docs/deploy.md: build, and recognise a clip."""
    page = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
    section = page[page.index("### C++\n") : page.index("### Open Model Zoo\n")]
    build, recognise = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return build, recognise


def types(block: str, clone: Path) -> str:
    """Type a block in a folder, and return what it prints."""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = ["bash", "-e", "-c", block]
    done = subprocess.run(
        shell,
        cwd=clone,
        env={**os.environ, "PATH": folders},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def clone(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with the built program and an exported model."""
    for program in ("cmake", "g++", "ffmpeg"):
        needed(program)
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(REPOSITORY / "samples", folder / "samples")
    shutil.copytree(exported, folder / "my_model" / "export")
    types(the_blocks()[0], folder)
    return folder


def recognise(clone: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    command = [str(clone / "build" / "recognise_gesture"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def answer(predictor: Predictor, cosine: np.ndarray) -> tuple[str, float]:
    """The best label as the program writes it, and its probability. Nothing is rejected."""
    metadata = predictor.backend.metadata
    shares = np.exp(metadata.score_scale / metadata.temperature * (cosine - cosine.max()))
    best = metadata.labels[int(cosine.argmax())]
    return re.sub(r"\s", "_", best), float(1 / shares.sum())


def same_answer(printed: str, wanted: tuple[str, float]) -> bool:
    """Compare what the program prints with an answer."""
    label, probability = printed.rsplit(" ", 1)
    return label == wanted[0] and float(probability) == pytest.approx(wanted[1], abs=1e-3)


def test_the_page_leads_from_a_film_to_the_predictors_answer(clone: Path) -> None:
    """The page takes 8 frames of a film of 640x480, this model 4 of one of 100x64."""
    film = write_video(clone / "clip.mp4", numbered_frames(75, height=64, width=100), 30)
    block = the_blocks()[1].replace("-frames:v 8", "-frames:v 4").replace("640x480", "100x64")
    said = types(block.replace("30", "34"), clone)

    prediction = Predictor.from_path(clone / "my_model" / "export").predict_file(film)
    label = re.sub(r"\s", "_", prediction.labels[0])
    assert same_answer(said, (label, prediction.probability))


@pytest.mark.parametrize(
    ("size", "short_side"),
    [
        ((120, 90), 36),  # shrunk, and cut on all sides
        ((72, 72), 36),  # by exactly two: OpenCV has a way of its own for that
        ((31, 57), 36),  # grown
        ((120, 90), 20),  # the crop of 32 is larger than both sides of 20x27
        ((60, 20), 20),  # and here than one of them
        ((1, 1), 5),
    ],
)
def test_every_pixel_is_that_of_the_predictor(
    clone: Path, tmp_path: Path, size: tuple[int, int], short_side: int
) -> None:
    """The crop stays 32 pixels."""
    model = tmp_path / "export" / "model.xml"
    model.parent.mkdir()
    # Without the record, which has the sum of the file that is changed here.
    for name in ("model.xml", "model.bin"):
        shutil.copy(clone / "my_model" / "export" / name, model.with_name(name))
    text = model.read_text(encoding="utf-8")
    asked = text.replace("short_side&quot;: 36", f"short_side&quot;: {short_side}")
    assert short_side == 36 or asked != text
    model.write_text(asked, encoding="utf-8")
    frames = np.random.default_rng(3).integers(0, 256, (4, size[1], size[0], 3), np.uint8)
    (tmp_path / "frames.rgb").write_bytes(frames.tobytes())

    pixels = tmp_path / "pixels.rgb"
    done = recognise(clone, model, tmp_path / "frames.rgb", f"{size[0]}x{size[1]}", pixels)
    assert done.returncode == 0, done.stderr
    predictor = Predictor.from_path(model)
    clip = predictor.prepare(frames, predictor.backend.metadata.frame_rate_fps)
    written = np.fromfile(pixels, np.uint8).reshape(4, 32, 32, 3)
    np.testing.assert_array_equal(written.transpose(3, 0, 1, 2), clip)
    assert same_answer(done.stdout, answer(predictor, predictor.backend.scores(clip[None])[0]))


def test_frames_of_the_models_size_are_taken_as_they_are(clone: Path, tmp_path: Path) -> None:
    model, file = clone / "my_model" / "export" / "model.xml", tmp_path / "frames.rgb"
    predictor = Predictor.from_path(model)
    clip = made_clips(predictor.backend.metadata, 1)[0]
    file.write_bytes(np.ascontiguousarray(clip.transpose(1, 2, 3, 0)).tobytes())
    done = recognise(clone, model, file)
    assert done.returncode == 0, done.stderr
    assert same_answer(done.stdout, answer(predictor, predictor.backend.scores(clip[None])[0]))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("resize", '{"short_side": null, "crop_size": 32}', "fits the whole frame in"),
        ("crop", "hand", "cut-out hands"),
        ("stream", "{}", "call by call"),
        ("landmarks", "{}", "landmarks of hands"),
        ("normalization", "external", "expects normalised frames"),
    ],
)
def test_a_model_that_takes_something_else_is_refused(
    clone: Path, tmp_path: Path, key: str, value: str, message: str
) -> None:
    """Landmarks are a key that this model lacks."""
    import openvino as ov

    model = openvino_core().read_model(clone / "my_model" / "export" / "model.xml")
    model.set_rt_info(value, ["model_info", key])
    ov.save_model(model, tmp_path / "model.xml", compress_to_fp16=False)
    (tmp_path / "frames.rgb").write_bytes(bytes(4 * 8 * 6 * 3))
    done = recognise(clone, tmp_path / "model.xml", tmp_path / "frames.rgb", "8x6")
    assert done.returncode == 2 and message in done.stderr, done.stderr


def test_wrong_frames_and_sizes_are_named(clone: Path, tmp_path: Path) -> None:
    model, file = clone / "my_model" / "export" / "model.xml", tmp_path / "frames.rgb"
    file.write_bytes(b"too short")
    done = recognise(clone, model, file, "8x6")
    assert done.returncode == 2
    assert "has 9 bytes, the model takes 576: 4 frames of 8x6" in done.stderr
    for size in ("8", "0x6", "8x-6", "8x6x3", "99999x99999"):
        done = recognise(clone, model, file, size)
        assert done.returncode == 2 and "usage: " in done.stderr
    assert recognise(clone, tmp_path / "none.xml", file).returncode == 2

"""`calibrate.py` from end to end on a tiny model: what it leaves, where it puts the result, and
what is refused.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from action_recognition.checkpoint import (
    TRAINED_MODEL_KEY,
    describe_training,
    load_trained_model,
    save_atomically,
)
from action_recognition.commands.calibrate import main
from action_recognition.commands.export import main as export_main
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.errors import UserError
from action_recognition.models.build import build_recogniser
from action_recognition.template import load_template_dir
from tests.conftest import REPOSITORY, end_of_script
from tests.synthetic import numbered_frames, write_lines, write_video
from tests.tiny import LABELS, tiny_data, tiny_template

REPORT = {"calibration.json", "reliability.png", "risk_coverage.png"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=2)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips_of_others(tmp_path_factory.mktemp("others"))


def clips_of_others(folder: Path) -> Path:
    """Clips of other things, with labels of their own."""
    for number in range(3):
        write_video(
            folder / f"{number}.mp4", numbered_frames(8, first=100 * number), frame_rate_fps=15
        )
    write_lines(
        folder / "val.txt", [f"{number}.mp4 class_{number} 0 8 0 8 15" for number in range(3)]
    )
    return folder


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    return untrained_work_dir(tmp_path / "work")


def untrained_work_dir(path: Path) -> Path:
    """A work dir with untrained weights: their probabilities are as good as any to calibrate."""
    folder = tiny_template(path).parent
    template, model = load_template_dir(folder)
    described = describe_training(list(LABELS), template, model, {})
    torch.manual_seed(0)
    state_dict = {
        f"network.{key}": value
        for key, value in build_recogniser(model, len(LABELS)).state_dict().items()
    }
    save_atomically(
        {"state_dict": state_dict, TRAINED_MODEL_KEY: described}, folder / "outputs" / "latest.pth"
    )
    return folder


def calibrate(
    work_dir: Path, data: Path, weights: str = "outputs/latest.pth", *flags: object
) -> Path:
    given = [
        "--load-weights",
        work_dir / weights,
        "--val-ann-files",
        data / "val.txt",
        "--val-data-roots",
        data,
        "--num-workers",
        0,
    ]
    assert main(work_dir, [str(item) for item in (*given, *flags)]) == 0
    return work_dir / weights


def test_a_checkpoint_carries_it_into_the_exported_files(
    work_dir: Path, data: Path, others: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load_trained_model(work_dir / "outputs/latest.pth")
    negatives = (
        "--negative-ann-files",
        others / "val.txt",
        "--negative-data-roots",
        others,
        "--false-alarm-rate",
        "0.25",
    )
    path = calibrate(work_dir, data, "outputs/latest.pth", *negatives)
    said = capsys.readouterr().out
    assert (
        "temperature " in said
        and "a perfectly calibrated model" in said
        and "from 3 clips (negatives)" in said
        and "note: " in said
    )
    assert {item.name for item in path.parent.iterdir()} == REPORT | {"latest.pth"}
    written = json.loads((path.parent / "calibration.json").read_text(encoding="utf-8"))
    trained = load_trained_model(path)
    assert trained.calibration is not None
    assert written["temperature"] == trained.calibration.temperature and written[
        "thresholds"
    ] == dict(trained.calibration.thresholds)
    assert (
        written["summary"]["validation"]["num_clips"] == 6
        and written["weights_sha256"] == before.weights_sha256
    )
    assert all((trained.state_dict[key] == value).all() for key, value in before.state_dict.items())

    assert (
        export_main(
            work_dir,
            [
                "--load-weights",
                str(path),
                "--save-model-to",
                str(work_dir / "export"),
                "--check-clips",
                "1",
            ],
        )
        == 0
    )
    for name in ("model.xml", "model.onnx"):
        metadata = load_backend(work_dir / "export" / name).metadata
        assert (
            metadata.temperature == trained.calibration.temperature
            and metadata.thresholds == dict(trained.calibration.thresholds)
        )
        assert metadata.spread_threshold == trained.calibration.spread_threshold


def test_an_exported_folder_is_calibrated_in_place_and_scores_as_before(
    work_dir: Path, data: Path, others: Path
) -> None:
    flags = [
        "--load-weights",
        str(work_dir / "outputs/latest.pth"),
        "--save-model-to",
        str(work_dir / "export"),
        "--check-clips",
        "1",
    ]
    assert export_main(work_dir, flags) == 0
    model = load_backend(work_dir / "export/model.xml")
    clips = made_clips(model.metadata, 1)
    negatives = ("--negative-ann-files", others / "val.txt", "--negative-data-roots", others)
    calibrate(work_dir, data, "export/model.bin", "--save-to", work_dir / "report", *negatives)
    assert {item.name for item in (work_dir / "report").iterdir()} == REPORT
    written = json.loads((work_dir / "report" / "calibration.json").read_text(encoding="utf-8"))
    assert (written["thresholds"], written["spread_threshold"]) != ({}, 0.0)
    for name in ("model.xml", "model.onnx"):
        metadata = load_backend(work_dir / "export" / name).metadata
        for key in ("temperature", "thresholds", "spread_threshold"):
            assert getattr(metadata, key) == written[key]
    assert np.array_equal(
        load_backend(work_dir / "export/model.xml").scores(clips), model.scores(clips)
    )
    assert load_trained_model(work_dir / "outputs/latest.pth").calibration is None


def test_gestures_are_no_negatives(work_dir: Path, data: Path) -> None:
    before = (work_dir / "outputs/latest.pth").read_bytes()
    with pytest.raises(UserError, match="they are its gestures"):
        calibrate(
            work_dir,
            data,
            "outputs/latest.pth",
            "--negative-ann-files",
            data / "val.txt",
            "--negative-data-roots",
            data,
        )
    with pytest.raises(UserError, match="one is given without the other"):
        calibrate(work_dir, data, "outputs/latest.pth", "--negative-ann-files", data / "val.txt")
    assert (work_dir / "outputs/latest.pth").read_bytes() == before
    assert [item.name for item in (work_dir / "outputs").iterdir()] == ["latest.pth"]


def test_clips_of_other_classes_and_clips_without_a_person_are_refused(
    work_dir: Path, data: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    (copy / "classes.json").write_text(json.dumps(LABELS[::-1]), encoding="utf-8")
    with pytest.raises(UserError, match="its classes are not the model's"):
        calibrate(work_dir, copy)
    with pytest.raises(UserError, match="finds no person"):
        calibrate(work_dir, data, "outputs/latest.pth", "--person-regex", "(anna)_")


def test_folds_go_by_person(work_dir: Path, data: Path) -> None:
    calibrate(work_dir, data, "outputs/latest.pth", "--person-regex", r"\d-(\d)\.mp4")
    calibration = load_trained_model(work_dir / "outputs/latest.pth").calibration
    assert calibration is not None and calibration.summary["validation"]["num_groups"] == 2


@pytest.mark.parametrize("rate", ["0", "1", "x", "nan"])
def test_a_rate_lies_between_0_and_1(
    rate: str, work_dir: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        calibrate(work_dir, data, "outputs/latest.pth", "--false-alarm-rate", rate)
    assert "a number between 0 and 1" in capsys.readouterr().err


def test_the_script_helps_soon_and_says_what_is_wrong_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = str(shutil.copy(REPOSITORY / "tools/workdir/calibrate.py", tmp_path / "calibrate.py"))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, script, "--help"], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0 and "--negative-ann-files" in done.stdout
    assert time.monotonic() - began < 5  # heavy imports take longer than that on a busy machine
    flags = ["--load-weights", "missing.pth", "--val-ann-files", "a.txt", "--val-data-roots", "."]
    assert end_of_script(Path(script), flags, monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: missing.pth") and "Traceback" not in said

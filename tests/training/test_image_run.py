"""From an image template to a trained, measured and exported network, by the functions behind the
commands.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from action_recognition.calibration_values import Calibration
from action_recognition.checkpoint import load_trained_model
from action_recognition.commands import eval as eval_command
from action_recognition.commands import export as export_command
from action_recognition.commands import train as train_command
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.verification import verify_folder
from action_recognition.deploy.predictor import Predictor
from action_recognition.errors import UserError
from action_recognition.export.calibrated_files import write_into_export
from tests.conftest import REPOSITORY
from tests.detection.detectors import write_boxes_detector

TEMPLATES = REPOSITORY / "model_templates" / "image_gesture"
LABELS = ("blue", "green", "red")


def photo_data(folder: Path, per_class: int = 6) -> Path:
    """Photos of one colour each with some noise, in odd sizes; train.txt and val.txt."""
    rng = np.random.default_rng(0)
    for split, number in (("train", per_class), ("val", 2)):
        lines = []
        for label, name in enumerate(LABELS):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for i in range(number):
                picture = rng.integers(
                    0, 60, (int(rng.integers(20, 60)), int(rng.integers(20, 60)), 3), dtype=np.uint8
                )
                picture[..., 2 - label] += 150
                Image.fromarray(picture).save(folder / name / f"{split}_{i}.png")
                lines.append(f"{name}/{split}_{i}.png {name}")
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


def work_dir(folder: Path, name: str, **changes: Any) -> Path:
    """A work dir of the template, small: no workers, few epochs, its own labels."""
    folder.mkdir(parents=True)
    template = yaml.safe_load((TEMPLATES / name / "template.yaml").read_text())
    template |= {"labels": [], "negative_label": None, "gpu_num": 0}
    template["training"] |= {"num_workers": 0} | changes
    template["hyper_parameters"]["basic"] |= {"batch_size": 6, "epochs": 2}
    (folder / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))
    (folder / "model.yaml").write_bytes((TEMPLATES / name / "model.yaml").read_bytes())
    return folder


def train(work: Path, data: Path, *flags: str) -> None:
    split = [
        part
        for name in ("train", "val")
        for part in (f"--{name}-ann-files", f"{data / name}.txt", f"--{name}-data-roots", str(data))
    ]
    train_command.main(work, [*split, *flags])


def test_train_eval_export_predict(tmp_path: Path) -> None:
    data, work = (
        photo_data(tmp_path / "data"),
        work_dir(tmp_path / "work", "signs-64", feature_dropout=0.0),
    )
    train(work, data, "--epochs", "6")
    best, export = work / "outputs" / "best.pth", work / "export"
    export_command.main(work, ["--load-weights", str(best), "--save-model-to", str(export)])
    found = {}
    for file in (best, export / "model.xml", export / "model.onnx"):
        metrics = tmp_path / f"{file.name}.yaml"
        flags = [
            "--test-ann-files",
            str(data / "val.txt"),
            "--test-data-roots",
            str(data),
            "--num-workers",
            "0",
        ]
        eval_command.main(
            work, ["--load-weights", str(file), *flags, "--save-metrics-to", str(metrics)]
        )
        found[file.suffix] = {
            item["key"]: item["value"] for item in yaml.safe_load(metrics.read_text())["metrics"]
        }
    assert (
        found[".pth"]["accuracy"]
        == found[".xml"]["accuracy"]
        == found[".onnx"]["accuracy"]
        == 100.0
    )
    assert json.loads((export / "classes.json").read_text()) == list(LABELS)
    predictor = Predictor.from_path(export / "model.xml")
    assert (
        predictor.backend.metadata.resize.short_side is None
        and predictor.backend.metadata.clip_len == 1
    )
    assert predictor.predict_file(data / "red" / "val_0.png").label == "red"
    before = (export / "model_api.bin").read_bytes()
    write_into_export(export / "model.xml", Calibration(LABELS, temperature=2.0, thresholds={}))
    assert (export / "model_api.bin").read_bytes() != before  # the temperature is in the graph
    assert verify_folder(export, say=lambda _: None) == ["model.onnx", "model.xml"]


def test_two_phases_with_trivial_augment_and_another_backbone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = photo_data(tmp_path / "data")
    work = work_dir(tmp_path / "work", "resnet18-hagrid-18-two-phase")
    template = yaml.safe_load((work / "template.yaml").read_text())
    template["input"]["crop_size"] = 48
    template["training"]["augmentation"] = {
        "type": "trivial_augment_wide",
        "temporal_jitter": False,
        "flip": {"probability": 0.5, "label_swaps": {}},
    }
    template["training"]["schedule"]["freeze_epochs"] = 1
    (work / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))
    train(work, data, "--backbone", "tf_efficientnet_lite0", "--load-weights", "imagenet")
    out = capsys.readouterr().out
    assert "one cycle of the head over 1, then one cycle" in out
    written = yaml.safe_load((work / "outputs" / "model.yaml").read_text())
    assert written["backbone"] == {"name": "tf_efficientnet_lite0"}
    assert (
        yaml.safe_load((work / "outputs" / "template.yaml").read_text())["input"]["mean_values"]
        == [127.5] * 3
    )
    flags = [
        "--load-weights",
        str(work / "outputs" / "best.pth"),
        "--test-ann-files",
        "",
        "--test-data-roots",
        str(data),
    ]
    eval_command.main(work, [*flags, "--save-metrics-to", str(tmp_path / "metrics.yaml")])
    metrics = {
        item["key"]: item["value"]
        for item in yaml.safe_load((tmp_path / "metrics.yaml").read_text())["metrics"]
    }
    assert (
        3.0 < metrics["size"] < 4.5
    )  # EfficientNet-Lite0's, not the 11 million of the work dir's ResNet18


def test_a_backbone_that_is_not_there_or_not_for_photos_is_refused(tmp_path: Path) -> None:
    data, work = photo_data(tmp_path / "data", 2), work_dir(tmp_path / "work", "signs-64")
    with pytest.raises(UserError, match=r"--backbone.*resnt18.*resnet18"):
        train(work, data, "--backbone", "resnt18")


def test_a_model_of_hands_says_so_and_is_not_measured_without_a_detector(tmp_path: Path) -> None:
    data, work = (
        photo_data(tmp_path / "data"),
        work_dir(tmp_path / "work", "signs-64", feature_dropout=0.0),
    )
    detector = write_boxes_detector(tmp_path / "hands.xml", [(0.3, 0.3, 0.7, 0.7, 2.0)])
    train(work, data, "--crop", "hand", "--hand-detector", str(detector))
    trained = load_trained_model(work / "outputs" / "best.pth")
    assert trained.template.input.crop == from_trained(trained, "0" * 64).crop == "hand"
    flags = [
        "--load-weights",
        str(work / "outputs" / "best.pth"),
        "--test-ann-files",
        str(data / "val.txt"),
    ]
    flags += [
        "--test-data-roots",
        str(data),
        "--num-workers",
        "0",
        "--save-metrics-to",
        str(tmp_path / "metrics.yaml"),
    ]
    with pytest.raises(UserError, match="--hand-detector: is missing"):
        eval_command.main(work, flags)
    eval_command.main(work, [*flags, "--hand-detector", str(detector)])


def test_flags_of_photos_that_do_not_go_together(tmp_path: Path) -> None:
    data, work = photo_data(tmp_path / "data", 2), work_dir(tmp_path / "work", "signs-64")
    with pytest.raises(UserError, match="add --crop hand"):
        train(work, data, "--hand-detector", str(tmp_path / "hands.xml"))
    with pytest.raises(UserError, match="--frame-cache: keeps the frames of videos"):
        train(work, data, "--frame-cache", str(tmp_path / "cache"))


def test_one_class_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    data, work = photo_data(tmp_path / "data", 2), work_dir(tmp_path / "work", "signs-64")
    for name in ("train", "val"):
        lines = [
            line
            for line in (data / f"{name}.txt").read_text().splitlines()
            if line.endswith(" red")
        ]
        (data / f"{name}.txt").write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="all clips are of one class, 'red'"):
        train(work, data)

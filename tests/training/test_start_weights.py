"""What a run says and records about the weights it started from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from action_recognition.checkpoint import load_trained_model
from action_recognition.models.pretrained import packaged_lite0_file
from action_recognition.training.options import TrainOptions
from action_recognition.training.run import train
from tests.conftest import REPOSITORY
from tests.tiny import tiny_data

START_KEYS = {"source", "sha256", "licence", "report"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=2)


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """The Lite0 template as published, but 4 frames of 32 pixels."""
    folder = tmp_path / "work dir"
    shutil.copytree(
        REPOSITORY / "model_templates/gesture_recognition/s3d-rgb-efficientnet-lite0-stream", folder
    )
    template = yaml.safe_load((folder / "template.yaml").read_text())
    template["input"] |= {"clip_len": 4, "resize_short_side": 32, "crop_size": 32}
    template["hyper_parameters"]["basic"] |= {"batch_size": 3, "epochs": 1}
    template["training"]["num_workers"] = 0
    (folder / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))
    return folder


def run(work_dir: Path, data: Path, start: str | None) -> Path:
    options = TrainOptions(
        train_ann_files=[data / "train.txt"],
        train_data_roots=[data],
        val_ann_files=[data / "val.txt"],
        val_data_roots=[data],
        save_checkpoints_to=work_dir / "outputs",
        gpu_num=0,
        load_weights=start,
    )
    return train(work_dir, options)


def test_a_run_from_imagenet_keeps_where_its_weights_came_from(
    work_dir: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = load_trained_model(run(work_dir, data, "imagenet"))
    start = trained.record["start_weights"]
    assert start.keys() == START_KEYS
    assert start["licence"] == "Apache-2.0"
    assert f"start weights: {start['report']}" in capsys.readouterr().out
    assert (
        json.loads((work_dir / "outputs/train_record.json").read_text())["start_weights"] == start
    )
    stem = torch.load(packaged_lite0_file(), weights_only=True)["_conv_stem.weight"]
    # A frozen stem: five blocks keep their start weights in this template.
    assert torch.equal(trained.state_dict["backbone.stem.conv.weight"].squeeze(2), stem)


def test_a_run_from_scratch_says_that_there_is_a_real_start(
    work_dir: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = work_dir / "template.yaml"
    path.write_text(
        path.read_text()
        .replace("frozen_blocks: 5", "frozen_blocks: 0")
        .replace("batch_norm: frozen", "batch_norm: train")
    )
    trained = load_trained_model(run(work_dir, data, None))
    assert trained.record["start_weights"]["source"] == "none"
    assert "from scratch; --load-weights imagenet gives a real start" in capsys.readouterr().out

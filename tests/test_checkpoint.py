"""Checkpoint files are whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from action_recognition.calibration_values import Calibration
from action_recognition.checkpoint import (
    CALIBRATION_KEY,
    FORMAT_VERSION,
    TRAINED_MODEL_KEY,
    describe_training,
    load_trained_model,
    save_atomically,
    save_calibration,
    saving,
)
from action_recognition.errors import UserError
from action_recognition.template import load_template_dir
from tests.tiny import LABELS, tiny_template


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    template, model = load_template_dir(tiny_template(tmp_path / "template").parent)
    described = describe_training(list(LABELS), template, model, {"seed": 3})
    return {
        "state_dict": {"network.head.norm.weight": torch.arange(4.0)},
        TRAINED_MODEL_KEY: described,
    }


def test_what_is_saved_comes_back(content: dict[str, Any], tmp_path: Path) -> None:
    save_atomically(content, tmp_path / "a" / "latest.pth")
    trained = load_trained_model(tmp_path / "a" / "latest.pth")
    assert trained.labels == LABELS
    assert trained.record == {"seed": 3}
    assert trained.template.name == "tiny"
    assert trained.model.backbone.stem_channels == 8
    assert torch.equal(trained.state_dict["head.norm.weight"], torch.arange(4.0))


def test_a_full_disk_keeps_the_old_checkpoint_and_is_one_message(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "latest.pth"
    save_atomically(content, path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving.os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        save_atomically(content, path)
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["latest.pth", "template"]


def test_another_format_and_a_damaged_description_are_refused(
    content: dict[str, Any], tmp_path: Path
) -> None:
    for version, message in (
        (99, r"a newer version of this toolkit \(format 99.*update"),
        (1, r"an older version .*train again"),
    ):
        content[TRAINED_MODEL_KEY]["format"] = version
        save_atomically(content, tmp_path / "other.pth")
        with pytest.raises(UserError, match=message):
            load_trained_model(tmp_path / "other.pth")
    content[TRAINED_MODEL_KEY] |= {"format": FORMAT_VERSION, "template": {"name": "x"}}
    save_atomically(content, tmp_path / "damaged.pth")
    with pytest.raises(UserError, match="damaged"):
        load_trained_model(tmp_path / "damaged.pth")


def test_weights_alone_are_not_a_trained_model(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="no labels and no template"):
        load_trained_model(tmp_path / "w.pth")


def test_a_calibration_is_kept_and_replaced_and_the_rest_stays(
    content: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "latest.pth"
    save_atomically(content | {"epoch": 3}, path)
    assert load_trained_model(path).calibration is None
    for temperature in (0.5, 2.0):
        calibration = Calibration(
            LABELS, temperature, {LABELS[0]: 0.75}, 0.125, {"notes": ["a note"]}
        )
        save_calibration(path, calibration)
        assert load_trained_model(path).calibration == calibration
    stored = torch.load(path, weights_only=True)
    assert stored["epoch"] == 3
    assert torch.equal(stored["state_dict"]["network.head.norm.weight"], torch.arange(4.0))
    assert {
        key: value for key, value in stored[TRAINED_MODEL_KEY].items() if key != CALIBRATION_KEY
    } == content[TRAINED_MODEL_KEY]


def test_a_calibration_of_other_labels_is_refused(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "latest.pth"
    save_atomically(content, path)
    before = path.read_bytes()
    other = Calibration(LABELS[::-1], 1.0, {})
    with pytest.raises(UserError, match="its labels are not those of the calibration"):
        save_calibration(path, other)
    assert path.read_bytes() == before
    content[TRAINED_MODEL_KEY][CALIBRATION_KEY] = other.as_plain()
    save_atomically(content, path)
    with pytest.raises(UserError, match="its calibration is of other labels"):
        load_trained_model(path)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"spread_threshold": -1},
        {"thresholds": {"x": 0.5}},
        {"thresholds": 3},
    ],
)
def test_a_damaged_calibration_is_refused(
    change: dict[str, Any], content: dict[str, Any], tmp_path: Path
) -> None:
    content[TRAINED_MODEL_KEY][CALIBRATION_KEY] = Calibration(LABELS, 1.0, {}).as_plain() | change
    save_atomically(content, tmp_path / "latest.pth")
    with pytest.raises(UserError, match="damaged"):
        load_trained_model(tmp_path / "latest.pth")

"""A calibration in exported files: all of a folder or none, the networks as they were."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from action_recognition.calibration_values import Calibration
from action_recognition.deploy.backends import RECORD_FILE, load_backend
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.errors import UserError
from action_recognition.export import calibrated_files as module
from action_recognition.export.calibrated_files import write_into_export
from tests.tiny_export import LABELS

CALIBRATION = Calibration(
    LABELS, 0.625, {LABELS[0]: 0.5, LABELS[3]: 0.75}, 0.125, {"notes": ["a note"]}
)
MADE_OF_THE_RECORD = {RECORD_FILE, "model_card.json", "model_card.md", "signature.json"}
MODELS = ("model.xml", "model_fp16.xml", "model.onnx")


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "export"))


def contents(folder: Path) -> dict[str, bytes]:
    return {item.name: item.read_bytes() for item in folder.iterdir()}


@pytest.mark.parametrize("given", ["model.xml", "model.onnx"])
def test_every_model_of_the_folder_says_the_same(given: str, folder: Path) -> None:
    before = contents(folder)
    scores = {name: load_backend(folder / name) for name in MODELS}
    clips = made_clips(scores["model.xml"].metadata, 1)
    expected = {name: backend.scores(clips) for name, backend in scores.items()}
    written = write_into_export(folder / given, CALIBRATION)
    assert {path.name for path in written} == {*MODELS, *MADE_OF_THE_RECORD}
    after = contents(folder)
    assert set(after) == set(before)
    assert {name for name in after if after[name] != before[name]} == {*MODELS, *MADE_OF_THE_RECORD}
    for name in MODELS:
        backend = load_backend(folder / name)  # compares with the record's sums
        assert backend.metadata.temperature == 0.625 and backend.metadata.thresholds == dict(
            CALIBRATION.thresholds
        )
        assert backend.metadata.spread_threshold == 0.125
        assert np.array_equal(backend.scores(clips), expected[name])
    record = json.loads(after[RECORD_FILE])
    assert record["calibration"]["temperature"] == 0.625
    for item in record["outputs"]:
        data = after[item["name"]]
        assert (item["size"], item["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    old = json.loads(before[RECORD_FILE])
    assert {key: record[key] for key in old if key != "outputs"} == {
        key: old[key] for key in old if key != "outputs"
    }


def test_a_second_calibration_replaces_the_first(folder: Path) -> None:
    write_into_export(folder / "model.xml", CALIBRATION)
    write_into_export(folder / "model.xml", Calibration(LABELS, 2.0, {}))
    metadata = load_backend(folder / "model.onnx").metadata
    assert (metadata.temperature, metadata.thresholds) == (2.0, {})


def test_without_a_record_it_is_the_file_alone(folder: Path) -> None:
    (folder / RECORD_FILE).unlink()
    before = contents(folder)
    assert write_into_export(folder / "model.xml", CALIBRATION) == [folder / "model.xml"]
    assert {name for name, data in contents(folder).items() if data != before[name]} == {
        "model.xml"
    }


def test_other_labels_and_damage_change_nothing(folder: Path) -> None:
    before = contents(folder)
    with pytest.raises(UserError, match="its labels are not those of the calibration"):
        write_into_export(folder / "model.xml", Calibration(LABELS[::-1], 1.0, {}))
    assert contents(folder) == before
    (folder / "model_fp16.bin").write_bytes(before["model_fp16.bin"][:-1])
    damaged = contents(folder)
    with pytest.raises(UserError, match="damaged, or of another export"):
        write_into_export(folder / "model.xml", CALIBRATION)
    assert contents(folder) == damaged


def test_a_record_that_names_a_model_of_another_folder_leaves_it_alone(folder: Path) -> None:
    other = folder.parent / "model.onnx"
    shutil.copyfile(folder / "model.onnx", other)
    before = other.read_bytes()
    record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    record["outputs"].append({"name": "../model.onnx", "size": 1, "sha256": "0" * 64})
    (folder / RECORD_FILE).write_text(json.dumps(record), encoding="utf-8")

    written = write_into_export(folder / "model.xml", CALIBRATION)
    assert {path.name for path in written} == {*MODELS, *MADE_OF_THE_RECORD}
    assert other.read_bytes() == before


def test_an_interruption_while_files_are_made_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(folder)

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_write_onnx", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_into_export(folder / "model.xml", CALIBRATION)
    assert contents(folder) == before

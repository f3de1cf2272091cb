"""`compress.py` from end to end on a tiny model: its folder, gate, table and refusals."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from action_recognition.checkpoint import load_trained_model
from action_recognition.commands.compress import main
from action_recognition.compression import gated_quantisation
from action_recognition.compression.accuracy_gate import notes
from action_recognition.compression.clip_store import GateClips
from action_recognition.compression.scoring import int8_sums
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.errors import UserError
from tests.compression.test_accuracy_gate import drop
from tests.conftest import REPOSITORY, end_of_script
from tests.evaluation.test_calibrating import clips_of_others, untrained_work_dir
from tests.tiny import tiny_data

MODELS = ("model.xml", "model_fp16.xml", "model_int8.xml", "model.onnx")
TABLES = {
    "compression.json",
    "compression.md",
    "calibration.json",
    "reliability.png",
    "risk_coverage.png",
}
INT8_BITS = re.compile(r'element_type="i8"')


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=2)


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A work dir whose checkpoint went all the way."""
    work_dir = untrained_work_dir(tmp_path_factory.mktemp("compressed") / "work")
    others = clips_of_others(tmp_path_factory.mktemp("others"))
    negatives = ("--negative-ann-files", others / "val.txt", "--negative-data-roots", others)
    compress(work_dir, data, "outputs/latest.pth", "--num-folds", 2, "--max-drop", 100, *negatives)
    return work_dir


def compress(work_dir: Path, data: Path, weights: str, *flags: object) -> Path:
    given = [
        "--load-weights",
        work_dir / weights,
        "--train-ann-files",
        data / "train.txt",
        "--val-ann-files",
        data / "val.txt",
    ]
    assert main(work_dir, [str(item) for item in (*given, "--num-workers", 0, *flags)]) == 0
    return work_dir / "export"


def test_a_checkpoint_becomes_a_folder_with_all_forms_of_the_model(compressed: Path) -> None:
    folder = compressed / "export"
    assert {item.name for item in folder.iterdir()} >= {
        *MODELS,
        "model_int8.bin",
        "classes.json",
        "export_record.json",
        *TABLES,
    }
    assert not [item for item in folder.iterdir() if item.name.startswith(".")]
    assert INT8_BITS.search((folder / "model_int8.xml").read_text()) and not INT8_BITS.search(
        (folder / "model.xml").read_text()
    )
    assert (folder / "model_int8.bin").stat().st_size < 0.5 * (folder / "model.bin").stat().st_size
    backends = {
        name: load_backend(folder / name) for name in MODELS
    }  # their sums are those of the record
    metadata = backends["model.xml"].metadata
    assert (metadata.spread_threshold, metadata.thresholds) != (0.0, {})  # calibrated
    assert all(backend.metadata == metadata for backend in backends.values())
    clips = made_clips(metadata, 4)
    scores = {name: backend.scores(clips) for name, backend in backends.items()}
    assert 0 < np.abs(scores["model_int8.xml"] - scores["model.xml"]).max() < 0.2


def test_the_tables_say_what_was_measured(compressed: Path) -> None:
    folder = compressed / "export"
    table = json.loads((folder / "compression.json").read_text())
    assert table["int8_sums"] == int8_sums()
    assert table["max_drop_points"] == 100 and table["folds"] == 2
    assert (table["clips"], table["validation_clips"], table["calibration_clips"]) == (12, 6, 6)
    assert [item["layers_given_back"] for item in table["cross_validated"]] == [0] and table[
        "cross_validated"
    ][0]["num_clips"] == 12
    assert {name: item["num_clips"] for name, item in table["written_network"].items()} == {
        "train": 6,
        "validation": 6,
    }
    assert {row["computes_in"] for row in table["layers"]} == {"int8", "float"}
    record = json.loads((folder / "export_record.json").read_text())
    assert record["compression"]["folds"] == 2 and record["calibration"]["labels"]
    assert record["compression"]["command"].startswith("compress.py --load-weights ")
    assert "compress.py --load-weights" in (folder / "model_card.md").read_text()
    assert "| 0 | 12 |" in (folder / "compression.md").read_text()


def test_an_exported_folder_is_taken_as_it_is(
    compressed: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work_dir = Path(shutil.copytree(compressed, tmp_path / "work"))
    before = {item.name: item.read_bytes() for item in (work_dir / "export").iterdir()}
    compress(
        work_dir, data, "export/model.xml", "--num-folds", 1, "--max-drop", 100, "--no-calibrate"
    )
    assert "exporting" not in capsys.readouterr().out
    after = {item.name: item.read_bytes() for item in (work_dir / "export").iterdir()}
    assert before.keys() == after.keys() and all(
        after[name] == before[name]
        for name in before
        if name.startswith("model") and not name.startswith("model_card")
    )  # the INT8 network too: another run, the same clips, the same bytes
    assert json.loads(after["compression.json"])["folds"] == 1


def test_fine_tuning_makes_a_network_for_the_same_gate(
    compressed: Path, data: Path, tmp_path: Path
) -> None:
    work_dir = Path(shutil.copytree(compressed, tmp_path / "work"))
    flags = ("--qat-epochs", 2, "--num-folds", 1, "--max-drop", 100, "--no-calibrate")
    folder = compress(work_dir, data, "outputs/latest.pth", *flags)
    table = json.loads((folder / "compression.json").read_text())
    plain, tuned = (
        table[key]["cross_validated"][-1] for key in ("without_fine_tuning", "fine_tuned")
    )
    assert plain["num_clips"] == tuned["num_clips"] == 12 and table["written"] in (
        "fine-tuned",
        "not fine-tuned",
    )
    better = tuned["agreement"] > plain["agreement"]
    assert (
        table["written"] == ("fine-tuned" if better else "not fine-tuned")
        and ("2 epochs" in table["method"]) == better
    )
    assert "## With fine-tuning and without" in (folder / "compression.md").read_text()
    before, after = (
        load_backend(item / "export/model_int8.xml") for item in (compressed, work_dir)
    )
    assert before.metadata == after.metadata
    with pytest.raises(UserError, match="trains the weights of a checkpoint"):
        compress(work_dir, data, "export/model.xml", *flags)


def test_layers_are_given_back_until_the_gate_holds(
    compressed: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_dir = Path(shutil.copytree(compressed, tmp_path / "work"))
    measured = iter(
        [drop(50.0), drop(40.0), drop(5.0), drop(0.0), drop(0.0)]
    )  # the folds three times, then the written network's parts
    monkeypatch.setattr(gated_quantisation, "accuracy_drop", lambda *_: next(measured))
    flags = ("--num-folds", 1, "--no-calibrate")
    folder = compress(work_dir, data, "export/model.xml", *flags, "--max-drop", 10)
    table = json.loads((folder / "compression.json").read_text())
    assert [(item["layers_given_back"], item["points"]) for item in table["cross_validated"]] == [
        (0, 50.0),
        (1, 40.0),
        (2, 5.0),
    ]
    returned = [row for row in table["layers"] if row["computes_in"] == "given back"]
    assert len(returned) == 2 and all(
        row["error_taken_away"] is not None
        for row in table["layers"]
        if row["computes_in"] != "float"
    )
    assert len({row["name"] for row in table["layers"]}) == len(table["layers"])
    assert (
        load_backend(folder / "model_int8.xml").metadata
        == load_backend(folder / "model.xml").metadata
    )


@pytest.mark.parametrize(
    ("points", "returned"), [((100 / 12,), [0]), ((50.0, 20.0, 100 / 12), [0, 1, 2])]
)
def test_one_lost_clip_is_allowed_and_more_are_not(
    points: Sequence[float],
    returned: Sequence[int],
    compressed: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work_dir = Path(shutil.copytree(compressed, tmp_path / "work"))
    measured = iter([*map(drop, points), drop(0.0), drop(0.0)])
    monkeypatch.setattr(gated_quantisation, "accuracy_drop", lambda *_: next(measured))
    flags = ("--num-folds", 1, "--no-calibrate", "--max-drop", 5)
    folder = compress(work_dir, data, "export/model.xml", *flags)
    table = json.loads((folder / "compression.json").read_text())
    assert [item["layers_given_back"] for item in table["cross_validated"]] == returned
    note, first, *_ = capsys.readouterr().out.splitlines()
    assert note.startswith("note: of 12 clips, one is 8.3 points of top-1, more than --max-drop 5")
    assert first.startswith("quantising 1 of 1: on 6 clips")


def test_a_fold_is_quantised_on_as_many_clips_of_the_others() -> None:
    fold, is_val = np.arange(30) % 3, np.arange(30) >= 24
    clips = GateClips(stored=None, is_val=is_val, fold=fold)  # type: ignore[arg-type]
    everything = clips.to_quantise_on(10, seed=0)
    without = clips.to_quantise_on(10, seed=0, without_fold=1)
    assert (
        len(set(without)) == len(set(everything)) == 10
        and not is_val[without].any()
        and not (fold[without] == 1).any()
    )
    assert len(set(without) & set(everything)) >= 5  # drawn in the same order


def test_what_cannot_be_promised_is_said() -> None:
    assert notes(drop(-2.0), 1.0, 0, 50) == []
    (few,) = notes(drop(0.5), 1.0, 0, 50)
    assert "100 clips are too few" in few and "between -0.50 and +1.50" in few
    assert "30 of 50 layers had to be given back" in notes(drop(-2.0), 1.0, 30, 50)[0]


def test_wrong_input_is_named_and_changes_nothing(
    compressed: Path, data: Path, tmp_path: Path
) -> None:
    work_dir = Path(shutil.copytree(compressed, tmp_path / "work"))
    before = {item.name: item.read_bytes() for item in (work_dir / "export").iterdir()}
    with pytest.raises(UserError, match="is not the FP32 IR"):
        compress(work_dir, data, "export/model_int8.xml")
    with pytest.raises(UserError, match="names another folder"):
        compress(work_dir, data, "export/model.xml", "--save-model-to", tmp_path / "other")
    with pytest.raises(UserError, match="one is given without the other"):
        compress(work_dir, data, "export/model.xml", "--negative-ann-files", data / "val.txt")
    copy = Path(shutil.copytree(data, tmp_path / "data"))
    (copy / "classes.json").write_text(json.dumps(["a", "b", "c"]), encoding="utf-8")
    with pytest.raises(UserError, match="its classes are not the model's"):
        compress(work_dir, copy, "export/model.xml")
    shutil.copytree(data, tmp_path / "broken")
    for video in (tmp_path / "broken" / "videos").iterdir():
        video.write_bytes(b"no video")
    with pytest.raises(UserError, match="none of the clips could be read"):
        compress(work_dir, tmp_path / "broken", "export/model.xml")
    assert {item.name: item.read_bytes() for item in (work_dir / "export").iterdir()} == before
    (work_dir / "export/model.bin").write_bytes((work_dir / "export/model.bin").read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged, or of another export"):
        compress(work_dir, data, "export/model.xml")
    assert load_trained_model(work_dir / "outputs/latest.pth").calibration is None


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--max-drop", "-1"), ("--max-drop", "x"), ("--num-folds", "0"), ("--calibration-clips", "0")],
)
def test_numbers_are_checked(
    flag: str, value: str, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        compress(tmp_path, data, "m.xml", flag, value)
    assert "allowed: " in capsys.readouterr().err


def test_the_script_helps_and_says_what_is_wrong_without_a_traceback(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = str(shutil.copy(REPOSITORY / "tools/workdir/compress.py", tmp_path / "compress.py"))
    done = subprocess.run(
        [sys.executable, script, "--help"], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0 and "--max-drop" in done.stdout
    flags = [
        "--load-weights",
        "missing.pth",
        "--train-ann-files",
        data / "train.txt",
        "--val-ann-files",
        data / "val.txt",
    ]
    assert end_of_script(Path(script), flags, monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: missing.pth") and "Traceback" not in said

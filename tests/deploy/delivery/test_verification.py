"""A delivered folder: the card and the signature in it, that they are the same again, and what
verify.py finds wrong.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from action_recognition.checkpoint import TrainedModel
from action_recognition.commands.verify import main
from action_recognition.deploy.delivery.card import NOT_STATED, make_card, to_markdown
from action_recognition.deploy.delivery.folder import MEASURED_FIELDS, read_record
from action_recognition.deploy.delivery.verification import check_signature, verify_folder
from action_recognition.errors import UserError
from action_recognition.export.calibrated_files import write_into_export
from action_recognition.export.export_model import ExportOptions, export_model
from tests.conftest import REPOSITORY
from tests.export.test_calibrated_files import CALIBRATION
from tests.tiny_export import LABELS
from tests.warm import warm_python

MADE_OF_MEASUREMENTS = {"export_record.json", "model_card.json", "model_card.md", "signature.json"}


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "export"))


def test_the_same_checkpoint_gives_the_same_bytes_but_for_what_was_measured(
    exported: Path, tiny: TrainedModel, tmp_path: Path
) -> None:
    export_model(
        tiny,
        tmp_path / "elsewhere",
        ExportOptions(fp16=True, command="export.py again"),
        say=lambda _: None,
    )
    first, second = (
        {item.name: item.read_bytes() for item in place.iterdir()}
        for place in (exported, tmp_path / "elsewhere")
    )
    assert {name for name in first if first[name] != second[name]} <= MADE_OF_MEASUREMENTS
    records, cards = (
        [json.loads(content[name]) for content in (first, second)]
        for name in ("export_record.json", "model_card.json")
    )
    for record in records:
        record["outputs"] = [
            item for item in record["outputs"] if item["name"] not in MADE_OF_MEASUREMENTS
        ]
    for pair in (records, cards):
        for document in pair:
            for field in (*MEASURED_FIELDS, "reproduce"):
                document.pop(field, None)
        assert pair[0] == pair[1]


def test_the_card_says_what_the_model_is(exported: Path) -> None:
    card = json.loads((exported / "model_card.json").read_text(encoding="utf-8"))
    assert card["labels"] == list(LABELS) and card["weights_sha256"] == "ab" * 32
    assert card["intended_use"] == NOT_STATED and card["licences"]["data"] == NOT_STATED
    assert (
        card["complexity_gflops"] > 0
        and card["size_mp"] > 0
        and card["input"] == "RGB 0..255, 4 frames at 15 fps, 32x32"
    )
    assert {(item["file"], item["precision"]) for item in card["latency"]} == {("model.xml", "f32")}
    assert {item["threads"] for item in card["latency"]} >= {1} and all(
        item["cpu"] and item["p95_ms"] > 0 for item in card["latency"]
    )
    text = (exported / "model_card.md").read_text(encoding="utf-8")
    assert (
        text == to_markdown(card)
        and LABELS[3] in text
        and "| model.onnx |" in text
        and "Not calibrated" in text
    )


def test_a_card_carries_evaluation_int8_and_calibration() -> None:
    drop = {
        "points": 0.5,
        "low": -0.1,
        "high": 1.1,
        "num_clips": 488,
        "agreement": 99.0,
        "layers_given_back": 2,
    }
    evaluation = {
        "model": "latest.pth",
        "runs_as": "PyTorch",
        "annotation_sha256": {"test.txt": "00"},
        "num_clips": 70,
        "num_people": 3,
        "top1_of_clips": 51.0,
        "accuracy": 50.0,
        "interval": [40.0, 62.0],
        "per_class": [{"label": "wave", "num_clips": 4, "right": 3}],
    }
    compression = {
        "cross_validated": [drop],
        "max_drop_points": 1.0,
        "layers": {"int8": 58, "given_back": 2},
        "notes": ["a note"],
    }
    record = {
        "evaluations": [evaluation],
        "compression": compression,
        "calibration": CALIBRATION.as_plain(),
    }
    text = to_markdown(make_card(record))
    for part in (
        "test.txt: 51.00 % of 70 clips (95 % 40.0 to 62.0)",
        "3 people",
        "| wave | 4 | 3 |",
        "+0.50 points",
        "given back: 2",
        "- a note",
    ):
        assert part in text
    assert "temperature: 0.625" in text and "# not stated" in text


def test_a_whole_folder_is_said_to_be_whole(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder)]) == 0
    said = capsys.readouterr().out
    assert (
        "is whole: model.onnx, model.xml, model_fp16.xml" in said
        and "model.onnx: largest difference to model.xml" in said
    )
    _, names = check_signature(folder)
    assert set(names) == {item.name for item in folder.iterdir()} - {"signature.json"}


def test_a_calibrated_folder_is_whole_and_its_card_tells(folder: Path) -> None:
    write_into_export(folder / "model.xml", CALIBRATION)
    assert verify_folder(folder, lambda _: None)
    assert (
        json.loads((folder / "model_card.json").read_text(encoding="utf-8"))["calibration"][
            "temperature"
        ]
        == 0.625
    )


def _rewrite(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def _cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-1])


def _flip(name: str) -> Callable[[Path], object]:
    def flip(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return flip


def _sign(folder: Path, name: str) -> None:
    signature = json.loads((folder / "signature.json").read_text())
    signature["files"][0]["name"] = name
    (folder / "signature.json").write_text(json.dumps(signature))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut("model.bin"), r"model\.bin: has \d+ bytes"),
        (_flip("model.bin"), r"model\.bin: was changed or damaged"),
        (_flip("model_card.md"), r"model_card\.md: was changed or damaged"),
        (lambda folder: (folder / "classes.json").unlink(), r"classes\.json: is missing"),
        (
            _rewrite("model_int8.xml", b"<net/>"),
            r"model_int8\.xml: is a model that signature\.json does not name",
        ),
        (_rewrite("signature.json", b"[]"), "is not readable as a signature"),
        (lambda folder: (folder / "signature.json").unlink(), "there is no such file"),
        (
            lambda folder: _sign(folder, "../model.xml"),
            r"names '\.\./model\.xml', which is not a file of this folder",
        ),
    ],
)
def test_damage_is_named(damage: Callable[[Path], object], message: str, folder: Path) -> None:
    damage(folder)
    with pytest.raises(UserError, match=message):
        verify_folder(folder, lambda _: None)


def test_models_that_say_different_things_are_named(
    folder: Path, tiny: TrainedModel, tmp_path: Path
) -> None:
    from action_recognition.deploy.delivery.folder import put_in_place, staging_folder

    with staging_folder(folder) as staging:
        (staging / "classes.json").write_text(json.dumps(list(LABELS[::-1])))
        put_in_place(staging, folder, read_record(folder))
    with pytest.raises(UserError, match=r"classes\.json: has other labels than model\.onnx"):
        verify_folder(folder, lambda _: None)


def test_a_file_that_is_made_no_more_goes_with_its_signature(folder: Path) -> None:
    from action_recognition.deploy.delivery.folder import put_in_place, staging_folder

    with staging_folder(folder) as staging:
        put_in_place(staging, folder, read_record(folder), ["model_int8.xml", "absent.onnx"])
    assert not (folder / "model_int8.xml").exists()
    assert (
        "model_int8.xml" not in (folder / "signature.json").read_text()
        and (folder / "model.xml").is_file()
    )


def test_other_weights_have_other_evaluations(tiny: TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    options = ExportOptions(openvino=False, check_clips=1, evaluations=[path])
    for content, message in (
        ("{", "is not a result of eval.py"),
        (json.dumps({"weights_sha256": "00", "per_class": []}), "with other weights"),
    ):
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            export_model(tiny, tmp_path / "export", options, say=lambda _: None)


def test_the_script_ends_with_2_and_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [warm_python(), "tools/verify.py", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert (
        done.returncode == 2
        and "signature.json: there is no such file" in done.stderr
        and "Traceback" not in done.stderr
    )

"""`export.py` as typed: flags, messages, exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from action_recognition.checkpoint import TRAINED_MODEL_KEY, describe_training
from action_recognition.commands.export import build_parser, chosen_formats, main
from action_recognition.deploy.backends import load_backend
from action_recognition.errors import UserError
from action_recognition.template import Default, OpenVinoFormat, OutputFormat
from tests.conftest import REPOSITORY, template_dir
from tests.tiny_export import LABELS, tiny_trained

BESIDE = {
    "classes.json",
    "export_record.json",
    "model_card.json",
    "model_card.md",
    "run.py",
    "signature.json",
    "accuracy-check.yml",
}


def output_format(onnx: bool = True, openvino: bool = True) -> OutputFormat:
    return OutputFormat(
        onnx=Default(default=onnx), openvino=OpenVinoFormat(default=openvino, input_format="RGB")
    )


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """A work dir with a blank in its name that holds a trained tiny model."""
    folder = tmp_path / "work dir"
    shutil.copytree(template_dir("jester"), folder)
    tiny = tiny_trained()
    described = describe_training(list(tiny.labels), tiny.template, tiny.model, {})
    state_dict = {f"network.{key}": value for key, value in tiny.state_dict.items()}
    torch.save({"state_dict": state_dict, TRAINED_MODEL_KEY: described}, folder / "latest.pth")
    return folder


def export(work_dir: Path, *flags: str) -> set[str]:
    weights, folder = str(work_dir / "latest.pth"), work_dir / "export"
    assert (
        main(
            work_dir,
            [
                "--load-weights",
                weights,
                "--save-model-to",
                str(folder),
                "--check-clips",
                "1",
                *flags,
            ],
        )
        == 0
    )
    return {item.name for item in folder.iterdir()}


def test_by_default_both_formats_are_written_and_told(
    work_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(work_dir) == {"model.xml", "model.bin", "model.onnx", *BESIDE}
    said = capsys.readouterr().out
    assert (
        "model.xml: largest difference to PyTorch" in said
        and "model.onnx: largest difference to PyTorch" in said
    )
    assert f"wrote {work_dir / 'export' / 'model.bin'}" in said and "4 classes" in said
    assert load_backend(work_dir / "export" / "model.xml").metadata.labels == LABELS
    record = json.loads((work_dir / "export" / "export_record.json").read_text(encoding="utf-8"))
    assert (
        record["command"].startswith("export.py --load-weights ")
        and record["weights_sha256"] != "ab" * 32
    )


def test_a_named_format_is_the_only_one(work_dir: Path) -> None:
    assert export(work_dir, "--onnx") == {"model.onnx", *BESIDE}


def test_flags_reach_the_files(work_dir: Path) -> None:
    names = export(
        work_dir,
        "--no-onnx",
        "--fp16",
        "--no-embed-normalization",
        "--openvino-input-format",
        "BGR",
    )
    assert "model_fp16.xml" in names and "model.onnx" not in names
    metadata = load_backend(work_dir / "export" / "model.xml").metadata
    assert (metadata.normalization, metadata.color_order) == ("external", "BGR")


def test_the_templates_input_format_is_the_default(work_dir: Path) -> None:
    file = work_dir / "template.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("input_format: RGB", "input_format: BGR"),
        encoding="utf-8",
    )
    export(work_dir, "--openvino")
    assert load_backend(work_dir / "export" / "model.xml").metadata.color_order == "BGR"


@pytest.mark.parametrize(
    ("onnx", "openvino", "expected"),
    [
        (None, None, (True, True)),
        (True, None, (True, False)),
        (None, True, (False, True)),
        (True, True, (True, True)),
        (False, None, (False, True)),
        (None, False, (True, False)),
        (True, False, (True, False)),
    ],
)
def test_which_formats_flags_choose(
    onnx: bool | None, openvino: bool | None, expected: tuple[bool, bool]
) -> None:
    assert chosen_formats(onnx, openvino, output_format()) == expected


def test_the_template_chooses_where_no_flag_does() -> None:
    assert chosen_formats(None, None, output_format(onnx=False)) == (False, True)
    assert chosen_formats(None, None, output_format(openvino=False)) == (True, False)
    assert chosen_formats(True, None, output_format(onnx=False)) == (True, False)


@pytest.mark.parametrize(("onnx", "openvino"), [(False, False), (None, False)])
def test_no_format_at_all_is_refused(onnx: bool | None, openvino: bool | None) -> None:
    with pytest.raises(UserError, match="no format is left"):
        chosen_formats(onnx, openvino, output_format(onnx=False))


def test_model_optimizer_arguments_are_refused_not_ignored(work_dir: Path) -> None:
    with pytest.raises(UserError, match="--openvino-mo-args"):
        export(work_dir, "--openvino-mo-args", "data_type=FP16")


def test_wrong_weights_are_named(work_dir: Path) -> None:
    (work_dir / "latest.pth").write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"latest\.pth: "):
        export(work_dir)
    assert not (work_dir / "export").exists()


def test_required_flags_and_metavars() -> None:
    with pytest.raises(SystemExit):
        build_parser(output_format()).parse_args(["--load-weights", "a.pth"])
    text = build_parser(output_format(onnx=False)).format_help()
    assert "(template: off)" in text and "--no-openvino" in text and "mo-args" not in text


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from action_recognition.commands import demo, export\n"
        "assert not {'torch', 'cv2', 'av', 'openvino', 'onnx', 'numpy'} & set(sys.modules), "
        "sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)

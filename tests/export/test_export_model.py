"""What export writes: values, form, metadata, and that nothing half-made is left."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import pytest
import torch

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends import TorchBackend, load_backend
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.deploy.metadata import from_strings, read_openvino, to_strings
from action_recognition.errors import UserError
from action_recognition.export import conversion, parity
from action_recognition.export import export_model as export_module
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.export.graph import build_deploy_network
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Normalize
from action_recognition.models.weights import load_for_inference
from action_recognition.openvino_core import openvino_core
from action_recognition.template import load_template_dir
from tests.conftest import template_dir
from tests.tiny_export import LABELS

BESIDE = {
    "classes.json",
    "export_record.json",
    "model_card.json",
    "model_card.md",
    "signature.json",
    "accuracy-check.yml",
    "run.py",
}
ALL_FILES = {"model.xml", "model.bin", "model_fp16.xml", "model_fp16.bin", "model.onnx", *BESIDE}


def quiet(_: str) -> None:
    pass


def test_all_files_are_there_and_nothing_else(exported: Path) -> None:
    assert {item.name for item in exported.iterdir()} == ALL_FILES


@pytest.mark.parametrize(
    ("name", "tolerance"), [("model.xml", 1e-5), ("model.onnx", 1e-5), ("model_fp16.xml", 1e-2)]
)
def test_scores_are_the_trained_networks(
    exported: Path, tiny: TrainedModel, name: str, tolerance: float
) -> None:
    clips = np.random.default_rng(1).integers(0, 256, (3, 3, 4, 32, 32), dtype=np.uint8)
    network = build_recogniser(tiny.model, len(LABELS))
    network.load_state_dict(tiny.state_dict)
    normalize = Normalize(tiny.template.input.mean_values, tiny.template.input.scale_values)
    with torch.no_grad():
        expected = network.eval()(normalize(torch.from_numpy(clips))).numpy()
    assert np.ptp(expected, axis=0).max() > 0.01  # the clips differ, so equal scores mean something
    np.testing.assert_allclose(
        load_backend(exported / name).scores(clips), expected, atol=tolerance, rtol=0
    )


@pytest.mark.parametrize("name", ["model.xml", "model_fp16.xml"])
def test_ir_interface(exported: Path, tiny: TrainedModel, name: str) -> None:
    model = openvino_core().read_model(exported / name)
    (parameter,), (output,) = model.get_parameters(), model.outputs
    assert model.inputs[0].get_names() == {"input"} and output.get_names() == {"output"}
    assert list(model.inputs[0].shape) == [1, 3, 4, 32, 32] and list(output.shape) == [
        1,
        len(LABELS),
    ]
    assert model.inputs[0].get_element_type() == ov.Type.f32
    assert parameter.get_layout() == ov.Layout("NCDHW")
    assert read_openvino(model, name) == from_trained(tiny, tiny.weights_sha256)


def test_ir_holds_the_original_contract_for_any_consumer(exported: Path) -> None:
    """Plain OpenVINO, raw 0..255 RGB in, cosines out."""
    compiled = openvino_core().compile_model(
        exported / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    clip = np.random.default_rng(1).integers(0, 256, (1, 3, 4, 32, 32), dtype=np.uint8)
    scores = compiled({"input": clip.astype(np.float32)})["output"]
    np.testing.assert_allclose(scores, load_backend(exported / "model.xml").scores(clip), atol=1e-6)
    assert np.abs(scores).max() <= 1 + 1e-5


def test_onnx_interface(exported: Path, tiny: TrainedModel) -> None:
    model = onnx.load(exported / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [item.name for item in model.graph.input] == ["input"] and [
        item.name for item in model.graph.output
    ] == ["output"]
    assert [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim] == [
        1,
        3,
        4,
        32,
        32,
    ]
    assert model.opset_import[0].version >= 17
    strings = {item.key: item.value for item in model.metadata_props}
    assert strings == to_strings(from_trained(tiny, tiny.weights_sha256))
    assert from_strings(strings, "m").labels == LABELS


def test_graph_holds_no_shape_computation(exported: Path) -> None:
    left_over = {
        "Shape",
        "Gather",
        "Expand",
        "Slice",
        "Reshape",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "BatchNormalization",
        "Constant",
        "Identity",
    }
    assert not left_over & set(
        Counter(node.op_type for node in onnx.load(exported / "model.onnx").graph.node)
    )
    names = {
        node.get_type_name()
        for node in openvino_core().read_model(exported / "model.xml").get_ops()
    }
    assert not {"ShapeOf", "Broadcast", "Transpose", "Slice", "Gather", "Reshape"} & names


def test_no_path_of_this_machine_is_in_the_files(exported: Path, repository: Path) -> None:
    for name in ("model.xml", "model.onnx", "model_fp16.xml"):
        content = (exported / name).read_bytes()
        assert (
            str(repository).encode() not in content
            and b"site-packages" not in content
            and b"stack_trace" not in content
        )


def test_fp16_weights_take_half_the_space(exported: Path) -> None:
    assert (exported / "model_fp16.bin").stat().st_size < 0.6 * (
        exported / "model.bin"
    ).stat().st_size


def test_classes_and_record_describe_the_files(exported: Path) -> None:
    assert json.loads((exported / "classes.json").read_text(encoding="utf-8")) == list(LABELS)
    record = json.loads((exported / "export_record.json").read_text(encoding="utf-8"))
    assert record["command"] == "export.py --fp16" and record["weights_sha256"] == "ab" * 32
    assert {item["name"] for item in record["outputs"]} == ALL_FILES - {
        "export_record.json",
        "signature.json",
    }
    for item in record["outputs"]:
        assert item["sha256"] == hashlib.sha256((exported / item["name"]).read_bytes()).hexdigest()
    assert {item["file"]: item["limit"] for item in record["parity"]} == {
        "model.xml": 1e-3,
        "model.onnx": 1e-3,
        "model_fp16.xml": 1e-2,
    }


@pytest.mark.parametrize("embed", [True, False])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_color_order_and_normalisation(
    tiny: TrainedModel, tmp_path: Path, embed: bool, order: str
) -> None:
    """What a foreign consumer must feed, computed here by hand."""
    export_model(
        tiny,
        tmp_path,
        ExportOptions(embed_normalization=embed, color_order=order, check_clips=1),
        say=quiet,
    )
    clip = np.random.default_rng(1).integers(0, 256, (1, 3, 4, 32, 32), dtype=np.uint8)
    fed = clip.astype(np.float32)
    if not embed:
        mean, scale = (
            np.array(part, np.float32).reshape(1, 3, 1, 1, 1)
            for part in (tiny.template.input.mean_values, tiny.template.input.scale_values)
        )
        fed = (fed - mean) / scale
    fed = fed[:, ::-1] if order == "BGR" else fed
    expected = TorchBackend(tiny).scores(clip)
    compiled = openvino_core().compile_model(
        tmp_path / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    np.testing.assert_allclose(compiled(np.ascontiguousarray(fed))[0], expected, atol=1e-5)
    for name in ("model.xml", "model.onnx"):
        backend = load_backend(tmp_path / name)
        assert (backend.metadata.color_order, backend.metadata.normalization) == (
            order,
            "embedded" if embed else "external",
        )
        np.testing.assert_allclose(backend.scores(clip), expected, atol=1e-5)
    if order == "BGR":
        assert backend.metadata.mean_values == (103.53, 116.28, 123.675)


@pytest.mark.parametrize(
    ("options", "files"),
    [
        (ExportOptions(openvino=False, check_clips=1), {"model.onnx"}),
        (ExportOptions(onnx=False, check_clips=1), {"model.xml", "model.bin"}),
    ],
)
def test_only_the_chosen_format_is_written(
    tiny: TrainedModel, tmp_path: Path, options: ExportOptions, files: set[str]
) -> None:
    written = export_model(tiny, tmp_path, options, say=quiet)
    assert (
        {item.name for item in tmp_path.iterdir()}
        == files | BESIDE
        == {path.name for path in written}
    )


def test_fp16_without_openvino_is_refused(tiny: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--fp16"):
        export_model(tiny, tmp_path, ExportOptions(openvino=False, fp16=True), say=quiet)


def test_a_wrong_graph_is_found_and_not_put_in_place(
    tiny: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exported form is compared with the trained network, so that a fault of the form itself is
    seen.
    """
    (tmp_path / "model.xml").write_text("old")

    def broken(trained: TrainedModel, metadata):
        network = build_deploy_network(trained, metadata)
        network.class_directions.mul_(1.01)
        return network

    monkeypatch.setattr(conversion, "build_deploy_network", broken)
    with pytest.raises(
        UserError, match=r"model\.xml: differs from PyTorch by .*allowed: at most 0\.001"
    ):
        export_model(tiny, tmp_path, ExportOptions(), say=quiet)
    assert {item.name: item.read_text() for item in tmp_path.iterdir()} == {"model.xml": "old"}


def test_nan_is_a_difference() -> None:
    assert not parity.Parity("model.xml", "", float("nan"), 1e-3).passed


def test_an_interrupted_export_leaves_the_old_files(
    tiny: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.onnx").write_text("old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export_module, "make_record", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_model(tiny, tmp_path, ExportOptions(openvino=False, check_clips=1), say=quiet)
    assert {item.name: item.read_text() for item in tmp_path.iterdir()} == {"model.onnx": "old"}


def test_target_that_is_a_file_is_refused(tiny: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="is a file"):
        export_model(tiny, tmp_path / "out", ExportOptions(), say=quiet)


def test_precision_that_openvino_takes_by_itself_is_said(
    tiny: TrainedModel, tmp_path: Path
) -> None:
    said: list[str] = []
    export_model(tiny, tmp_path, ExportOptions(onnx=False, check_clips=1), say=said.append)
    assert any("by itself OpenVINO computes in" in line for line in said)


def test_made_clips_are_pictures_and_the_two_plain_ones(tiny: TrainedModel) -> None:
    clips = made_clips(replace(from_trained(tiny, "0" * 64)), 3)
    assert clips.shape == (5, 3, 4, 32, 32) and clips.dtype == np.uint8
    assert not clips[-2].any() and (clips[-1] == 255).all()
    assert all(
        np.abs(np.diff(clip.astype(int), axis=1)).max() > 20 for clip in clips[:3]
    )  # something moves


def test_published_networks_give_the_stored_logits(
    variant: str, reference: Path, tmp_path: Path
) -> None:
    template, model = load_template_dir(template_dir(variant))
    trained = load_for_inference(reference / f"{variant}_public.pth", template, model)
    export_model(trained, tmp_path, ExportOptions(fp16=True, check_clips=1), say=quiet)
    with np.load(reference / f"{variant}_public_io.npz") as stored:
        clip, logits = stored["input_uint8_rgb"], stored["logits"]
    for name, tolerance in (("model.xml", 1e-4), ("model.onnx", 1e-4), ("model_fp16.xml", 1e-2)):
        scores = load_backend(tmp_path / name).scores(clip)
        np.testing.assert_allclose(scores, logits, atol=tolerance, rtol=0)
        assert scores.argmax() == logits.argmax()
    elements = (tmp_path / "model.bin").stat().st_size / 4
    assert elements == pytest.approx(
        {"msasl": 4_132_640, "jester": 4_112_750}[variant], abs=20
    )  # REFERENCE section 1

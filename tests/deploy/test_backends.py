"""One interface over three engines, and what is wrong with a file is said."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import pytest
import torch

from action_recognition.checkpoint import TRAINED_MODEL_KEY, TrainedModel, describe_training
from action_recognition.deploy.backends import (
    RECORD_FILE,
    TorchBackend,
    load_backend,
)
from action_recognition.deploy.backends.openvino_files import check_int8
from action_recognition.errors import UserError
from action_recognition.openvino_core import openvino_core
from tests.tiny_export import LABELS

SHAPE = (3, 4, 32, 32)


@pytest.fixture
def clips() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (3, *SHAPE), dtype=np.uint8)


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """An export without its record, to be damaged."""
    folder = Path(shutil.copytree(exported, tmp_path / "copy"))
    (folder / RECORD_FILE).unlink()
    return folder


@pytest.fixture
def checkpoint(tiny: TrainedModel, tmp_path: Path) -> Path:
    path = tmp_path / "latest.pth"
    state_dict = {f"network.{key}": value for key, value in tiny.state_dict.items()}
    described = describe_training(list(tiny.labels), tiny.template, tiny.model, {})
    torch.save({"state_dict": state_dict, TRAINED_MODEL_KEY: described}, path)
    return path


@pytest.mark.parametrize("name", ["model.xml", "model.bin", "model.onnx"])
def test_engines_agree_and_know_their_labels(
    exported: Path, tiny: TrainedModel, clips: np.ndarray, name: str
) -> None:
    backend = load_backend(exported / name, num_threads=1)
    scores = backend.scores(clips)
    assert scores.dtype == np.float32 and scores.shape == (3, len(LABELS))
    np.testing.assert_allclose(scores, TorchBackend(tiny).scores(clips), atol=1e-5)
    np.testing.assert_array_equal(scores[1], backend.scores(clips[1:2])[0])  # a batch is its clips
    assert backend.metadata.labels == LABELS and "1 thread" in backend.runs_as


def test_a_checkpoint_of_ours_is_a_backend(
    checkpoint: Path, tiny: TrainedModel, clips: np.ndarray
) -> None:
    backend = load_backend(checkpoint)
    np.testing.assert_array_equal(backend.scores(clips), TorchBackend(tiny).scores(clips))
    assert (
        backend.metadata.labels == LABELS and backend.metadata.weights_sha256 != tiny.weights_sha256
    )


def test_no_clips_give_no_scores(exported: Path, tiny: TrainedModel) -> None:
    none = np.zeros((0, *SHAPE), np.uint8)
    for backend in (
        load_backend(exported / "model.xml"),
        load_backend(exported / "model.onnx"),
        TorchBackend(tiny),
    ):
        assert backend.scores(none).shape == (0, len(LABELS))


def test_scores_are_a_copy(exported: Path, clips: np.ndarray) -> None:
    """OpenVINO hands out the memory of its request, which the next inference overwrites."""
    backend = load_backend(exported / "model.xml")
    first = backend.scores(clips[:1])
    kept = first.copy()
    backend.scores(clips[1:2])
    np.testing.assert_array_equal(first, kept)


def test_evaluation_computes_in_f32(exported: Path) -> None:
    assert load_backend(exported / "model.xml").precision == "f32"
    assert load_backend(exported / "model.xml", precision="default").precision in {
        "f32",
        "bf16",
        "f16",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 3, 5, 32, 32), np.uint8),
        np.zeros((1, *SHAPE), np.float32),
        np.zeros(SHAPE, np.uint8),
    ],
)
def test_clips_of_another_form_are_refused(
    exported: Path, tiny: TrainedModel, wrong: np.ndarray
) -> None:
    for backend in (
        load_backend(exported / "model.xml"),
        load_backend(exported / "model.onnx"),
        TorchBackend(tiny),
    ):
        with pytest.raises(ValueError, match="expected"):
            backend.scores(wrong)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("name", ["model.bin", "model.xml", "model.onnx"])
def test_a_truncated_file_is_recognised(copy: Path, name: str, share: float) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match=r"damaged|metadata"):
        load_backend(copy / name)


def test_the_last_bytes_of_the_weights_missing_is_recognised(copy: Path) -> None:
    content = (copy / "model.bin").read_bytes()
    (copy / "model.bin").write_bytes(content[:-4])
    with pytest.raises(UserError, match="damaged"):
        load_backend(copy / "model.xml")


@pytest.mark.parametrize("name", ["model.xml", "model.onnx"])
def test_garbage_is_refused(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"\x00\xffnot a model" * 50)
    with pytest.raises(UserError, match="not a readable model"):
        load_backend(copy / name)


def test_missing_weights_are_named(copy: Path) -> None:
    (copy / "model.bin").unlink()
    with pytest.raises(UserError, match=r"model\.bin: there is no such file"):
        load_backend(copy / "model.xml")


def test_missing_or_foreign_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such model file"):
        load_backend(tmp_path / "model.xml")
    with pytest.raises(UserError, match=r"'\.tflite'"):
        load_backend(tmp_path / "model.tflite")


def test_a_changed_file_is_found_by_the_record(exported: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "copy"))
    content = bytearray((folder / "model.bin").read_bytes())
    content[100] ^= 1
    (folder / "model.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"model\.bin: is not the file that export_record\.json"):
        load_backend(folder / "model.xml")
    load_backend(folder / "model.onnx")  # its own sum is right
    (folder / RECORD_FILE).write_text("{")
    with pytest.raises(UserError, match="not readable as a record"):
        load_backend(folder / "model.onnx")


def test_labels_that_do_not_match_the_output_are_refused(copy: Path) -> None:
    model = openvino_core().read_model(copy / "model.xml")
    model.set_rt_info(json.dumps([*LABELS, "one more"]), ["model_info", "labels_json"])
    ov.save_model(model, copy / "other.xml", compress_to_fp16=False)
    with pytest.raises(UserError, match="its metadata name 5 labels"):
        load_backend(copy / "other.xml")
    graph = onnx.load(copy / "model.onnx")
    next(item for item in graph.metadata_props if item.key == "labels_json").value = json.dumps(
        LABELS[:-2]
    )
    next(item for item in graph.metadata_props if item.key == "negative_label").value = ""
    onnx.save(graph, copy / "model.onnx")
    with pytest.raises(UserError, match="its metadata name 2 labels"):
        load_backend(copy / "model.onnx")


def test_a_clip_length_that_does_not_match_the_input_is_refused(copy: Path) -> None:
    model = openvino_core().read_model(copy / "model.xml")
    model.set_rt_info("8", ["model_info", "clip_len"])
    ov.save_model(model, copy / "other.xml", compress_to_fp16=False)
    with pytest.raises(UserError, match=r"takes .* its metadata say"):
        load_backend(copy / "other.xml")


def test_an_onnx_file_without_metadata_is_refused(copy: Path) -> None:
    graph = onnx.load(copy / "model.onnx")
    del graph.metadata_props[:]
    onnx.save(graph, copy / "model.onnx")
    with pytest.raises(UserError, match="carries no metadata"):
        load_backend(copy / "model.onnx")


def test_int8_is_refused_where_a_device_does_not_compute_in_it() -> None:
    there = {"CPU": ["FP32", "INT8"], "GPU.0": ["FP32", "FP16"], "NPU": ["INT8"]}
    for device in ("CPU", "NPU", "AUTO", "AUTO:GPU,CPU"):
        check_int8(Path("model_int8.xml"), device, there)
    for device in ("GPU", "GPU.0"):
        with pytest.raises(
            UserError,
            match=rf"{re.escape(device)} does not compute in INT8, and model_int8\.xml is "
            rf"quantised; allowed: CPU, NPU",
        ):
            check_int8(Path("model_int8.xml"), device, there)

"""Weights and scores that are no numbers are refused by every engine, and named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from action_recognition.checkpoint import (
    NETWORK_PREFIX,
    TRAINED_MODEL_KEY,
    TrainedModel,
    describe_training,
    load_trained_model,
    read_checkpoint,
)
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.finite_values import UselessScores, finite_scores
from action_recognition.deploy.backends.onnx_weights import float_weights
from action_recognition.errors import UserError
from action_recognition.models.build import trained_network
from tests.tiny_export import tiny_trained


def saved(trained: TrainedModel, path: Path) -> Path:
    content = {
        "state_dict": {f"{NETWORK_PREFIX}{k}": v for k, v in trained.state_dict.items()},
        TRAINED_MODEL_KEY: describe_training(
            list(trained.labels), trained.template, trained.model, {}
        ),
    }
    torch.save(content, path)
    return path


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_onnx_file_with_such_a_weight_names_it(
    value: float, exported: Path, tmp_path: Path
) -> None:
    model = onnx.load(exported / "model.onnx")
    tensor = next(item for item in model.graph.initializer if len(item.dims) == 5)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[3] = value
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(UserError, match=rf"1 of \d+ weights of {tensor.name} are NaN or infinite"):
        load_backend(tmp_path / "model.onnx")


def test_an_ir_with_such_a_weight_names_it(exported: Path, tmp_path: Path) -> None:
    shutil.copy(exported / "model.xml", tmp_path)
    content = bytearray((exported / "model.bin").read_bytes())
    content[:4] = np.float32(np.nan).tobytes()
    # The first constant may be smaller than a float: then a later one is hit, too.
    content[400:404] = np.float32(np.inf).tobytes()
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"weights of .+ are NaN or infinite; allowed: finite"):
        load_backend(tmp_path / "model.xml")


def test_the_weights_of_an_onnx_file_are_all_found(exported: Path) -> None:
    content = (exported / "model.onnx").read_bytes()
    expected = {
        item.name: numpy_helper.to_array(item).ravel()
        for item in onnx.load_from_string(content).graph.initializer
        if item.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }
    found = dict(float_weights(memoryview(content)))
    assert len(found) > 10 and found.keys() == expected.keys()
    assert all(np.array_equal(found[name], values) for name, values in expected.items())
    with pytest.raises(ValueError, match="without an end"):
        list(float_weights(memoryview(b"\xff" * 30)))


def test_scores_that_are_no_numbers_are_an_error() -> None:
    scores = np.array([[0.5, -1.0]], np.float32)
    assert finite_scores(scores, "m.xml") is scores
    with pytest.raises(UselessScores, match=r"m\.xml: gives scores that are no numbers"):
        finite_scores(np.array([0.5, np.nan], np.float32), "m.xml")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("head.class_directions", float("nan"), "head.class_directions holds NaN or infinity"),
        ("head.class_directions", float("-inf"), "head.class_directions holds NaN or infinity"),
        ("backbone.stem.norm.running_var", -1.0, "is a variance, and holds -1"),
    ],
)
def test_a_checkpoint_with_such_a_weight_names_it(
    name: str, value: float, message: str, tmp_path: Path
) -> None:
    trained = tiny_trained()
    names = [key for key in trained.state_dict if key.endswith(name.rsplit(".", 1)[-1])]
    trained.state_dict[names[0]].view(-1)[0] = value
    with pytest.raises(UserError, match=message.replace(name, names[0])):
        read_checkpoint(saved(trained, tmp_path / "x.pth"))


@pytest.mark.parametrize("change", ["missing", "more", "reshaped", "labels", "sparse"])
def test_weights_that_do_not_fit_their_description_are_one_message(
    change: str, tmp_path: Path
) -> None:
    trained = tiny_trained()
    weights = trained.state_dict
    directions = "head.class_directions"
    if change == "missing":
        del weights[directions]
    elif change == "more":
        weights["of.another"] = torch.zeros(2)
    elif change == "reshaped":
        weights[directions] = weights[directions][:, :2].clone()
    elif change == "sparse":
        weights[directions] = weights[directions].to_sparse()
    else:
        trained = replace(trained, labels=("a", "b"))
    path = saved(trained, tmp_path / "x.pth")
    message = {
        "missing": f"weights do not fit .*: {directions} is missing",
        "more": r"of\.another is \(2,\), not known",
        "sparse": f"{directions} is a sparse_coo tensor of float32",
    }.get(change, rf"{directions} is \(16, \d\), not \(16, \d\)")
    with pytest.raises(UserError, match=message) as found:
        trained_network(load_trained_model(path))
    assert str(found.value).startswith(str(path))


def test_exported_files_hold_finite_weights(exported: Path) -> None:
    """What the exporter writes is not refused: constants of masks may be infinite elsewhere."""
    for name in ("model.xml", "model_fp16.xml", "model.onnx"):
        load_backend(exported / name)

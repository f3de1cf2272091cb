"""INT8 of stateful networks: calibrated on states that occur, and near the FP32 ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest

from action_recognition.checkpoint import TrainedModel
from action_recognition.compression.explicit_states import recorded_calls
from action_recognition.compression.stateful_quantisation import int8_name, quantise_stateful
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.made_clips import made_clips, made_video
from action_recognition.deploy.stream_models import open_stream_model
from action_recognition.errors import UserError
from action_recognition.export.stateful_export import stateful_network, write_stateful
from tests.export.test_stateful_export import causal_trained


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return causal_trained()


@pytest.fixture(scope="module")
def video(trained: TrainedModel) -> np.ndarray:
    return made_video(made_clips(from_trained(trained, "0" * 64), 6)[:6], 48)


@pytest.fixture(scope="module")
def folder(
    trained: TrainedModel, video: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    target = tmp_path_factory.mktemp("int8")
    network, metadata = stateful_network(trained, from_trained(trained, "0" * 64), 4)
    write_stateful(network, metadata, target, as_onnx=True, as_openvino=True)
    assert (
        quantise_stateful(target / "model_stream4.onnx", [video], target / int8_name(4))
        == target / "model_stream4_int8.xml"
    )
    return target


def scores(path: Path, video: np.ndarray) -> np.ndarray:
    stream = open_stream_model(path).open_stream()
    return np.stack([step.scores for picture in video for step in stream.feed(picture)])


def test_int8_is_near_fp32_along_a_stream(folder: Path, video: np.ndarray) -> None:
    exact, quantised = (
        scores(folder / name, video) for name in ("model_stream4.xml", "model_stream4_int8.xml")
    )
    assert not np.array_equal(exact, quantised)
    assert np.abs(quantised - exact).mean() < 0.25 * np.abs(exact - exact.mean(0)).mean()


def test_nothing_adds_up_over_time(folder: Path, video: np.ndarray) -> None:
    """A video in a loop gives the same scores every time, once its own past is all there is."""
    passes = scores(folder / "model_stream4_int8.xml", np.concatenate([video] * 5)).reshape(
        5, -1, 3
    )
    np.testing.assert_allclose(passes[4], passes[2], atol=1e-5)


def test_int8_files_are_stateful_quantised_and_complete(folder: Path) -> None:
    model = openvino.Core().read_model(folder / "model_stream4_int8.xml")
    assert len(model.inputs) == len(model.outputs) == 1 and model.get_sinks()
    assert any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
    assert not [item.name for item in folder.iterdir() if item.name.startswith(".")]
    assert (
        open_stream_model(folder / "model_stream4_int8.xml").metadata
        == open_stream_model(folder / "model_stream4.xml").metadata
    )


def test_calibration_sees_the_states_that_the_calls_before_left(
    folder: Path, trained: TrainedModel, video: np.ndarray
) -> None:
    metadata = open_stream_model(folder / "model_stream4.onnx").metadata
    calls = recorded_calls(openvino.convert_model(folder / "model_stream4.onnx"), metadata, video)
    assert len(calls) == 12
    states = [name for name in calls[0] if name.startswith("state_")]
    assert not any(calls[0][name].any() for name in states)
    assert all(calls[-1][name].any() for name in states)
    np.testing.assert_array_equal(calls[1]["input"], video[4:8])


def test_what_cannot_be_quantised_is_named(
    folder: Path, exported: Path, tmp_path: Path, video: np.ndarray
) -> None:
    target = tmp_path / "out.xml"
    with pytest.raises(UserError, match="there is no such file"):
        quantise_stateful(folder / "model_stream9.onnx", [video], target)
    with pytest.raises(UserError, match="keeps no state"):
        quantise_stateful(exported / "model.onnx", [video], target)
    with pytest.raises(UserError, match="none of the videos has 4 frames"):
        quantise_stateful(folder / "model_stream4.onnx", [video[:3]], target)
    assert not list(tmp_path.iterdir())

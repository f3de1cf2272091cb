"""model_api.xml under the contract of OpenVINO Model API's `ClassificationModel`, which is not
installed here.

What it asks of a file, in its order: the class by `rt_info/model_info/model_type`; each of its
parameters under its own name there, parsed by type; one input of four axes and one output (1, C)
with no fewer labels; then it puts uint8 BGR pictures of any size, resizing,
`reverse_input_channels`, mean and scale in front, and a softmax and the best `topk` behind.
Source: model_api/python/model_api, 2024: models/{model,image_model,classification,types}.py,
adapters/{openvino_adapter,utils}.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13
from openvino.preprocess import ColorFormat, PrePostProcessor

from action_recognition.deploy import Predictor
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.delivery.model_api import (
    MODEL_API_FILE,
    OWN_SECTION,
    is_expressible,
    write_model_api,
)
from action_recognition.deploy.metadata import DeployMetadata, Resize, from_strings
from action_recognition.errors import UserError
from action_recognition.openvino_core import openvino_core
from tests.made_photos import METADATA, drawn_hands, write_photo_model

CALIBRATED = replace(METADATA, output_kind="cosine", score_scale=4.0, temperature=2.0)
FITTED = replace(CALIBRATED, resize=Resize(None, 64))


class ModelApi:
    """Model API's side of the contract; pictures come in the size that its resizing leaves as it
    is.
    """

    def __init__(self, path: Path) -> None:
        model = openvino_core().read_model(path)
        assert self.text(model, "model_type").lower() == "classification"
        self.labels = self.text(model, "labels").split()
        assert len(model.inputs) == len(model.outputs) == 1
        assert (
            len(model.inputs[0].shape) == 4
            and openvino.layout_helpers.get_layout(model.inputs[0]).to_string() == "[N,C,H,W]"
        )
        assert len(model.outputs[0].shape) == 2 and model.outputs[0].shape[1] <= len(self.labels)
        self.resize_type, self.side = self.text(model, "resize_type"), model.inputs[0].shape[2]
        assert self.resize_type in ("crop", "standard", "fit_to_window", "fit_to_window_letterbox")
        self.pad_value = int(self.text(model, "pad_value", "0"))
        assert (
            int(self.text(model, "topk")) == 1
            and self.text(model, "multilabel") == self.text(model, "hierarchical") == "False"
        )
        steps = PrePostProcessor(model)
        tensor = (
            steps.input(0)
            .tensor()
            .set_element_type(openvino.Type.u8)
            .set_layout(openvino.Layout("NHWC"))
        )
        tensor.set_color_format(ColorFormat.BGR)
        if self.text(model, "reverse_input_channels") in ("YES", "True"):
            steps.input(0).preprocess().convert_color(ColorFormat.RGB)
        steps.input(0).preprocess().convert_element_type(openvino.Type.f32)
        for name in ("mean", "scale"):
            if values := [float(part) for part in self.text(model, f"{name}_values", "").split()]:
                getattr(steps.input(0).preprocess(), name)(values)
        model = steps.build()
        softmax = opset13.softmax(model.outputs[0].get_node().input_value(0), 1)
        classified = openvino.Model(
            [opset13.result(softmax)], model.get_parameters(), "classification"
        )
        self.compiled = openvino_core().compile_model(
            classified, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )

    @staticmethod
    def text(model: Any, name: str, default: str | None = None) -> str:
        if default is not None and not model.has_rt_info(["model_info", name]):
            return default
        return str(model.get_rt_info(["model_info", name]).astype(str))

    def __call__(self, picture_bgr: np.ndarray) -> tuple[str, np.ndarray]:
        """The best label, and the probability of each (raw_scores)."""
        top = (self.side - picture_bgr.shape[0]) // 2
        assert picture_bgr.shape[1] == self.side and (
            top == 0 or self.resize_type == "fit_to_window_letterbox"
        )
        padded = np.full((self.side, self.side, 3), self.pad_value, np.uint8)
        padded[top : top + picture_bgr.shape[0]] = picture_bgr
        probabilities = self.compiled(padded[None])[0][0]
        return self.labels[int(probabilities.argmax())], probabilities


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photo_model(tmp_path_factory.mktemp("photos"))


@pytest.mark.parametrize("metadata", [CALIBRATED, FITTED])
def test_model_api_gets_the_predictors_label_and_probabilities(
    folder: Path, tmp_path: Path, metadata: DeployMetadata
) -> None:
    model_api = ModelApi(write_model_api(folder / "model.xml", metadata, tmp_path))
    predictor = Predictor(load_backend(folder / "model.onnx", metadata=metadata))
    found = []
    for channel, picture in enumerate(drawn_hands(3, width=model_api.side, height=model_api.side)):
        picture = picture.copy()
        picture[..., channel] //= 4  # the order of colours matters
        label, probabilities = model_api(picture[..., ::-1])
        expected = predictor.predict(picture[None], 1.0)
        assert label == expected.labels[0].replace(" ", "_")
        order = [predictor.labels.index(name) for name in expected.labels]
        np.testing.assert_allclose(
            probabilities[order], expected.probabilities, atol=1e-2
        )  # weights as FP16
        found.append(probabilities)
    assert np.ptp(found, axis=0).max() > 0.01


def test_a_wide_picture_is_padded_nearly_as_here(folder: Path, tmp_path: Path) -> None:
    """With one grey for all colours, where we take the mean colour."""
    model_api = ModelApi(write_model_api(folder / "model.xml", FITTED, tmp_path))
    assert (model_api.resize_type, model_api.pad_value) == ("fit_to_window_letterbox", 114)
    picture = drawn_hands(1, width=64, height=40)[0]
    _, probabilities = model_api(picture[..., ::-1])
    expected = Predictor(load_backend(folder / "model.onnx", metadata=FITTED)).predict(
        picture[None], 1.0
    )
    assert abs(probabilities.max() - expected.probability) < 0.1


def test_our_own_metadata_stay_and_the_files_are_the_same_every_time(
    folder: Path, tmp_path: Path
) -> None:
    path = write_model_api(folder / "model.xml", FITTED, tmp_path)
    keys = openvino_core().read_model(path).get_rt_info([OWN_SECTION]).astype(dict)
    assert (
        from_strings({key: str(getattr(value, "value", value)) for key, value in keys.items()}, "")
        == FITTED
    )
    before = [path.with_suffix(suffix).read_bytes() for suffix in (".xml", ".bin")]
    write_model_api(folder / "model.xml", FITTED, tmp_path)
    assert before == [path.with_suffix(suffix).read_bytes() for suffix in (".xml", ".bin")]
    with pytest.raises(UserError, match="network for single images"):
        load_backend(tmp_path / MODEL_API_FILE)


def test_what_model_api_cannot_prepare_is_not_written() -> None:
    assert is_expressible(FITTED) and is_expressible(CALIBRATED)
    assert not is_expressible(replace(METADATA, resize=Resize(48, 64))) and not is_expressible(
        replace(METADATA, clip_len=8)
    )

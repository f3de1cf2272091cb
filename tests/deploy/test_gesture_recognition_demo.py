"""Our IR under the contract of Open Model Zoo's `gesture_recognition_demo`, with a stand-in for
its person detector.

The demo itself cannot run: it imports `openvino.runtime`, which OpenVINO 2026 no longer has. What
it asks of a model, in its order: one input of five axes (batch, channels, frames, height, width)
and one output, found by name; two asynchronous requests; around the centre of the person's box a
square of input side / 256 of the box's short side, resized to the input, as RGB 0..255 float32;
the best score is compared with `--action_threshold` and named by the JSON list given as
`--class_map`. Source: open_model_zoo, demos/gesture_recognition_demo/python:
gesture_recognition_demo.py, action_recognizer.py and common.py, 2023.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy import Predictor
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.openvino_core import openvino_core
from tests.tiny_export import LABELS

DEMO_SCALE = 256  # ACTION_IMAGE_SCALE
DEMO_RATE_FPS = 15.0  # ACTION_NET_INPUT_FPS


@pytest.fixture(scope="module")
def folder(tiny: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network at the size and rate that the demo was made for."""
    clip_input = tiny.template.input.model_copy(
        update={"resize_short_side": DEMO_SCALE, "crop_size": 224}
    )
    trained = replace(tiny, template=tiny.template.model_copy(update={"input": clip_input}))
    target = tmp_path_factory.mktemp("demo")
    export_model(trained, target, ExportOptions(onnx=False, check_clips=1), say=lambda _: None)
    return target


class Demo:
    """The demo's side of the contract: it knows the files and nothing of this package."""

    def __init__(self, model_path: Path, class_map: Path) -> None:
        core = openvino_core()
        model = core.read_model(str(model_path))
        assert len(model.inputs) == 1 and len(model.outputs) == 1
        self.labels = dict(enumerate(json.loads(class_map.read_text(encoding="utf-8"))))
        self.input_name, self.output_name = (
            ports[0].get_any_name() for ports in (model.inputs, model.outputs)
        )
        _, channels, self.num_frames, self.height, self.width = model.input(self.input_name).shape
        assert channels == 3 and self.height / DEMO_SCALE < 1 and self.width / DEMO_SCALE < 1
        self.request = core.compile_model(
            model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        ).create_infer_request()

    def recognise(self, frames_bgr: np.ndarray, person: tuple[int, int, int, int]) -> np.ndarray:
        """Scores (1, C) for frames (T, H, W, 3) and the box left, top, right, bottom."""
        pictures = [
            cv2.cvtColor(self.cut(frame, person), cv2.COLOR_BGR2RGB).astype(np.float32)
            for frame in frames_bgr
        ]
        self.request.start_async({self.input_name: np.stack(pictures).transpose(3, 0, 1, 2)[None]})
        self.request.wait()
        scores: np.ndarray = self.request.get_tensor(self.output_name).data[:].copy()
        return scores[: len(self.labels)]

    def cut(self, frame: np.ndarray, person: tuple[int, int, int, int]) -> np.ndarray:
        left, top, right, bottom = person
        short = min(right - left, bottom - top)
        x, y = (left + right) / 2, (top + bottom) / 2
        half_width, half_height = (
            int(side / DEMO_SCALE * short) / 2 for side in (self.width, self.height)
        )
        square = frame[
            int(y - half_height) : int(y + half_height), int(x - half_width) : int(x + half_width)
        ]
        return cv2.resize(square, (self.width, self.height))


def test_the_demo_gets_the_predictors_label_and_cosine(folder: Path) -> None:
    demo = Demo(folder / "model.xml", folder / "classes.json")
    assert demo.num_frames == 4 and demo.labels == dict(enumerate(LABELS))
    predictor = Predictor.from_path(folder / "model.xml")
    found = []
    for seed in range(3):
        frames = np.random.default_rng(seed).integers(
            0, 128 * (1 + seed % 2), (4, 256, 256, 3), dtype=np.uint8
        )
        frames[..., seed] //= 2  # the order of colours matters
        scores = demo.recognise(frames[..., ::-1], person=(0, 0, 256, 256))
        prediction = predictor.predict(frames, DEMO_RATE_FPS)
        assert scores.shape == (1, len(LABELS))
        assert demo.labels[int(scores.argmax())] == prediction.labels[0]
        assert scores.max() == pytest.approx(
            prediction.cosine[0], abs=1e-5
        )  # what --action_threshold is compared with
        found.append(scores)
    assert np.ptp(found, axis=0).max() > 1e-3


def test_a_person_anywhere_in_the_picture_is_cut_out(folder: Path) -> None:
    demo = Demo(folder / "model.xml", folder / "classes.json")
    person = np.random.default_rng(0).integers(0, 256, (4, 256, 256, 3), dtype=np.uint8)
    scene = np.zeros((4, 480, 640, 3), np.uint8)
    scene[:, 100:356, 300:556] = person
    np.testing.assert_array_equal(
        demo.recognise(scene, (300, 100, 556, 356)), demo.recognise(person, (0, 0, 256, 256))
    )

"""Frames in, label out: the same from every form of a model, and as evaluation computes."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import openvino as ov
import pytest
import torch
from openvino import opset13

from action_recognition.checkpoint import TRAINED_MODEL_KEY, TrainedModel, describe_training
from action_recognition.data.annotations import ClipRecord
from action_recognition.deploy import Prediction, Predictor
from action_recognition.deploy.backends import RECORD_FILE, load_backend
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.predictor import to_prediction
from action_recognition.errors import UserError
from action_recognition.evaluation.clip_scores import score_clips
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.openvino_core import openvino_core
from tests.synthetic import write_frame_folder, write_video
from tests.tiny import moving_bar
from tests.tiny_export import LABELS

FORMS = ("latest.pth", "model.onnx", "model.xml")


@pytest.fixture(scope="module")
def forms(exported: Path, tiny: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export and the checkpoint that it is of, in one folder."""
    folder = Path(shutil.copytree(exported, tmp_path_factory.mktemp("forms") / "export"))
    state_dict = {f"network.{key}": value for key, value in tiny.state_dict.items()}
    described = describe_training(list(tiny.labels), tiny.template, tiny.model, {})
    torch.save({"state_dict": state_dict, TRAINED_MODEL_KEY: described}, folder / "latest.pth")
    return folder


@pytest.fixture(scope="module")
def predictor(forms: Path) -> Predictor:
    return Predictor.from_path(forms / "model.xml", num_threads=1)


@pytest.fixture
def changed(forms: Path, tmp_path: Path) -> Path:
    """An export without its record, to be changed."""
    folder = Path(shutil.copytree(forms, tmp_path / "changed"))
    (folder / RECORD_FILE).unlink()
    return folder


def clip(seed: int, num_frames: int = 12) -> np.ndarray:
    return moving_bar(seed % 3, seed, num_frames)


def in_model_order(prediction: Prediction) -> np.ndarray:
    """(2, C): cosines and probabilities."""
    order = [prediction.labels.index(label) for label in LABELS]
    return np.stack([prediction.cosine[order], prediction.probabilities[order]])


def test_every_form_agrees_with_the_others_and_with_evaluation(forms: Path, tmp_path: Path) -> None:
    paths = [
        write_video(tmp_path / f"{seed}.mp4", clip(seed, 40), frame_rate_fps=30)
        for seed in range(4)
    ]
    span = {
        "clip_start": 9,
        "clip_end": 25,
        "video_start": 0,
        "video_end": 40,
        "frame_rate_fps": 30.0,
    }
    records = [
        ClipRecord(line=f"clips.txt:{i}", path=path, label=0, **span)
        for i, path in enumerate(paths)
    ]
    tables = []
    for name in FORMS:
        predictor = Predictor.from_path(forms / name, num_threads=1)
        table = np.stack(
            [in_model_order(predictor.predict_file(path, start=9, end=25)) for path in paths]
        )
        evaluated = score_clips(
            load_backend(forms / name, 1), records, num_workers=0, strict=True
        ).scores
        np.testing.assert_allclose(table[:, 0], evaluated, atol=1e-6)
        tables.append(table)
    assert (
        np.ptp(tables[0][:, 0], axis=0).max() > 0.01
    )  # the clips differ, so equal predictions mean something
    for table in tables[1:]:
        np.testing.assert_allclose(table, tables[0], atol=1e-3, rtol=0)
        np.testing.assert_array_equal(table[:, 1].argmax(axis=1), tables[0][:, 1].argmax(axis=1))


def test_frames_a_file_and_a_folder_of_the_same_clip_are_one(
    predictor: Predictor, tmp_path: Path
) -> None:
    folder = write_frame_folder(tmp_path / "frames", clip(1), pattern="{:05d}.png")
    expected = in_model_order(predictor.predict(clip(1), 15.0))
    np.testing.assert_array_equal(
        in_model_order(predictor.predict_file(folder)), expected
    )  # a folder has the model's rate
    np.testing.assert_array_equal(in_model_order(predictor.predict(list(clip(1)), 15.0)), expected)
    fast = in_model_order(predictor.predict_file(str(folder), frame_rate_fps=30.0))
    np.testing.assert_array_equal(fast, in_model_order(predictor.predict(clip(1), 30.0)))
    assert np.abs(fast - expected).max() > 1e-4


def test_frames_are_thinned_out_to_the_models_rate(predictor: Predictor) -> None:
    frames = clip(0, 8)
    thinned = in_model_order(predictor.predict(frames[::2], 15.0))
    np.testing.assert_array_equal(in_model_order(predictor.predict(frames, 30.0)), thinned)
    assert np.abs(in_model_order(predictor.predict(frames, 15.0)) - thinned).max() > 1e-4


@pytest.mark.parametrize("num_frames", [1, 3])
def test_a_short_clip_has_its_ends_repeated(predictor: Predictor, num_frames: int) -> None:
    padded = {1: [0, 0, 0, 0], 3: [0, 1, 2, 2]}[num_frames]
    frames = clip(0, num_frames)
    np.testing.assert_array_equal(
        in_model_order(predictor.predict(frames, 15.0)),
        in_model_order(predictor.predict(frames[padded], 15.0)),
    )


def test_pictures_of_any_size_are_resized_and_cropped_as_the_metadata_say(
    predictor: Predictor,
) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 72, 96, 3), dtype=np.uint8)
    small = np.stack([cv2.resize(frame, (48, 36)) for frame in frames])
    cropped = small[:, 2:34, 8:40].transpose(3, 0, 1, 2)
    np.testing.assert_array_equal(predictor.prepare(frames, 15.0), cropped)


@pytest.mark.parametrize("embed", [True, False])
def test_colour_order_and_normalisation_are_the_metadatas(
    tiny: TrainedModel, predictor: Predictor, tmp_path: Path, embed: bool
) -> None:
    export_model(
        tiny,
        tmp_path,
        ExportOptions(embed_normalization=embed, color_order="BGR", check_clips=1),
        say=lambda _: None,
    )
    frames = clip(0)
    frames[..., 0] //= 3
    for name in ("model.xml", "model.onnx"):
        found = in_model_order(Predictor.from_path(tmp_path / name).predict(frames, 15.0))
        np.testing.assert_allclose(
            found, in_model_order(predictor.predict(frames, 15.0)), atol=1e-5
        )


def test_what_a_prediction_holds(predictor: Predictor) -> None:
    prediction = predictor.predict(clip(0), 15.0)
    assert sorted(prediction.labels) == sorted(LABELS) == sorted(predictor.labels)
    assert list(prediction.probabilities) == sorted(prediction.probabilities, reverse=True)
    assert (
        prediction.cosine.dtype == np.float32
        and prediction.probabilities.sum() == pytest.approx(1.0)
    )
    logits = predictor.backend.metadata.score_scale * prediction.cosine.astype(np.float64)
    np.testing.assert_allclose(
        prediction.probabilities, np.exp(logits) / np.exp(logits).sum(), atol=1e-9
    )
    assert (
        prediction.probability
        == prediction.probability_of(prediction.labels[0])
        == prediction.probabilities[0]
    )
    with pytest.raises(KeyError, match="nobody"):
        prediction.probability_of("nobody")


def test_temperature_and_thresholds_of_the_file_count(changed: Path, predictor: Predictor) -> None:
    plain = predictor.predict(clip(0), 15.0)
    best = plain.labels[0]
    model = openvino_core().read_model(changed / "model.xml")
    model.set_rt_info("0.25", ["model_info", "temperature"])
    model.set_rt_info("", ["model_info", "negative_label"])
    model.set_rt_info(json.dumps({best: 0.999}), ["model_info", "thresholds"])
    ov.save_model(model, changed / "other.xml", compress_to_fp16=False)
    sharp = Predictor.from_path(changed / "other.xml").predict(clip(0), 15.0)
    logits = 4 * np.log(plain.probabilities)
    np.testing.assert_allclose(
        sharp.probabilities, np.exp(logits) / np.exp(logits).sum(), atol=1e-6
    )
    assert (
        sharp.is_rejected
        and sharp.label is None
        and "below its threshold 0.999" in sharp.reason
        and sharp.labels[0] == best
    )
    np.testing.assert_array_equal(sharp.cosine, plain.cosine)  # the raw score stays what it was


def test_the_negative_label_is_no_gesture(tiny: TrainedModel) -> None:
    metadata = dataclasses.replace(
        from_trained(tiny, tiny.weights_sha256),
        negative_label="No gesture",
        thresholds={LABELS[0]: 0.2},
    )
    rejected = to_prediction(np.array([0.1, 0.0, 0.9, 0.0], np.float32), metadata)
    assert (
        rejected.label is None
        and "means no gesture" in rejected.reason
        and rejected.labels[0] == "No gesture"
    )
    taken = to_prediction(np.array([0.9, 0.0, 0.1, 0.0], np.float32), metadata)
    assert taken.label == LABELS[0] and not taken.is_rejected and taken.reason == ""


@pytest.mark.parametrize("hint", ["latency", "throughput"])
@pytest.mark.parametrize("name", FORMS)
def test_batches_and_futures_are_the_single_predictions(forms: Path, name: str, hint: str) -> None:
    predictor = Predictor.from_path(forms / name, num_threads=2, hint=hint)
    clips = [clip(seed) for seed in range(9)]
    expected = [in_model_order(predictor.predict(frames, 15.0)) for frames in clips]
    assert np.ptp([table[0] for table in expected], axis=0).max() > 0.01
    for found, table in zip(predictor.predict_batch(clips, 15.0), expected, strict=True):
        np.testing.assert_allclose(in_model_order(found), table, atol=1e-6)
    first, second = predictor.submit(clips[0], 15.0), predictor.submit(clips[1], 15.0)
    np.testing.assert_allclose(in_model_order(second.result(60)), expected[1], atol=1e-6)
    np.testing.assert_allclose(in_model_order(first.result(60)), expected[0], atol=1e-6)
    prepared = np.stack([predictor.prepare(frames, 15.0) for frames in clips])
    np.testing.assert_allclose(
        predictor.backend.scores(prepared), np.stack([table[0] for table in expected]), atol=1e-6
    )
    assert predictor.predict_batch([], 15.0) == []


def test_a_hint_reaches_openvino(forms: Path) -> None:
    assert load_backend(forms / "model.xml", hint="latency").num_requests == 1  # type: ignore[attr-defined]
    assert load_backend(forms / "model.xml", num_threads=2, hint="throughput").num_requests >= 2  # type: ignore[attr-defined]


# What is wrong is said.


def test_a_device_that_is_not_there_names_those_that_are(forms: Path) -> None:
    with pytest.raises(
        UserError, match=r"device: 'TOASTER' is not available; allowed: .*CPU.*AUTO"
    ):
        Predictor.from_path(forms / "model.xml", device="TOASTER")
    for name in ("model.onnx", "latest.pth"):
        with pytest.raises(
            UserError,
            match=r"device: 'GPU' is not available for .* allowed: CPU; to repair: .*\.xml",
        ):
            Predictor.from_path(forms / name, device="GPU")


def test_openvino_may_choose_the_device(forms: Path, predictor: Predictor) -> None:
    chosen = Predictor.from_path(forms / "model.xml", device="AUTO")
    np.testing.assert_allclose(
        in_model_order(chosen.predict(clip(0), 15.0)),
        in_model_order(predictor.predict(clip(0), 15.0)),
        atol=1e-5,
    )
    with pytest.raises(UserError, match="num_threads"):
        Predictor.from_path(forms / "model.xml", device="AUTO", num_threads=1)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((1, 3, 32, 32), r"is a network for single images: it takes \(1, 3, 32, 32\)"),
        ((1, 4, 3, 32, 32), "has its axes in another order"),
        ((1, 4, 32, 32, 3), "has its axes in another order"),
        ((1, 3), "is no network that classifies clips"),
    ],
)
def test_a_network_of_another_kind_is_named(
    tmp_path: Path, shape: tuple[int, ...], said: str
) -> None:
    given = opset13.parameter(shape, np.float32)
    flat = opset13.reshape(given, np.array([1, -1]), special_zero=False)
    model = ov.Model(
        [opset13.matmul(flat, np.ones((int(np.prod(shape)), 4), np.float32), False, False)], [given]
    )
    ov.save_model(model, tmp_path / "image.xml")
    with pytest.raises(UserError, match=said) as error:
        Predictor.from_path(tmp_path / "image.xml")
    assert len(error.value.problems) == 1 and "name a model that export.py wrote" in str(
        error.value
    )


def without_metadata(folder: Path) -> None:
    model = openvino_core().read_model(folder / "model.xml")
    bare = ov.Model(model.get_results(), model.get_parameters())
    ov.save_model(bare, folder / "bare.xml", compress_to_fp16=False)
    graph = onnx.load(folder / "model.onnx")
    del graph.metadata_props[:]
    onnx.save(graph, folder / "bare.onnx")


@pytest.mark.parametrize("name", ["bare.xml", "bare.onnx"])
def test_a_network_without_metadata_asks_for_them_and_takes_them(
    changed: Path, tiny: TrainedModel, predictor: Predictor, name: str
) -> None:
    without_metadata(changed)
    with pytest.raises(
        UserError,
        match=r"carries no metadata of this toolkit. It takes 4 frames of 32x32 and gives 4 scores",
    ) as error:
        Predictor.from_path(changed / name)
    assert len(error.value.problems) == 1 and "metadata=DeployMetadata(...)" in str(error.value)
    metadata = from_trained(tiny, tiny.weights_sha256)
    stated = Predictor.from_path(changed / name, metadata=metadata).predict(clip(0), 15.0)
    np.testing.assert_allclose(
        in_model_order(stated), in_model_order(predictor.predict(clip(0), 15.0)), atol=1e-5
    )
    fewer = dataclasses.replace(metadata, labels=LABELS[:2], negative_label=None, label_swaps={})
    with pytest.raises(UserError, match="its metadata name 2 labels"):
        Predictor.from_path(changed / name, metadata=fewer)


def test_a_checkpoint_keeps_its_own_metadata(forms: Path, tiny: TrainedModel) -> None:
    with pytest.raises(ValueError, match=r"\.pth"):
        Predictor.from_path(forms / "latest.pth", metadata=from_trained(tiny, tiny.weights_sha256))


def test_an_ir_of_a_newer_openvino_is_named(changed: Path) -> None:
    text = (changed / "model.xml").read_text(encoding="utf-8")
    newer = re.sub(
        r'(<Runtime_version value=")\d+',
        r"\g<1>2099",
        text.replace('version="11">', 'version="99">', 1),
    )
    (changed / "model.xml").write_text(newer, encoding="utf-8")
    with pytest.raises(
        UserError,
        match=r"was written by OpenVINO 2099\.\d+.*, which 20.* cannot read; to repair: update "
        r"OpenVINO",
    ):
        Predictor.from_path(changed / "model.xml")


def test_a_truncated_file_is_one_message(changed: Path) -> None:
    content = (changed / "model.bin").read_bytes()
    (changed / "model.bin").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="damaged") as error:
        Predictor.from_path(changed / "model.xml")
    assert len(error.value.problems) == 1


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 5), (0, 13), (12, None)])
def test_a_part_that_a_video_does_not_have_is_refused(
    predictor: Predictor, tmp_path: Path, start: int, end: int | None
) -> None:
    path = write_video(tmp_path / "a.mp4", clip(0))
    with pytest.raises(UserError, match=r"a\.mp4: start .*; allowed: 0 <= start < end <= 12"):
        predictor.predict_file(path, start, end)


@pytest.mark.parametrize(
    ("frames", "rate", "said"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), 15.0, "no frames"),
        (np.zeros((4, 8, 8, 3), np.float32), 15.0, r"float32, expected \(T, H, W, 3\) uint8"),
        (np.zeros((4, 3, 8, 8), np.uint8), 15.0, r"expected \(T, H, W, 3\)"),
        (np.zeros((4, 8, 8), np.uint8), 15.0, r"expected \(T, H, W, 3\)"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((9, 8, 3), np.uint8)], 15.0, "of one size"),
        (np.zeros((4, 8, 8, 3), np.uint8), 0.0, "frame_rate_fps 0.0"),
        (np.zeros((4, 8, 8, 3), np.uint8), float("nan"), "frame_rate_fps nan"),
    ],
)
def test_frames_of_another_form_are_the_callers_mistake(
    predictor: Predictor, frames: np.ndarray, rate: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        predictor.predict(frames, rate)
    with pytest.raises(ValueError, match=said):
        predictor.submit(frames, rate)

"""Stateful files: the clip form's scores call by call, after a reset, across streams; and nothing
that only looks like it passes.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import pytest
import torch
from torch import nn

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends import StatefulBackend, TorchBackend, load_backend
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.made_clips import made_clips, made_video
from action_recognition.deploy.stream_models import StepScores, open_stream_model
from action_recognition.errors import UserError
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.export.stateful_export import stateful_network, write_stateful
from action_recognition.export.stateful_proof import StatefulProof
from action_recognition.models.build import build_recogniser
from action_recognition.template import Template, load_template_dir
from tests.conftest import template_dir
from tests.models.test_causal import mobilenet
from tests.tiny_export import tiny_trained

LABELS = ("a", "b", "no gesture")
CLIP_LEN, SIDE = 8, 32


def quiet(_: str) -> None:
    pass


def causal_template() -> Template:
    template, _ = load_template_dir(template_dir("jester"))
    clip_input = template.input.model_copy(
        update={"clip_len": CLIP_LEN, "resize_short_side": 36, "crop_size": SIDE}
    )
    return template.model_copy(update={"input": clip_input, "labels": [], "negative_label": None})


def causal_trained() -> TrainedModel:
    """Three blocks, a step of 4 frames; fixed weights."""
    torch.manual_seed(3)
    network = build_recogniser(mobilenet(), len(LABELS))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm3d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return TrainedModel(network.state_dict(), LABELS, causal_template(), mobilenet(), {}, "ab" * 32)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return causal_trained()


@pytest.fixture(scope="module")
def folder(trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("streams")
    export_model(trained, target, ExportOptions(stream_frames=(1, 4, 8)), say=quiet)
    return target


@pytest.fixture(scope="module")
def video(trained: TrainedModel) -> np.ndarray:
    return made_video(made_clips(from_trained(trained, "0" * 64), 3)[:3], 32)


def fed(path: Path, video: np.ndarray) -> list[StepScores]:
    stream = open_stream_model(path).open_stream()
    return [step for picture in video for step in stream.feed(picture)]


def test_a_causal_network_is_exported_for_clips_and_for_streams(folder: Path) -> None:
    names = {item.name for item in folder.iterdir()}
    assert {
        f"model_stream{k}.{suffix}" for k in (1, 4, 8) for suffix in ("xml", "bin", "onnx")
    } < names
    assert {"model.xml", "model.onnx"} < names
    record = json.loads((folder / "export_record.json").read_text())
    proven = {item["file"]: item["limit"] for item in record["parity"] if "stream" in item["file"]}
    assert len(proven) == 6 and set(proven.values()) == {1e-4}


@pytest.mark.parametrize("suffix", ["xml", "onnx"])
@pytest.mark.parametrize(("k", "every"), [(1, 1), (4, 4), (8, 4)])
def test_scores_come_frame_by_frame_as_the_clip_form_gives_them(
    folder: Path, trained: TrainedModel, video: np.ndarray, suffix: str, k: int, every: int
) -> None:
    model = open_stream_model(folder / f"model_stream{k}.{suffix}")
    assert (
        model.mode == "stateful" and model.frames_per_score == every and "stateful" in model.runs_as
    )
    steps = fed(folder / f"model_stream{k}.{suffix}", video)
    assert [step.frame for step in steps] == list(range(every - 1, 32, every))
    assert [step.is_warm for step in steps] == [step.frame + 1 >= CLIP_LEN for step in steps]
    expected = StatefulProof(trained, video).clip_form
    at_steps = np.stack([step.scores for step in steps if (step.frame + 1) % 4 == 0])
    assert np.ptp(expected, axis=0).max() > 0.01
    np.testing.assert_allclose(at_steps, expected, atol=1e-5)


@pytest.mark.parametrize("suffix", ["xml", "onnx"])
def test_streams_keep_their_states_apart_and_a_reset_forgets(
    folder: Path, video: np.ndarray, suffix: str
) -> None:
    model = open_stream_model(folder / f"model_stream4.{suffix}")
    one, two = model.open_stream(), model.open_stream()
    alone = [step.scores for step in fed(folder / f"model_stream4.{suffix}", video)]
    backwards = [step.scores for step in fed(folder / f"model_stream4.{suffix}", video[::-1])]
    pairs = [
        (one.feed(ahead), two.feed(back)) for ahead, back in zip(video, video[::-1], strict=True)
    ]
    np.testing.assert_array_equal([step.scores for steps, _ in pairs for step in steps], alone)
    np.testing.assert_array_equal([step.scores for _, steps in pairs for step in steps], backwards)
    assert not np.allclose(alone, backwards, atol=1e-3)
    one.feed(video[0])  # half a call is forgotten too
    one.reset()
    again = [step for picture in video for step in one.feed(picture)]
    np.testing.assert_array_equal([step.scores for step in again], alone)
    assert again[0].frame == 3


def test_a_clip_is_scored_by_a_stateful_model_as_by_the_others(
    folder: Path, trained: TrainedModel
) -> None:
    clips = made_clips(from_trained(trained, "0" * 64), 2)
    expected = TorchBackend(trained).scores(clips)
    for name in ("model.xml", "model_stream4.xml", "model_stream8.xml", "model_stream4.onnx"):
        backend = load_backend(folder / name)
        np.testing.assert_allclose(backend.scores(clips), expected, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(
            backend.submit(clips[0]).result(), expected[0], atol=1e-5, err_msg=name
        )


def test_a_stream_shorter_than_a_call_says_something_at_its_end(
    folder: Path, video: np.ndarray
) -> None:
    stream = open_stream_model(folder / "model_stream8.xml").open_stream()
    assert not [step for picture in video[:3] for step in stream.feed(picture)]
    (step,) = stream.finish()
    assert step.frame == 2 and not step.is_warm
    stream.reset()
    assert stream.finish() == []
    assert len([step for picture in video[:11] for step in stream.feed(picture)]) == 2
    assert stream.finish() == []


@pytest.mark.parametrize("changes", [{"color_order": "BGR"}, {"normalization": "external"}])
def test_colour_order_and_outside_normalisation_are_proven_too(
    trained: TrainedModel, video: np.ndarray, tmp_path: Path, changes: dict[str, str]
) -> None:
    metadata = replace(from_trained(trained, "0" * 64), **changes)  # type: ignore[arg-type]
    if "color_order" in changes:
        metadata = replace(
            metadata,
            mean_values=metadata.mean_values[::-1],
            scale_values=metadata.scale_values[::-1],
        )
    (name,) = write_stateful(
        *stateful_network(trained, metadata, 4), tmp_path, as_onnx=False, as_openvino=True
    )
    assert StatefulProof(trained, video).differences(tmp_path / name).largest < 1e-5


def test_metadata_say_how_a_stream_is_fed(folder: Path) -> None:
    layout = load_backend(folder / "model_stream8.xml").metadata.stream
    assert layout is not None
    assert (
        layout.frames_per_call,
        layout.frames_per_score,
        layout.frames_per_step,
        layout.warm_up_frames,
    ) == (8, 4, 4, CLIP_LEN)
    assert layout.reach_frames > CLIP_LEN
    assert load_backend(folder / "model.xml").metadata.stream is None
    assert "8 frames a call" in load_backend(folder / "model_stream8.xml").metadata.model_input


def test_states_are_variables_of_the_ir_and_inputs_of_the_onnx_file(folder: Path) -> None:
    model = openvino.Core().read_model(folder / "model_stream4.xml")
    assert len(model.inputs) == len(model.outputs) == 1
    assert model.inputs[0].get_names() == {"input"} and list(model.inputs[0].shape) == [
        4,
        SIDE,
        SIDE,
        3,
    ]
    assert model.inputs[0].get_element_type() == openvino.Type.u8
    num_states = len(model.get_sinks())
    session = onnxruntime.InferenceSession(
        str(folder / "model_stream4.onnx"), providers=["CPUExecutionProvider"]
    )
    assert [item.name for item in session.get_inputs()] == [
        "input",
        *(f"state_{i:02d}" for i in range(num_states)),
    ]
    assert [item.name for item in session.get_outputs()] == [
        "output",
        *(f"next_state_{i:02d}" for i in range(num_states)),
    ]


def _spoiled(trained: TrainedModel) -> TrainedModel:
    state = {name: value.clone() for name, value in trained.state_dict.items()}
    state["backbone.blocks.2.project.conv.weight"][:, :, 0] += (
        0.05  # the oldest tap: wrong only once there is a past
    )
    return replace(trained, state_dict=state)


def test_a_difference_that_shows_in_the_past_alone_fails_the_export(
    trained: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled = _spoiled(trained)
    monkeypatch.setattr(
        "action_recognition.export.export_model.stateful_network",
        lambda _, *others: stateful_network(spoiled, *others),
    )
    with pytest.raises(UserError, match=r"model_stream4\.xml: differs from PyTorch"):
        export_model(trained, tmp_path, ExportOptions(onnx=False, check_clips=1), say=quiet)
    assert list(tmp_path.iterdir()) == []


def test_the_proof_sees_a_stepper_that_does_not_forget_or_mixes_streams(
    folder: Path, trained: TrainedModel, video: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = StatefulProof(trained, video)
    path = folder / "model_stream4.xml"
    assert proof.differences(path).largest < 1e-5
    with monkeypatch.context() as patch:
        patch.setattr(
            "action_recognition.deploy.backends.openvino_stateful.OpenVinoStepper.reset",
            lambda _: None,
        )
        assert proof.differences(path).after_reset > 1e-3
    backend = load_backend(path)
    assert isinstance(backend, StatefulBackend)
    shared = backend.new_stepper()
    monkeypatch.setattr(
        StatefulBackend,
        "new_stepper",
        property(lambda _: lambda: shared, lambda *_: None),
        raising=False,
    )
    assert proof.differences(path).across_streams > 1e-3


def test_frames_that_are_no_share_of_a_clip_are_refused_before_anything_is_written(
    trained: TrainedModel, tmp_path: Path
) -> None:
    with pytest.raises(
        UserError,
        match="3 frames a call do not divide a clip of 8 frames; allowed: 1, 2, 4, 8",
    ):
        export_model(trained, tmp_path, ExportOptions(stream_frames=(4, 3)), say=quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_network_for_clips_has_no_stream_form(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="s3d_mobilenet_v3 sees later frames"):
        export_model(
            tiny_trained(), tmp_path, ExportOptions(stream_frames=(4,), check_clips=1), say=quiet
        )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            r'<stream value="[^"]*"',
            '<stream value=""',
            "keeps a state, but its metadata do not say how it is fed",
        ),
        (r"&quot;frames_per_call&quot;: 4", "&quot;frames_per_call&quot;: 8", "its metadata say"),
        (
            r"&quot;frames_per_call&quot;: 4",
            "&quot;frames_per_call&quot;: 0",
            "model_info/stream: found",
        ),
        (r'<clip_len value="8"', '<clip_len value="6"', "does not divide into calls of 4"),
        (r"<model_info>.*</model_info>", "", "carries no metadata of this toolkit"),
    ],
)
def test_a_stateful_file_that_contradicts_itself_is_refused(
    folder: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    for name in ("model_stream4.xml", "model_stream4.bin"):
        shutil.copy(folder / name, tmp_path / name)
    path = tmp_path / "model_stream4.xml"
    text, count = re.subn(old, new, path.read_text(), count=1, flags=re.DOTALL)
    assert count == 1
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(said)):
        load_backend(path)
